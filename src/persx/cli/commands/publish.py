"""`persx publish`: the home's workspace as the next snapshot."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.publishing import PUBLISH, PublishRequest
from persx.cli.commands.push import push_folder
from persx.cli.faults import print_faults
from persx.cli.options import author, existing, home_option, json_option, print_json
from persx.cli.progress import waiting


@click.command("publish")
@click.argument("folder", type=click.Path(path_type=Path), required=False, metavar="[DIR]")
@click.option("-m", "--message", default="", metavar="TEXT", help="Why, for the history.")
@home_option()
@json_option
def command(folder: Path | None, message: str, home: Path, as_json: bool) -> None:
    """Publish the home's workspace as the next snapshot.

    With DIR, that folder is pushed first. An invalid workspace is refused with all its faults.
    A running server serves the new snapshot within a second.

    \b
    Example:  persx publish my-site --home shop -m "Spring campaign"
    """
    with waiting("Publishing"):
        if folder is not None:
            push_folder(folder, home)
        result = call(existing(home), PUBLISH, PublishRequest(author=author(), message=message))
    if as_json:
        print_json(result)
        return
    print_faults(result.warnings, to_stderr=True)
    if result.unchanged:
        click.echo(f"Nothing has changed: snapshot {result.number} is active already.")
        return
    for change in result.changes:
        click.echo(str(change))
    click.echo(f"Snapshot {result.number} is active (SHA-256 {result.digest}).")
