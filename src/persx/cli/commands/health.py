"""``persx health``: how personalization works, and silences for its alerts."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from persx.app.commands import call, user
from persx.app.health import (
    HEALTH,
    SILENCE,
    UNSILENCE,
    HealthRequest,
    SilenceRequest,
    UnsilenceRequest,
)
from persx.cli.options import existing, home_option, json_option, print_json
from persx.health.status import Status
from persx.health.wording import share
from persx.model.clock import iso, parse_duration
from persx.model.health import ObjectiveState

CONFIRMED_STATUS = 3
"""The exit status where something is confirmed."""

_STYLES = {
    ObjectiveState.OK: "green",
    ObjectiveState.WATCH: "yellow",
    ObjectiveState.CONFIRMED: "bold red",
    ObjectiveState.UNKNOWN: "dim",
}


@click.group("health", invoke_without_command=True)
@click.option("--indicators", is_flag=True, help="Tell of every indicator, with its formula.")
@click.option("--scorecard", is_flag=True, help="Tell of the twelve criteria of success.")
@home_option()
@json_option
@click.pass_context
def command(
    ctx: click.Context, indicators: bool, scorecard: bool, home: Path, as_json: bool
) -> None:
    """Tell how personalization works; exit status 3 where an objective is confirmed to be missed.

    \b
    Example:  persx health --home shop
              persx health --indicators --home shop
              persx health silence latency --for 2d --why "moving house" --home shop
    """
    if ctx.invoked_subcommand is not None:
        return
    status = call(existing(home), HEALTH, HealthRequest())
    if as_json:
        print_json(status)
    else:
        _print(status, indicators=indicators, scorecard=scorecard)
    if status.confirmed:
        ctx.exit(CONFIRMED_STATUS)


def _print(status: Status, *, indicators: bool, scorecard: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(_objectives(status))
    for each in status.objectives:
        for subject in each.subjects[:10]:
            style = _STYLES[subject.state]
            line = f"  {each.name}: {subject.subject}: {share(subject.value)}. {subject.why}"
            console.print(Text(line, style=style))
    if indicators:
        console.print(_indicators(status))
    if scorecard:
        for card in status.criteria:
            console.print(f"{card.number:>2}. {card.verdict.value:8} {card.text}: {card.found}")
            console.print(Text(f"    {card.formula} ({card.window})", style="dim"))
    for silence in status.silences:
        told = f"Silenced until {iso(silence.until)} by {silence.who}:"
        on = f"{silence.objective} {silence.subject}".strip()
        console.print(f"{told} {on} ({silence.why}) [{silence.id}]", markup=False)
    console.print(Text(f"As of {iso(status.at)}, snapshot {status.snapshot}.", style="dim"))


def _name(heading: str) -> Column:
    """Names are typed again, in commands: they stay whole however narrow it is."""
    return Column(heading, no_wrap=True)


def _objectives(status: Status) -> Table:
    table = Table(_name("Objective"), "State", "Value", "Target", "Of", "Window", box=None)
    for each in status.objectives:
        state = Text(each.state.value.upper(), style=_STYLES[each.state])
        table.add_row(
            each.name, state, share(each.finding.value), each.target, each.counted, each.window
        )
    return table


def _indicators(status: Status) -> Table:
    table = Table(_name("Indicator"), "Value", "Of", "Window", "Formula", box=None)
    for each in status.indicators:
        table.add_row(each.name.value, share(each.value), each.counted, each.window, each.formula)
    return table


@command.command("silence")
@click.argument("objective")
@click.option("--for", "length", required=True, metavar="TIME", help="How long: 1h, 2d, 1w.")
@click.option("--why", required=True, metavar="TEXT", help="For whoever comes after you.")
@click.option("--subject", default="", metavar="TEXT", help="Only subjects that begin so.")
@home_option(must_exist=True)
@json_option
def silence(objective: str, length: str, why: str, subject: str, home: Path, as_json: bool) -> None:
    """Send no alerts of an objective ('*' for all) for a while.

    What is still wrong when the silence ends is told then. The audit log says who asked for it.

    \b
    Example:  persx health silence latency --for 2d --why "moving house" --home shop
    """
    request = SilenceRequest(
        objective=objective,
        subject=subject,
        length=parse_duration(length),
        who=f"cli:{user()}",
        why=why,
    )
    made = call(home, SILENCE, request)
    if as_json:
        print_json(made)
    else:
        click.echo(f"No alerts of {made.objective} until {iso(made.until)} [{made.id}].")


@command.command("unsilence")
@click.argument("id")
@home_option(must_exist=True)
def unsilence(id: str, home: Path) -> None:
    """End a silence, by the id that 'persx health' shows.

    \b
    Example:  persx health unsilence 4f2a91c0 --home shop
    """
    ended = call(home, UNSILENCE, UnsilenceRequest(id=id))
    click.echo(f"Alerts of {ended.objective} are sent again.")
