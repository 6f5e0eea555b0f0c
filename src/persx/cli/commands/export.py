"""`persx export`: events, forms, or all that is held on one visitor, to a file or the terminal."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click
import msgspec
from rich.console import Console

from persx.app.commands import call
from persx.app.exporting import (
    EXPORT_EVENTS,
    EXPORT_EVENTS_FILE,
    EXPORT_SUBMISSIONS,
    EventsFileRequest,
    EventsRequest,
    SubmissionsRequest,
    segment_form,
)
from persx.app.submissions import Submission, as_csv, inert
from persx.app.visitor_export import EXPORT_VISITOR, ExportVisitor
from persx.cli.options import home_option
from persx.cli.progress import Progress
from persx.model.clock import iso
from persx.model.errors import BadInput
from persx.model.event import Event

EVENT_COLUMNS: Final = (
    "sequence", "type", "messageId", "anonymousId", "userId", "event", "name", "groupId",
    "previousId", "timestamp", "receivedAt", "verified", "properties", "traits", "context",
)  # fmt: skip
_LINE_ENDS: Final = ("\x85", "\u2028", "\u2029")

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write; standard output unless given.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="JSON Lines, which is the default."
)


@click.group("export")
def command() -> None:
    """Write out events, form submissions, or all that is held on one visitor.

    \b
    Example:  persx export events --home shop > events.jsonl
              persx export submissions --home shop --format csv -o forms.csv
              persx export visitor --email jane@example.com --home shop -o jane.json
    """


@command.command("events")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv", "parquet"]),
    default="json",
    show_default=True,
    help="JSON Lines, CSV for spreadsheets, or Parquet for analysis.",
)
@json_option
@output_option
@home_option(must_exist=True)
def events(form: str, as_json: bool, output: Path | None, home: Path) -> None:
    """Write out every stored event, in the order of the log.

    Events have the form in which Segment's API takes them, so that they can be sent again.

    \b
    Example:  persx export events --home shop --json | head -1
              persx export events --home shop --format parquet -o events.parquet
    """
    if form == "parquet" and not as_json:
        _events_file(output, home)
        return
    progress = Progress("Exporting events")

    def begin(total: int) -> None:
        progress.total = total

    with progress, _opened(output) as file:
        write = _event_writer(file, "json" if as_json else form)

        def take(found: Sequence[Event]) -> None:
            write(found)
            progress.advance(len(found))

        exported = call(home, EXPORT_EVENTS, EventsRequest(begin=begin, take=take))
    if output is not None:
        click.echo(f"{exported.rows} events written to {output}.", err=True)


def _events_file(output: Path | None, home: Path) -> None:
    if output is None:
        raise BadInput("Parquet is written to a file.", hint="Name it with -o FILE.")
    request = EventsFileRequest(path=str(output.absolute()))
    with Console(stderr=True).status("Exporting events …"):
        exported = call(home, EXPORT_EVENTS_FILE, request)
    click.echo(f"{exported.rows} events written to {output}.", err=True)


@command.command("submissions")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="JSON Lines, or CSV for spreadsheets.",
)
@json_option
@output_option
@home_option(must_exist=True)
def submissions(form: str, as_json: bool, output: Path | None, home: Path) -> None:
    """Write out every submitted form, newest first.

    \b
    Example:  persx export submissions --home shop --format csv -o forms.csv
    """
    found: list[Submission] = []
    exported = call(home, EXPORT_SUBMISSIONS, SubmissionsRequest(take=found.extend))
    with _opened(output) as file:
        if form == "csv" and not as_json:
            file.write(as_csv(found).encode())
        else:
            for row in found:
                line = {**msgspec.structs.asdict(row), "at": iso(row.at)}
                file.write(_one_line_each(msgspec.json.encode(line)) + b"\n")
    if output is not None:
        click.echo(f"{exported.rows} submissions written to {output}.", err=True)


@command.command("visitor")
@click.option("--user", default="", metavar="ID", help="The visitor with this user id.")
@click.option("--anonymous", default="", metavar="ID", help="The visitor with this anonymous id.")
@click.option("--email", default="", metavar="ADDRESS", help="The visitor with this address.")
@click.option("--json", is_flag=True, expose_value=False, help="JSON, which is the default.")
@output_option
@home_option(must_exist=True)
def visitor(user: str, anonymous: str, email: str, output: Path | None, home: Path) -> None:
    """Write out everything that is held on one visitor, as JSON.

    It is what visitors get themselves on /privacy: facts, consent, events, decisions, and who of
    the team looked at them, to which this is added.

    \b
    Example:  persx export visitor --user jane --home shop
              persx export visitor --email jane@example.com --home shop -o jane.json
    """
    found = call(home, EXPORT_VISITOR, ExportVisitor(user=user, anonymous=anonymous, email=email))
    with _opened(output) as file:
        file.write(bytes(found.held) + b"\n")
    if output is not None:
        told = ", ".join(found.identities)
        click.echo(f"All that is held on {told} written to {output}.", err=True)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Open the output; a file appears under its name only when it is whole."""
    if output is None:
        stream = sys.stdout.buffer
        yield stream
        stream.flush()
        return
    partial = output.with_name(output.name + ".part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _event_writer(file: IO[bytes], form: str) -> Callable[[Sequence[Event]], None]:
    encoder = msgspec.json.Encoder()
    if form == "json":

        def lines(found: Sequence[Event]) -> None:
            file.write(
                _one_line_each(encoder.encode_lines([segment_form(event) for event in found]))
            )

        return lines

    writer = csv.writer(_Text(file))
    writer.writerow(EVENT_COLUMNS)

    def rows(found: Sequence[Event]) -> None:
        for event in found:
            fields = segment_form(event)
            writer.writerow([_cell(fields.get(column)) for column in EVENT_COLUMNS])

    return rows


def _one_line_each(data: bytes) -> bytes:
    """Escape what JSON allows in texts and many readers take for the end of a line."""
    for mark in _LINE_ENDS:
        data = data.replace(mark.encode(), f"\\u{ord(mark):04x}".encode())
    return data


class _Text:
    """What a CSV writer writes to: text on top of a binary file that stays open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write text as UTF-8."""
        return self._file.write(text.encode("utf-8", "replace"))


def _cell(value: Any) -> str:
    """Return a value as a cell: JSON inside where it is a map, and nothing acts as a formula."""
    if value is None:
        return ""
    return inert(value) if isinstance(value, str) else msgspec.json.encode(value).decode()
