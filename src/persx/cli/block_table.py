"""The table of blocks that `persx report --blocks` prints."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from persx.experiments import wording
from persx.experiments.block_lifts import Basis, BlockLift, BlockLifts, VariantShare


def print_blocks(console: Console, found: BlockLifts) -> None:
    """Print each block: its lift where it was randomised, and who saw which variant."""
    goal = f" · goal: {escape(found.goal)}" if found.goal else ""
    console.print(f"[bold]{len(found.blocks):,} blocks[/]{goal} · as of {found.as_of}")
    for block in found.blocks:
        for line in _lifts(block):
            console.print(line, highlight=False)
    table = Table(
        title="Who saw what, described",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("block", overflow="fold", min_width=8)
    table.add_column("variant", overflow="fold", min_width=8)
    for title in ("saw it", "reached the goal", "rate"):
        table.add_column(title, justify="right", no_wrap=True)
    for block in found.blocks:
        for place, each in enumerate(block.variants):
            table.add_row("" if place else escape(block.block), *_cells(each))
    if any(block.variants for block in found.blocks):
        console.print(table)
        console.print(f"· {found.meaning}", style="dim", highlight=False)


def _lifts(block: BlockLift) -> list[str]:
    name = escape(block.block)
    if block.basis is Basis.DESCRIPTIVE:
        return []
    lines = []
    for pli in block.pli:
        if pli.withheld:
            lines.append(f"{name}: {escape(pli.arm)} withheld. {escape(pli.withheld[0])}")
        else:
            lines.append(
                f"{name}: [bold]{wording.signed_percent(pli.lift)}[/] {escape(pli.arm)} "
                f"({wording.interval(pli.low, pli.high)}, p {wording.p_value(pli.p)}; "
                f"{escape(block.experiment)})"
            )
    return lines


def _cells(share: VariantShare) -> list[str]:
    return [
        escape(share.variant),
        f"{share.visitors:,}",
        f"{share.reached:,}",
        wording.rate("conversion", share.rate),
    ]
