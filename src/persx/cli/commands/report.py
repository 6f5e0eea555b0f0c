"""`persx report`: what an experiment was worth, as a table, JSON or a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from persx.app.block_reports import BLOCK_REPORT, BlocksRequest
from persx.app.commands import call
from persx.app.readout_export import EXPORT_READOUT, ReadoutExportRequest
from persx.app.reports import REPORT, ReportRequest
from persx.cli.block_table import print_blocks
from persx.cli.experiment_table import print_experiments, read_all
from persx.cli.options import home_option, json_option, print_json
from persx.experiments import wording
from persx.experiments.guardrails import guardrails
from persx.experiments.readout import (
    ArmReadout,
    Contrast,
    Guard,
    MetricHeading,
    MetricReadout,
    Readout,
)
from persx.experiments.wording import Verdict
from persx.model.counting import counted
from persx.model.errors import BadInput
from persx.model.simulation import SIMULATED_LABEL

FILE_WIDTH = 120
_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red"}


@click.command("report")
@click.argument("name", metavar="[NAME]", default="")
@click.option(
    "--blocks",
    is_flag=True,
    help="What each block is worth, and who saw which variant; without NAME.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="A line for every experiment, from figures of the last hour; without NAME.",
)
@click.option("--fresh", is_flag=True, help="With --all: read every one anew.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a self-contained page with a chart.",
)
@click.option(
    "--export",
    "export",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write its visitors without ids, and a script that reproduces every figure.",
)
@click.option(
    "--confidence", type=float, default=0.95, show_default=True, help="Confidence of intervals."
)
@click.option(
    "--fixed",
    is_flag=True,
    help="Narrower intervals for one look, at a time that you fixed before the start.",
)
@home_option(must_exist=True)
@json_option
def command(
    name: str,
    blocks: bool,
    everything: bool,
    fresh: bool,
    page: Path | None,
    export: Path | None,
    confidence: float,
    fixed: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Print what an experiment was worth: an imported one, one of the site, or `holdout`.

    PLI is the lift of each arm over the control in the first metric, withheld with the reason
    where it would mislead. Intervals of experiments on the site hold however often you look;
    those of imported ones, and with --fixed, hold for one look.

    \b
    Example:  persx report holdout --home shop --html report.html
              persx report --all --home shop
              persx report --blocks --home shop
    """
    if export is not None:
        request = ReadoutExportRequest(
            name=name, folder=str(export.resolve()), confidence=confidence, fixed=fixed
        )
        _export(request, export, home, as_json)
        return
    console = Console()
    if not console.is_terminal:
        # In a file or a pipe nothing needs to be folded.
        console.width = max(console.width, FILE_WIDTH)
    several = blocks or everything
    if several == bool(name) or (several and page) or (blocks and everything):
        raise BadInput(
            "A report is of one experiment, or of all, or of all blocks.",
            value=name,
            hint="Write  persx report holdout  or  persx report --all  or  persx report --blocks",
        )
    if fresh and not everything:
        raise BadInput(
            "--fresh goes with --all: a report of one experiment is always read anew.",
            value="--fresh",
        )
    if everything:
        listed = read_all(home, fresh=fresh)
        if as_json:
            print_json(listed)
        else:
            print_experiments(console, listed)
        return
    if blocks:
        with Console(stderr=True).status("Reading the log …"):
            found = call(home, BLOCK_REPORT, BlocksRequest(confidence=confidence, fixed=fixed))
        if as_json:
            print_json(found)
        else:
            print_blocks(console, found)
        return
    with Console(stderr=True).status("Reading the log …"):
        readout = call(home, REPORT, ReportRequest(name=name, confidence=confidence, fixed=fixed))
    if page is not None:
        # The template engine is not needed for a table.
        from persx.web.report_page import render_report

        try:
            page.write_text(render_report(readout), encoding="utf-8")
        except OSError as error:
            raise BadInput(
                f"{page} cannot be written: {error.strerror}.", value=str(page)
            ) from error
        click.echo(f"Wrote {page}.", err=True)
    if as_json:
        print_json(readout)
    elif page is None:
        print_report(console, readout)


def _export(request: ReadoutExportRequest, folder: Path, home: Path, as_json: bool) -> None:
    with Console(stderr=True).status("Reading the log …"):
        done = call(home, EXPORT_READOUT, request)
    if as_json:
        print_json(done)
    else:
        click.echo(
            f"Wrote {done.units:,} visitors to {folder}. Check: python {folder}/reproduce.py"
        )


