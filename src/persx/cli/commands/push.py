"""`persx push`: a workspace's folder to the home."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.publishing import PUSH, PushRequest, PushResult
from persx.cli.options import author, home_option, json_option, print_json
from persx.model.errors import BadInput
from persx.workspace.working_copy import WorkingCopy


@click.command("push")
@click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@home_option()
@json_option
def command(folder: Path, home: Path, as_json: bool) -> None:
    """Send a workspace's folder to the home.

    Refused, naming the files, where someone else has changed the same files in the home since
    this folder was pulled or pushed. Nothing is served yet: that is what publish is for.

    \b
    Example:  persx push my-site --home shop
    """
    result = push_folder(folder, home)
    if as_json:
        print_json(result)
        return
    for path in result.written:
        click.echo(f"pushed {path}")
    for path in result.removed:
        click.echo(f"removed {path}")
    changed = len(result.written) + len(result.removed)
    click.echo(f"{changed} file{'s' if changed != 1 else ''} changed in {home}.")
    if result.behind:
        click.echo(
            f"Changed in the home and not here: {', '.join(result.behind)}. "
            f"Get them with: persx pull {folder}"
        )


def push_folder(folder: Path, home: Path) -> PushResult:
    """Push a folder's files and note what was pushed in the folder.

    Raises:
        BadInput: There is no workspace in the folder.
        Conflict: Files have diverged.
    """
    copy = WorkingCopy(folder)
    files, base = copy.files(), copy.base()
    if not files and not base:
        raise BadInput(
            f"There is no workspace in '{folder}'.",
            value=str(folder),
            hint="Name the folder that holds settings.yaml, blocks/ and pages/.",
        )
    result = call(home, PUSH, PushRequest(files=files, base=base, author=author()))
    copy.save_base(result.base)
    return result
