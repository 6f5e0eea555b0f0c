"""`persx retention`: how long things are kept, what was removed when, and what is next."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.retention import RETAIN, RETENTION, RetentionRequest
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.clock import iso


@click.command("retention")
@click.option("--run", is_flag=True, help="Look for what is too old now; a server does by itself.")
@home_option(must_exist=True)
@json_option
def command(run: bool, home: Path, as_json: bool) -> None:
    """Tell what is removed when it is too old.

    A workspace's settings say how long events, decisions and events that were set aside are
    kept, attributes how long their facts are. A running server removes the rest by itself.

    \b
    Example:  persx retention --home shop
              persx retention --run --json --home shop
    """
    with waiting("Looking"):
        found = call(home, RETAIN if run else RETENTION, RetentionRequest(run=run))
    if as_json:
        print_json(found)
        return
    if not found.rules:
        click.echo("Everything is kept for ever: the settings of the workspace say no 'retention'.")
    for rule in found.rules:
        name = f"{rule.place} {rule.kind}".rstrip()
        click.echo(f"{name:<40} {rule.keep:>6}  from {iso(rule.before)}")
    if found.next:
        due = ", ".join(f"{count:,} {place}" for place, count in found.due.items() if count)
        click.echo(f"Next at {iso(found.next)}: {due or 'no events or decisions yet'}.")
    for done in found.runs:
        told = ", ".join(f"{count:,} {place}" for place, count in sorted(done.removed.items()))
        click.echo(f"Removed at {iso(done.at)}: {told.replace('_', ' ')}.")
