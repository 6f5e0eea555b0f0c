"""`persx backup`: a home in one file, while it is served."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.backups import BACK_UP, BackupRequest
from persx.app.commands import call
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.clock import iso
from persx.model.counting import counted


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option(must_exist=True)
@json_option
def command(file: Path, home: Path, as_json: bool) -> None:
    """Write everything in a home to one file, as of one moment.

    A server of the home goes on meanwhile. The file holds the home's keys and all that is known
    of its visitors, so only its owner can read it; keep it no longer than you need it.

    \b
    Example:  persx backup shop-2026-11-22.tar --home shop
    """
    with waiting("Backing up"):
        done = call(home, BACK_UP, BackupRequest(path=str(file)))
    if as_json:
        print_json(done)
    else:
        click.echo(
            f"{done.path}: {counted(done.files, 'file')}, {done.bytes:,} bytes, "
            f"as of {iso(done.at)}."
        )
