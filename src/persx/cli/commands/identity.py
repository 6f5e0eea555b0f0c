"""`persx identity`: who belongs together, a merge taken back, and that undone."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.identities import (
    LINK,
    SHOW,
    UNMERGE,
    IdentityRequest,
    IdentityResult,
    ShownEdge,
    UnmergeResult,
)
from persx.cli.options import home_option, json_option, print_json
from persx.model.clock import iso
from persx.model.counting import counted


@click.group("identity")
def command() -> None:
    """Show who belongs together; take a merge back.

    ID is a user id, an anonymous id, an e-mail address or an account's id, or a key as 'show'
    prints it.

    \b
    Example:  persx identity show ada --home shop
              persx identity unmerge a:5f0c… u:ada --home shop
    """


@command.command("show")
@click.argument("id", metavar="ID")
@home_option(must_exist=True)
@json_option
def show(id: str, home: Path, as_json: bool) -> None:
    """Show whose facts are read for an identity, and which edges say so.

    \b
    Example:  persx identity show ada@example.com --home shop
    """
    result = call(home, SHOW, IdentityRequest(id=id))
    if as_json:
        print_json(result)
        return
    _print_identity(result)
    click.echo("edges")
    for edge in result.edges:
        click.echo(f"  {_line(edge)}")
    if not result.edges:
        click.echo("  none")


@command.command("unmerge")
@click.argument("id", metavar="ID")
@click.argument("other", metavar="[ID]", default="")
@home_option(must_exist=True)
@json_option
def unmerge(id: str, other: str, home: Path, as_json: bool) -> None:
    """Take the edge between two identities back, or all that join one to others.

    For good: events that say the same later join nothing; 'persx identity link' undoes it.
    Nothing that was kept is changed, so the profiles are those that there would be without the
    edge.

    \b
    Example:  persx identity unmerge a:5f0c… u:ada --home shop
              persx identity unmerge a:5f0c… --home shop
    """
    result = call(home, UNMERGE, IdentityRequest(id=id, other=other))
    if as_json:
        print_json(result)
    else:
        _print_change(result, "cut", "It was cut already.")


@command.command("link")
@click.argument("id", metavar="ID")
@click.argument("other", metavar="[ID]", default="")
@home_option(must_exist=True)
@json_option
def link(id: str, other: str, home: Path, as_json: bool) -> None:
    """Undo an 'unmerge': the edges count again.

    \b
    Example:  persx identity link a:5f0c… u:ada --home shop
    """
    result = call(home, LINK, IdentityRequest(id=id, other=other))
    if as_json:
        print_json(result)
    else:
        _print_change(result, "linked", "No event has said so yet.")


def _print_change(result: UnmergeResult, verb: str, nothing: str) -> None:
    for edge in result.edges:
        click.echo(f"{verb}  {edge.left} – {edge.right}")
    if not result.edges:
        click.echo(nothing)
    for each in result.after:
        click.echo()
        _print_identity(each)


def _print_identity(result: IdentityResult) -> None:
    click.echo(f"{result.identity}  bucketing id {result.bucketing_id}")
    if result.shared:
        click.echo(
            "  Several persons were verified on this device: it is merged with none of them."
        )
        click.echo("  Read here are its own facts, and those of whom it speaks for now:")
    for each in result.identities:
        click.echo(
            f"  {each.identity}  {counted(each.events, 'event')}, {iso(each.first_seen)} to "
            f"{iso(each.last_seen)}"
        )
    if result.account:
        click.echo(f"  belongs to {result.account}")


def _line(edge: ShownEdge) -> str:
    mark = "  (cut)" if edge.cut else ""
    return f"{edge.left} – {edge.right}  {edge.kind} since {iso(edge.at)}{mark}"
