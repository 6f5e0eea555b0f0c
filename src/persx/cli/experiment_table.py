"""All experiments in the terminal: what is kept, and with a bar what has to be read."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from persx.app.all_experiments import ALL_EXPERIMENTS, AllExperiments, ExperimentsRequest
from persx.app.commands import call
from persx.cli.progress import Progress
from persx.experiments import wording
from persx.experiments.overview import ExperimentLine, in_short
from persx.experiments.readout import Pli
from persx.experiments.wording import Verdict
from persx.model.simulation import SIMULATED_LABEL

_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red"}


def read_all(home: Path, *, fresh: bool) -> AllExperiments:
    """Return all experiments; those of which too old figures are kept are read, one by one.

    Args:
        fresh: All are read.
    """
    kept = call(home, ALL_EXPERIMENTS, ExperimentsRequest())
    wanted = tuple(each.name for each in kept.experiments) if fresh else kept.unread
    read: dict[str, ExperimentLine] = {}
    with Progress("Reading the log", len(wanted)) as progress:
        for name in wanted:
            found = call(home, ALL_EXPERIMENTS, ExperimentsRequest(names=(name,), fresh=True))
            read |= {each.name: each for each in found.experiments}
            progress.advance(1)
    return AllExperiments(experiments=[read.get(each.name, each) for each in kept.experiments])


def print_experiments(console: Console, found: AllExperiments) -> None:
    """Print a line for each experiment and arm."""
    if not found.experiments:
        console.print("There are no experiments yet. Publish a workspace, or import a file.")
        return
    if any(each.simulated for each in found.experiments):
        console.print(f"[yellow]{SIMULATED_LABEL}: these figures say nothing about people.[/]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("experiment", overflow="fold", min_width=10)
    table.add_column("status", no_wrap=True)
    table.add_column("visitors", justify="right", no_wrap=True)
    table.add_column("primary metric", overflow="fold")
    table.add_column("arm", overflow="fold")
    table.add_column("PLI", justify="right", no_wrap=True)
    table.add_column("interval", overflow="fold")
    table.add_column("as of", no_wrap=True)
    for line in found.experiments:
        for place, pli in enumerate(line.pli or [None]):
            _add(table, line, pli, first=not place)
    console.print(table)
    for line in found.experiments:
        for harmed in line.harmed:
            console.print(
                f"{escape(line.name)}: guardrail {escape(harmed.label)} harmed in "
                f"{escape(harmed.arm)}: {wording.signed_percent(harmed.lift)} "
                f"({wording.interval(harmed.low, harmed.high)})",
                style="bold red",
                highlight=False,
            )


def _add(table: Table, line: ExperimentLine, pli: Pli | None, *, first: bool) -> None:
    style = ""
    if pli is None:
        figures = ["", "–", escape(line.problem or ("No goal." if line.read else "not read"))]
    elif pli.withheld:
        figures = [escape(pli.arm), "withheld", escape(in_short(pli.withheld))]
    else:
        figures = [
            escape(pli.arm),
            wording.signed_percent(pli.lift),
            wording.interval(pli.low, pli.high),
        ]
        style = _STYLES.get(wording.said(pli.low, pli.high), "")
    status = f"winner {line.winner}" if line.winner else line.status
    head = [
        escape(line.name),
        escape(status),
        "–" if line.visitors is None else f"{line.visitors:,}",
        escape(line.metric),
    ]
    as_of = line.as_of[:16].replace("T", " ")
    table.add_row(*(head if first else [""] * 4), *figures, as_of if first else "", style=style)
