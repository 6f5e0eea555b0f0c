"""The timeline of publications: since when content is as it is, and pages are personalized."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from persx.model.clock import Millis
from persx.model.workspace import Workspace
from persx.workspace.coverage import coverage
from persx.workspace.snapshot import digest


class Touched(msgspec.Struct, frozen=True, array_like=True):
    """A variant's content by its hash, and when that was published first."""

    digest: str
    at: Millis


class PageLife(msgspec.Struct, frozen=True, array_like=True):
    """When a page was published first, and when its first block was personalized (0: not yet)."""

    added: Millis
    personalized: Millis


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What publications up to a number tell; each is read once.

    Attributes:
        number: The last snapshot that is in it.
        began: When the first one was published; 0 where nothing was.
        variants: Block and variant → its content's age.
        pages: Page → its life.
        industries: Industry → when it came.
        personas: Persona → when it came.
        covered: Blocks and industries that had content of their own in some snapshot.
    """

    number: int = 0
    began: Millis = 0
    variants: dict[tuple[str, str], Touched] = {}
    pages: dict[str, PageLife] = {}
    industries: dict[str, Millis] = {}
    personas: dict[str, Millis] = {}
    covered: tuple[tuple[str, str], ...] = ()


def extended(timeline: Timeline, number: int, at: Millis, workspace: Workspace) -> Timeline:
    """Return the timeline after one more publication.

    Args:
        number: The snapshot's number.
        at: When it was published.
    """
    cells = [cell for cell in coverage(workspace) if not cell.opted_out]
    covered = {(cell.block, cell.industry) for cell in cells if cell.variant}
    return Timeline(
        number=number,
        began=timeline.began or at,
        variants=_variants(timeline, at, workspace),
        pages=_pages(timeline, at, workspace, {block for block, _ in covered}),
        industries={name: timeline.industries.get(name, at) for name in workspace.industries},
        personas={name: timeline.personas.get(name, at) for name in workspace.personas},
        # What was covered once is expected until somebody opts out, or it is there no more.
        covered=tuple(
            sorted(
                covered | ({(cell.block, cell.industry) for cell in cells} & set(timeline.covered))
            )
        ),
    )


def _variants(
    timeline: Timeline, at: Millis, workspace: Workspace
) -> dict[tuple[str, str], Touched]:
    found = {}
    for block in workspace.blocks.values():
        for variant in block.variants:
            key = (block.name, variant.name)
            what = digest(msgspec.json.encode((variant.content, variant.locales), order="sorted"))
            before = timeline.variants.get(key)
            found[key] = before if before and before.digest == what else Touched(what, at)
    return found


def _pages(
    timeline: Timeline, at: Millis, workspace: Workspace, personal: Collection[str]
) -> dict[str, PageLife]:
    found = {}
    for page in workspace.pages.values():
        life = timeline.pages.get(page.name) or PageLife(at, 0)
        if not life.personalized and any(block in personal for block in page.blocks):
            life = PageLife(life.added, at)
        found[page.name] = life
    return found
