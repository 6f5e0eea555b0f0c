"""`persx restore`: a backup made a home again, without whom it had to forget since."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.backups import restore
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.clock import iso
from persx.model.counting import counted


@click.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--tombstones",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="The old home, or its file 'tombstones': who was erased since the backup stays erased.",
)
@home_option()
@json_option
def command(file: Path, tombstones: Path | None, home: Path, as_json: bool) -> None:
    """Make a home of a backup.

    The home must be a new folder. A damaged file is refused, and leaves nothing behind. Give the
    old home's tombstones, so that visitors who were erased after the backup do not come back.

    \b
    Example:  persx restore shop-2026-11-22.tar --home shop-again --tombstones shop
    """
    with waiting("Restoring"):
        done = restore(file, home, tombstones=tombstones)
    if as_json:
        print_json(done)
        return
    click.echo(
        f"{done.home}: {counted(done.files, 'file')}, {done.bytes:,} bytes, as of {iso(done.at)}."
    )
    if tombstones is None:
        click.echo("Without --tombstones, visitors who were erased after that are back.", err=True)
    elif done.erased:
        click.echo(f"{done.erased} identities that were erased after that were erased again.")
