"""`persx push`: a workspace's folder to the home."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.publishing import PULL, PUSH, PullRequest, PushRequest, PushResult
from persx.cli.options import author, home_option, json_option, print_json
from persx.model.counting import counted
from persx.model.errors import BadInput
from persx.workspace.snapshot import digest
from persx.workspace.working_copy import BASE_FILE, WorkingCopy


@click.command("push")
@click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option(
    "--replace", is_flag=True, help="Drop what others have changed in the home: this folder wins."
)
@home_option()
@json_option
def command(folder: Path, replace: bool, home: Path, as_json: bool) -> None:
    """Send a workspace's folder to the home.

    Refused, naming the files, where someone else has changed the same files in the home since
    this folder was pulled or pushed. A fresh Git clone may push where the home's files are ones
    that its history holds. Nothing is served yet: that is what publish is for.

    \b
    Example:  persx push my-site --home shop
    """
    result = push_folder(folder, home, replace=replace)
    if as_json:
        print_json(result)
        return
    for path in result.written:
        click.echo(f"pushed {path}")
    for path in result.removed:
        click.echo(f"removed {path}")
    changed = len(result.written) + len(result.removed)
    click.echo(f"{counted(changed, 'file')} changed in {home}.")
    if result.behind:
        click.echo(
            f"Changed in the home and not here: {', '.join(result.behind)}. "
            f"Get them with: persx pull {folder}"
        )


def push_folder(folder: Path, home: Path, *, replace: bool = False) -> PushResult:
    """Push a folder's files and note what was pushed in the folder.

    Args:
        replace: Take the home's files as those that the folder started from, whatever they are.

    Raises:
        BadInput: There is no workspace in the folder.
        Conflict: Files have diverged.
    """
    files = WorkingCopy(folder).files()
    if not files and (replace or not (folder / BASE_FILE).exists()):
        raise BadInput(
            f"There is no workspace in '{folder}'.",
            value=str(folder),
            hint="Name the folder that holds settings.yaml, blocks/ and pages/.",
        )
    there = call(home, PULL, PullRequest())
    base = (
        {path: digest(text.encode()) for path, text in there.files.items()}
        if replace
        else WorkingCopy(folder, there.home).base(there.files)
    )
    result = call(home, PUSH, PushRequest(files=files, base=base, author=author()))
    WorkingCopy(folder, result.home).save_base(result.base)
    return result
