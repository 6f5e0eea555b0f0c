"""`persx import csv` and `persx import parquet`: rows of a file become events."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import yaml

from persx.app.commands import call
from persx.app.event_imports import (
    BEGIN_IMPORT,
    CONTINUE_IMPORT,
    BeginImport,
    ContinueImport,
    EventImport,
)
from persx.app.event_mapping import EventMapping, read_mapping
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import Progress, waiting
from persx.model.clock import iso
from persx.model.counting import counted
from persx.model.errors import BadInput

_PARQUET: Final = b"PAR1"

_PATIENCE: Final = 3_600.0
"""Seconds that an import waits for its turn: another one may hold the home for long."""

file_argument: Final = click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE"
)
map_option: Final = click.option(
    "--map",
    "mapping",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="MAPPING",
    help="YAML file that says how rows become events; see docs/guides/importing.md.",
)


@click.command("csv")
@file_argument
@map_option
@home_option()
@json_option
def csv_file(file: Path, mapping: Path, home: Path, as_json: bool) -> None:
    """Bring in the rows of a CSV file as events, with the profiles that follow from them.

    Stopped, it goes on where it was when it is called again; a file that was brought in with the
    same mapping is not brought in twice.

    \b
    Example:  persx import csv orders.csv --map orders.yaml --home shop
    """
    if _is_parquet(file):
        raise BadInput(f"{file} is a Parquet file.", hint="Use  persx import parquet")
    _bring_in(file, mapping, home, as_json=as_json)


@click.command("parquet")
@file_argument
@map_option
@home_option()
@json_option
def parquet_file(file: Path, mapping: Path, home: Path, as_json: bool) -> None:
    """Bring in the rows of a Parquet file as events; see `persx import csv`.

    \b
    Example:  persx import parquet orders.parquet --map orders.yaml --home shop
    """
    if not _is_parquet(file):
        raise BadInput(f"{file} is no Parquet file.", hint="Use  persx import csv")
    _bring_in(file, mapping, home, as_json=as_json)


def _is_parquet(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_PARQUET)) == _PARQUET
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", value=str(file)) from error


def _read(path: Path) -> EventMapping:
    try:
        return read_mapping(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise BadInput(f"{path} cannot be read: {told}.", value=str(path)) from error


def _bring_in(file: Path, mapping: Path, home: Path, *, as_json: bool) -> None:
    request = BeginImport(file=str(file.absolute()), mapping=_read(mapping))
    with waiting(f"Reading {file.name}"):
        job = call(home, BEGIN_IMPORT, request, patience=_PATIENCE)
    before = job
    with Progress("events", job.events) as progress:
        progress.advance(job.position)
        while not job.finished:
            step = ContinueImport(name=job.name)
            done = call(home, CONTINUE_IMPORT, step, patience=_PATIENCE)
            progress.advance(done.position - job.position)
            job = done
    if as_json:
        print_json(job)
    elif before.finished:
        click.echo(
            f"{file.name} was brought in with this mapping already, on "
            f"{iso(before.finished)[:16].replace('T', ' ')} UTC. Nothing was done."
        )
    else:
        _tell(job, home)


def _tell(job: EventImport, home: Path) -> None:
    click.echo(
        f"{counted(job.rows, 'row')} of {job.file} {'is' if job.rows == 1 else 'are'} "
        f"{counted(job.events, 'event')}."
    )
    click.echo(f"  in the log now: {job.accepted:,}")
    if job.duplicates:
        click.echo(f"  there already: {job.duplicates:,}")
    for reason, count in job.skipped.items():
        click.echo(f"  left out: {count:,} that {reason}")
    click.echo(f"Next: persx serve --home {home}")
