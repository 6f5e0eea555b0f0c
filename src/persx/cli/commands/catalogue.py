"""`persx catalogue`: what is kept of visitors, where it comes from, why, and who uses it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from persx.cli.options import existing, print_json
from persx.cli.progress import waiting
from persx.model.counting import counted
from persx.model.errors import BadInput, InvalidWorkspace
from persx.workspace.attribute_uses import CatalogueEntry, attribute_catalogue
from persx.workspace.layout import is_workspace_file, read_folder
from persx.workspace.validation import check

_NAMES: Final = 3
"""Names of each kind in a line of the table; `--json` has all, with their places."""


class CatalogueResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints for a folder, in which there are no visitors."""

    entries: tuple[CatalogueEntry, ...]


@click.command("catalogue")
@click.argument(
    "folder", type=click.Path(file_okay=False, path_type=Path), required=False, metavar="[DIR]"
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="List what this home serves, and for how many visitors each attribute is known.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(folder: Path | None, home: Path | None, as_json: bool) -> None:
    """List what is kept of visitors, and who uses it.

    For each attribute its source, how fresh it is, its purpose, when it expires, where visitors
    are asked for it, and where it is used. DIR is the workspace's folder, the current one unless
    given.

    \b
    Example:  persx catalogue my-site
              persx catalogue --home shop --json
    """
    if home is not None and folder is not None:
        raise click.UsageError("Give a folder or --home, not both.")
    if home is None:
        entries = _of_folder(folder or Path())
        if as_json:
            print_json(CatalogueResult(entries=entries))
        else:
            _print(entries, {}, 0)
            _call_out("Unused", "nothing uses it", [each.name for each in entries if each.unused])
        return
    from persx.app.census import CENSUS, CensusRequest
    from persx.app.commands import call

    with waiting("Counting"):
        found = call(existing(home), CENSUS, CensusRequest())
    if as_json:
        print_json(found)
        return
    _print(found.entries, found.known, found.visitors)
    click.echo(f"{counted(found.visitors, 'visitor')}.")
    _call_out("Unused", "nothing uses it", [each.name for each in found.entries if each.unused])
    _call_out("Never filled", "it is known for nobody", found.never_filled)


def _call_out(what: str, why: str, names: Sequence[str]) -> None:
    for name in names:
        click.echo(f"{what}: '{name}': {why}.")


def _of_folder(folder: Path) -> tuple[CatalogueEntry, ...]:
    files = read_folder(folder, [])
    if not any(map(is_workspace_file, files)):
        raise BadInput(
            f"There is no workspace in '{folder}'.",
            value=str(folder),
            hint="Name the folder that holds settings.yaml, blocks/ and pages/.",
        )
    workspace, faults = check(files)
    if workspace is None:
        raise InvalidWorkspace([fault for fault in faults if fault.severity == "error"])
    return attribute_catalogue(workspace)


def _print(entries: Sequence[CatalogueEntry], known: dict[str, int], visitors: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("attribute", "source", "fresh", "purpose", "expires", "asked in", "used by"):
        table.add_column(heading, overflow="fold")
    if visitors:
        table.add_column("known for", justify="right")
    for entry in entries:
        used = entry.used_by(_NAMES)
        if not used:
            used = f"kept for {entry.kept_for}" if entry.kept_for else "nothing"
        share = [f"{known[entry.name] / visitors:.1%}"] if visitors else []
        table.add_row(
            entry.name,
            entry.source.value + _guesses(entry),
            entry.freshness,
            entry.purpose.value + (" (sensitive)" if entry.sensitive else ""),
            entry.expires or "never",
            ", ".join(entry.asked_in),
            used,
            *share,
        )
    Console(width=None if Console().is_terminal else 200).print(table)


def _guesses(entry: CatalogueEntry) -> str:
    return f" (guesses {entry.predicts} from {entry.confidence:g} on)" if entry.predicts else ""
