"""`persx import items`: rows of a file become items of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from persx.app.commands import call
from persx.app.item_files import FileRow, read_items
from persx.app.item_keeping import (
    KEPT_IDS,
    MOST,
    PUT_ITEMS,
    REMOVE_OTHERS,
    AllIds,
    PutItems,
    RemoveOthers,
)
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import Progress
from persx.model.counting import counted
from persx.model.errors import BadInput
from persx.storage.items import ItemsWritten

_TOLD: Final = 10
"""Refused rows that are printed; `--json` has up to a thousand."""

_KEPT: Final = 1_000
_PATIENCE: Final = 3_600.0


class RefusedRow(msgspec.Struct, frozen=True):
    """A row that says no item, and why."""

    line: int
    id: str
    reason: str


class ItemsImport(msgspec.Struct, kw_only=True):
    """What an import came to.

    Attributes:
        rows: Rows of the file.
        repeated: Rows whose id came again further down: the last one counts.
        cut: Items whose texts were too long, and are cut.
        refused: How many rows are no items; `reasons` are the first of them.
    """

    file: str
    rows: int = 0
    written: ItemsWritten = ItemsWritten()
    repeated: int = 0
    cut: int = 0
    refused: int = 0
    reasons: list[RefusedRow] = []


class _Importing:
    """Sends the rows of a file piece by piece."""

    def __init__(self, file: Path, home: Path, *, whole: bool) -> None:
        self.told = ItemsImport(file=file.name)
        self._home, self._whole = home, whole
        self._seen: set[str] = set()
        self._rows: list[FileRow] = []

    def take(self, row: FileRow) -> None:
        """Take a row; a full piece is sent."""
        self.told.rows += 1
        if row.said is None:
            self._refuse(row.line, "", row.problem)
            return
        self.told.cut += row.said.cut
        self.told.repeated += row.said.id in self._seen
        self._seen.add(row.said.id)
        self._rows.append(row)
        if len(self._rows) == MOST:
            self.send()

    def send(self, *, last: bool = False) -> None:
        """Send what was taken since the last time."""
        rows, self._rows = self._rows, []
        asked = PutItems(
            items=tuple({"id": row.said.id, **row.said.facts} for row in rows if row.said),
            whole=self._whole,
            before=self.told.written,
            last=last,
        )
        done = call(self._home, PUT_ITEMS, asked, patience=_PATIENCE)
        self.told.written += done.written
        for each in done.refused:
            self._refuse(rows[each.place].line, each.id, each.reason)

    def remove_others(self) -> None:
        """Remove the items that no row was about."""
        kept = call(self._home, KEPT_IDS, AllIds(), patience=_PATIENCE).ids
        others = [id for id in kept if id not in self._seen]
        for start in range(0, len(others), MOST):
            asked = RemoveOthers(ids=tuple(others[start : start + MOST]))
            self.told.written += call(self._home, REMOVE_OTHERS, asked, patience=_PATIENCE)

    def _refuse(self, line: int, id: str, reason: str) -> None:
        self.told.refused += 1
        if len(self.told.reasons) < _KEPT:
            self.told.reasons.append(RefusedRow(line, id, reason))


@click.command("items")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Which field a column says, as often as needed; attributes.NAME for a further fact, "
    "- for nothing.",
)
@click.option(
    "--replace", is_flag=True, help="The file is the whole catalogue: remove all other items."
)
@home_option()
@json_option
def items_file(file: Path, maps: tuple[str, ...], replace: bool, home: Path, as_json: bool) -> None:
    """Bring in items of a catalogue from a CSV, Parquet or JSON Lines file.

    Columns are found by the names that feeds have for them. Of an item that is there already,
    what the file does not say stays. Rows that cannot be used are told with their line; the others
    are kept, and count with the next request.

    \b
    Example:  persx import items products.csv --home shop
              persx import items feed.jsonl --map sku=id --map colour=attributes.colour --replace
    """
    rows = read_items(file, _mapping(maps))
    importing = _Importing(file, home, whole=replace)
    with Progress("items") as progress:
        for row in rows:
            importing.take(row)
            progress.advance(1)
        told = importing.told
        if replace:
            if told.refused:
                # Which items the refused rows are about nobody knows: they may be among the others.
                importing.send(last=True)
                _end(told, home, as_json=as_json)
                raise BadInput(
                    f"{counted(told.refused, 'row')} could not be used, so no item was removed.",
                    hint="Mend them, and import again with --replace.",
                )
            importing.send()
            importing.remove_others()
        importing.send(last=True)
    _end(told, home, as_json=as_json)
    if told.refused and told.refused == told.rows:
        raise BadInput(
            f"No row of {file.name} could be used.",
            value=str(file),
            hint="If a column says the id or the title under another name, tell which: "
            "--map COLUMN=title.",
        )


def _end(told: ItemsImport, home: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for text in _sentences(told):
        click.echo(text)
    if told.written.added or told.written.changed:
        click.echo(f"Next: persx items list --home {home}")


def _sentences(told: ItemsImport) -> Iterator[str]:
    written = told.written
    yield f"{counted(told.rows, 'row')} of {told.file} read."
    for count, what in (
        (written.added, "added"),
        (written.changed, "changed"),
        (written.removed, "removed"),
        (written.same, "as they were"),
    ):
        if count:
            yield f"  {what}: {count:,}"
    if told.repeated:
        yield f"  ids that came again: {told.repeated:,}; the last row counts"
    if told.cut:
        yield f"  texts that were too long, and are cut: {told.cut:,}"
    if told.refused:
        yield f"  refused: {told.refused:,}"
    for each in told.reasons[:_TOLD]:
        yield f"    line {each.line}: " + (f"{each.id}: " if each.id else "") + each.reason
    if told.refused > _TOLD:
        yield f"    … and {told.refused - _TOLD:,} more; --json lists them"


def _mapping(maps: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in maps:
        column, equals, field = each.rpartition("=")
        if not equals or not column or not field:
            raise BadInput(
                f"--map {each} says nothing.", value=each, hint="Write --map COLUMN=FIELD"
            )
        found[column] = field
    return found
