"""`persx probe`: synthetic visitors walk the running site, and what is broken is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click
import msgspec

from persx.app.commands import call, server_address
from persx.app.home import DEFAULT_HOME
from persx.app.probe_tests import write_tests
from persx.app.probing import probe, walk_at
from persx.app.walking import MARK, WALK, MarkRequest, WalkRequest
from persx.cli.faults import plain
from persx.cli.options import existing, json_option, print_json
from persx.cli.progress import Progress
from persx.model.clock import DAY, iso, system_clock
from persx.model.errors import BadInput, Conflict, NotFound
from persx.model.probe import CellState, ProbeCell, ProbeReport

MARK_VARIABLE: Final = "PERSX_PROBE_MARK"
_STATES: Final = {
    CellState.PERSONAL: "green",
    CellState.GENERIC: "",
    CellState.BROKEN: "red",
}


@click.command()
@click.option("--url", metavar="URL", help="The site's address; that of the home's server if not.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="PERSX_HOME",
    default=DEFAULT_HOME,
    show_default=True,
    metavar="DIR",
    help=f"The home whose server it is; not needed where {MARK_VARIABLE} is set.",
)
@click.option("--mark", "only_mark", is_flag=True, help="Print a mark for probes elsewhere.")
@click.option(
    "--days",
    type=click.FloatRange(0, 366, min_open=True),
    default=90,
    show_default=True,
    help="How long the mark of --mark is good.",
)
@click.option(
    "--write-tests",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write pytest files that test each industry × page of a server.",
)
@json_option
def command(
    url: str | None,
    home: Path,
    only_mark: bool,
    days: float,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Walk every page of the running site as every industry, and say what is broken.

    Probes are visitors who count nowhere. They also ask for what is missing. The exit code is 3
    where something is broken.

    \b
    Example:  persx probe --home shop
              persx probe --home shop --url https://www.example.com
              persx probe --home shop --write-tests tests/probes
    """
    if only_mark:
        made = call(existing(home), MARK, MarkRequest(milliseconds=int(days * DAY)))
        if as_json:
            print_json(made)
        else:
            click.echo(made.mark)
        return
    given = os.environ.get(MARK_VARIABLE, "")
    mark = given or call(existing(home), MARK, MarkRequest()).mark
    if folder is not None:
        where = url or (server_address(home) if given else "")
        walk = walk_at(where, mark) if where else call(existing(home), WALK, WalkRequest())
        for path in write_tests(walk, folder):
            click.echo(path)
        return
    where = (url or server_address(home)).rstrip("/")
    if not where:
        raise NotFound(
            f"No server of {home} is running.",
            value=str(home),
            hint=f"Start it with 'persx serve --home {home}', or say where it is with --url.",
        )
    if not where.startswith(("http://", "https://")):
        raise BadInput(f"'{where}' is no address.", value=where, hint="Say https://…")
    report = _walk(where, mark)
    if as_json:
        told = msgspec.to_builtins(report)
        for cell, seen in zip(told["cells"], report.cells, strict=True):
            cell["state"] = seen.state.value
        print_json({**told, "broken": list(report.broken)})
    else:
        _print(report)
    if broken := report.broken:
        raise Conflict(
            f"{len(broken)} broken; the first: {plain(broken[0])}" if as_json
            else f"{len(broken)} broken, as said above."
        )  # fmt: skip


def _walk(url: str, mark: str) -> ProbeReport:
    with Progress("Walking") as progress:

        def advance(done: int, total: int) -> None:
            progress.total = total
            progress.advance(done - progress.done)

        return probe(url, mark, now=system_clock(), advance=advance)


def _print(report: ProbeReport) -> None:
    click.echo(f"{report.url}, snapshot {report.snapshot}, {iso(report.at)}")
    if report.cells:
        name = max(len(cell.visitor) for cell in report.cells)
        page = max(len(cell.page) for cell in report.cells)
        click.secho(
            f"  {'visitor':<{name}}  {'page':<{page}}  {'state':<8}  {'ms':>6}  variants", dim=True
        )
        for cell in report.cells:
            state = click.style(f"{cell.state.value:<8}", fg=_STATES[cell.state] or None)
            click.echo(
                f"  {plain(cell.visitor):<{name}}  {cell.page:<{page}}  {state}  "
                f"{cell.milliseconds:>6.1f}  {_variants(cell)}"
            )
    for check in report.checks:
        said = click.style("broken", fg="red") if check.fault else "ok    "
        click.echo(f"  {said}  {check.asked}: {check.promised}  {check.milliseconds:.1f} ms")
    states = report.states
    click.echo(
        f"{states[CellState.PERSONAL]} personal, {states[CellState.GENERIC]} generic, "
        f"{states[CellState.BROKEN]} broken; {len(report.checks)} questions for what is missing; "
        f"{report.milliseconds / 1_000:.1f} s"
    )
    for line in report.broken:
        click.secho(f"Broken: {plain(line)}", fg="red")


def _variants(cell: ProbeCell) -> str:
    """Return which variants a page showed, and why some blocks fell back."""
    shown = ", ".join(f"{each.block} {each.variant}" for each in cell.personal)
    back = ", ".join(f"{count} {reason}" for reason, count in cell.fallbacks.items())
    return plain("; ".join(part for part in (shown, back and f"default: {back}") if part))
