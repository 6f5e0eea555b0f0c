"""Coverage as the studio shows it: the blocks of each page, those that lack a variant first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from persx.model.workspace import Page, Workspace
from persx.workspace.coverage import Cell, coverage


class CoverageBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block: what a visitor of each industry gets from it, in the workspace's order."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Industries for which content is wanted and not there."""
        return tuple(cell.industry for cell in self.cells if cell.missing)


class Count(msgspec.Struct, frozen=True):
    """How many of the blocks that want a variant have one."""

    covered: int
    wanted: int


class CoveragePage(msgspec.Struct, frozen=True, kw_only=True):
    """The blocks of a page. `path` is empty for those that stand on no page.

    Attributes:
        counts: One for each industry.
    """

    title: str
    path: str
    blocks: tuple[CoverageBlock, ...]
    counts: tuple[Count, ...]

    @property
    def missing(self) -> int:
        """Cells without the content that is wanted."""
        return sum(len(block.missing) for block in self.blocks)


def coverage_pages(workspace: Workspace) -> tuple[CoveragePage, ...]:
    """Return the pages with their blocks; where something is missing comes first.

    A block that stands on several pages is shown on each. A workspace without industries, such as
    a shop's, has none to cover.
    """
    if not workspace.industries:
        return ()
    cells: dict[str, list[Cell]] = {}
    for cell in coverage(workspace):
        cells.setdefault(cell.block, []).append(cell)
    blocks = {name: CoverageBlock(name=name, cells=tuple(row)) for name, row in cells.items()}
    pages = sorted(workspace.pages.values(), key=_place)
    made = [
        _page(page.navigation or page.title, page.path, [blocks[name] for name in page.blocks])
        for page in pages
    ]
    homeless = set(blocks) - {name for page in pages for name in page.blocks}
    if homeless:
        made.append(_page("On no page", "", [blocks[name] for name in blocks if name in homeless]))
    return tuple(sorted(made, key=lambda page: not page.missing))


def count(pages: Iterable[CoveragePage]) -> Count:
    """Return the count of all blocks and industries, each block once."""
    blocks = {block.name: block for page in pages for block in page.blocks}
    return _count([cell for block in blocks.values() for cell in block.cells])


def _place(page: Page) -> tuple[bool, int, str]:
    return (not page.navigation, page.order, page.path)


def _page(title: str, path: str, blocks: Sequence[CoverageBlock]) -> CoveragePage:
    return CoveragePage(
        title=title,
        path=path,
        blocks=tuple(sorted(blocks, key=lambda block: not block.missing)),
        counts=tuple(
            _count(column) for column in zip(*(block.cells for block in blocks), strict=True)
        ),
    )


def _count(cells: Sequence[Cell]) -> Count:
    wanted = [cell for cell in cells if not cell.opted_out]
    return Count(sum(not cell.missing for cell in wanted), len(wanted))