def print_report(console: Console, readout: Readout) -> None:
    """Print a readout as tables: every metric for everyone, the primary one by segment."""
    if readout.simulated:
        console.print(f"[yellow]{SIMULATED_LABEL}: these figures say nothing about people.[/]")
    console.print(
        f"[bold]{escape(readout.experiment)}[/] · {counted(readout.visitors, 'visitor')}, "
        f"compared with {escape(readout.comparator)} · as of {readout.as_of}"
    )
    for pli in readout.pli:
        arm = escape(pli.arm)
        if pli.withheld:
            console.print(f"[bold]PLI of {arm}: withheld[/]")
            for reason in pli.withheld:
                console.print(f"  {escape(reason)}")
        else:
            console.print(
                f"[bold]PLI of {arm}: {wording.signed_percent(pli.lift)}[/] "
                f"({wording.interval(pli.low, pli.high)}, p {wording.p_value(pli.p)})"
            )
        if said := wording.standing(pli.target, pli.standing):
            console.print(f"  {said}", highlight=False)
    _print_guardrails(console, readout)
    for single in readout.best_single:
        if not single.withheld:
            console.print(
                f"Against “{escape(single.best)}”, the best content for everybody: "
                f"{escape(single.arm)} {wording.signed_percent(single.lift)} "
                f"({wording.interval(single.low, single.high)}, p {wording.p_value(single.p)})"
            )
    for layer in readout.layers:
        for heading in readout.metrics[:1]:
            _print_layer(console, layer, heading)
    for heading in readout.metrics:
        _print_table(console, readout, heading, "", {"": readout.arms})
    for attribute, segments in readout.segments.items():
        groups = {value: segment.arms for value, segment in segments.items()}
        for heading in readout.metrics[:1]:
            _print_table(console, readout, heading, attribute, groups)
    if readout.segments and len(readout.metrics) > 1:
        console.print("Segments of the other metrics: --json or --html.", style="dim")
    for note in readout.notes:
        console.print(f"· {escape(note)}", style="dim", highlight=False)


def _print_guardrails(console: Console, readout: Readout) -> None:
    """Print what is watched: first what is harmed."""
    found = sorted(guardrails(readout), key=lambda each: each.guard is not Guard.HARMED)
    for each in found:
        style = "bold red" if each.guard is Guard.HARMED else "dim"
        console.print(f"{escape(each.sentence)}", style=style, highlight=False)


def _print_layer(console: Console, layer: Contrast, heading: MetricHeading) -> None:
    what = f"“{escape(layer.arm)}” over “{escape(layer.over)}”"
    if layer.withheld:
        console.print(f"{what}: withheld")
        return
    metric = layer.metrics[heading.name]
    console.print(
        f"{what}: {wording.signed_percent(metric.lift)} "
        f"({wording.interval(metric.low, metric.high)}, p {wording.p_value(metric.p)})"
    )


def _print_table(
    console: Console,
    readout: Readout,
    heading: MetricHeading,
    attribute: str,
    groups: Mapping[str, Mapping[str, ArmReadout]],
) -> None:
    console.print(_table(readout, heading, attribute, groups))
    for reason in _reasons(heading, groups):
        console.print(f"  {escape(reason)}", style="dim", highlight=False)


def _table(
    readout: Readout,
    heading: MetricHeading,
    attribute: str,
    groups: Mapping[str, Mapping[str, ArmReadout]],
) -> Table:
    percent = f"{readout.confidence * 100:g}%"
    title = escape(f"{heading.label} by {attribute}" if attribute else heading.label)
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    if attribute:
        table.add_column(escape(attribute), overflow="fold", min_width=8)
    table.add_column("arm", overflow="fold", min_width=8)
    table.add_column("visitors", justify="right", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column(heading.rate_label, justify="right", no_wrap=True)
    table.add_column("lift", justify="right", no_wrap=True)
    adjusted = ", adjusted" if attribute else ""
    table.add_column(f"{percent} interval{adjusted}", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    if attribute:
        table.add_column("pooled", justify="right", no_wrap=True)
    for value, arms in groups.items():
        for place, (name, arm) in enumerate(arms.items()):
            metric = arm.metrics[heading.name]
            shown = metric.adjusted or metric
            cells = [
                escape(name) + ("" if attribute or name != readout.control else " (control)"),
                f"{metric.n:,}",
                _total(metric),
                wording.rate(heading.kind, metric.rate),
                wording.signed_percent(metric.lift),
                wording.interval(shown.low, shown.high),
                wording.p_value(shown.p),
            ]
            if attribute:
                cells.append(wording.signed_percent(metric.pooled.lift) if metric.pooled else "–")
                cells.insert(0, "" if place else escape(value))
            table.add_row(
                *cells,
                style=_STYLES.get(wording.verdict(metric, heading.better), ""),
                end_section=bool(attribute) and place == len(arms) - 1,
            )
    return table


def _total(metric: MetricReadout) -> str:
    total = wording.amount(metric.total)
    return total if metric.per is None else f"{total} by {wording.amount(metric.per)}"


def _reasons(
    heading: MetricHeading, groups: Mapping[str, Mapping[str, ArmReadout]]
) -> Iterator[str]:
    """Why figures of a table are undefined."""
    for value, arms in groups.items():
        reasons = {name: arm.metrics[heading.name].reason for name, arm in arms.items()}
        begin = f"{value}, " if value else ""
        if len(set(reasons.values())) == 1:
            # What holds for the metric is said once.
            reasons = {"all arms": next(iter(reasons.values()))}
        for name, reason in reasons.items():
            if reason:
                yield f"{begin}{name}: {reason}"
