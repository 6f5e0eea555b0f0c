"""`persx pull`: a workspace's folder brought to what the home has."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.publishing import PULL, PullRequest
from persx.cli.options import home_option, json_option, print_json
from persx.model.counting import counted
from persx.workspace.working_copy import BESIDE, WorkingCopy


@click.command("pull")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--beside",
    is_flag=True,
    help=f"Write the home's version of files changed on both sides as FILE{BESIDE}.",
)
@home_option(must_exist=True)
@json_option
def command(folder: Path, beside: bool, home: Path, as_json: bool) -> None:
    """Bring a workspace's folder to what the home has.

    Files that were changed here are never overwritten: where the home has changed the same
    ones, nothing is written and they are named.

    \b
    Example:  persx pull my-site --home shop
    """
    there = call(home, PULL, PullRequest())
    update = WorkingCopy(folder, there.home).update(there.files, beside=beside)
    if as_json:
        print_json(update)
        return
    for path in update.written:
        click.echo(f"pulled {path}")
    for path in update.removed:
        click.echo(f"removed {path}")
    for path in update.beside:
        click.echo(f"merge {path}{BESIDE} into {path}, then remove it")
    changed = len(update.written) + len(update.removed)
    click.echo(f"{counted(changed, 'file')} changed in {folder}.")
    if update.kept:
        click.echo(f"Changed here and not pushed yet: {', '.join(update.kept)}.")
