"""`persx rollback`: an earlier snapshot served again."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.publishing import ROLLBACK, SNAPSHOTS, RollbackRequest, SnapshotsRequest
from persx.cli.options import home_option, json_option, print_json
from persx.model.clock import iso


@click.command("rollback")
@click.argument("number", type=click.IntRange(min=1), required=False, metavar="[N]")
@home_option(must_exist=True)
@json_option
def command(number: int | None, home: Path, as_json: bool) -> None:
    """Serve an earlier snapshot again, or list all.

    Snapshots are kept as they are, so that rolling forward is the same command. The files in
    the home do not change.

    \b
    Example:  persx rollback 3 --home shop
              persx rollback --home shop      (lists the snapshots)
    """
    if number is None:
        _list(home, as_json)
        return
    result = call(home, ROLLBACK, RollbackRequest(number=number))
    if as_json:
        print_json(result)
    elif result.previous == result.number:
        click.echo(f"Snapshot {result.number} is active already.")
    else:
        click.echo(f"Snapshot {result.number} is active; before it was {result.previous}.")


def _list(home: Path, as_json: bool) -> None:
    result = call(home, SNAPSHOTS, SnapshotsRequest())
    if as_json:
        print_json(result)
        return
    for head in result.snapshots:
        mark = "*" if head.active else " "
        click.echo(
            f"{mark} {head.number:>4}  {iso(head.published)}  {head.digest[:12]}  "
            f"{head.author}  {head.message}".rstrip()
        )
    if not result.snapshots:
        click.echo("Nothing is published.")
