"""Files of items: CSV, JSON Lines and Parquet, read row by row, each with what is wrong with it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from persx.model.errors import BadInput
from persx.recommend.feeds import Feed, Said, feed_of, said
from persx.storage.backends.duckdb.csv_files import check_names, delimiter_of, fault_of
from persx.storage.backends.duckdb.parquet_files import is_parquet, parquet_rows

LONGEST_ROW: Final = 64 << 20
"""Bytes of a row; what is longer is no row of items."""

_HEAD: Final = 4_096
_SHAPES: Final = 2_000
_FIRST: Final = 100
_NOT_UTF_8: Final = re.compile("[\ud800-\udfff]")


class FileRow(NamedTuple):
    """A row of a file, which begins or ends in a line.

    Attributes:
        said: What it says of an item; none where `problem` says what is wrong.
    """

    line: int
    said: Said | None
    problem: str = ""


def read_items(file: Path, mapping: Mapping[str, str] | None = None) -> Iterator[FileRow]:
    """Yield what each row of a file says.

    Args:
        mapping: Column → field, for columns whose names do not say it; see `feed_of`.

    Raises:
        BadInput: The file cannot be read, or its columns say no items; or, after some rows, the
            rest cannot be told apart, as behind a quotation mark that is never closed.
    """
    try:
        if not file.stat().st_size:
            raise BadInput(f"There is nothing in {file}.", value=str(file))
        if is_parquet(file):
            return _with_feed(enumerate(parquet_rows(file), 1), mapping)
        with file.open("rb") as opened:
            head = opened.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", value=str(file)) from error
    if head[:1] == b"[":
        return _with_shapes(_array(file), mapping)
    if head[:1] == b"{":
        return _with_shapes(_json_lines(file), mapping)
    return _csv(file, mapping)


def _told(line: int, row: Mapping[str, Any], feed: Feed) -> FileRow:
    try:
        return FileRow(line, said(row, feed))
    except BadInput as error:
        return FileRow(line, None, error.message)


def _with_feed(
    rows: Iterator[tuple[int, dict[str, Any]]], mapping: Mapping[str, str] | None
) -> Iterator[FileRow]:
    feed: Feed | None = None
    for line, row in rows:
        feed = feed or feed_of(row, mapping)
        yield _told(line, row, feed)


def _with_shapes(
    rows: Iterator[tuple[int, dict[str, Any] | str]], mapping: Mapping[str, str] | None
) -> Iterator[FileRow]:
    """Yield rows that each have names of their own, as those in JSON."""
    feeds: dict[tuple[str, ...], Feed | str] = {}
    mapping = mapping or {}
    first = list(islice(rows, _FIRST))
    # What the first ones have together: a misspelt column is told before anything is kept.
    feed_of(
        dict.fromkeys(name for _, row in first if isinstance(row, dict) for name in row), mapping
    )
    for line, row in chain(first, rows):
        if isinstance(row, str):
            yield FileRow(line, None, row)
            continue
        shape = tuple(row)
        feed = feeds.get(shape)
        if feed is None:
            try:
                feed = feed_of(row, {name: mapping[name] for name in mapping if name in row})
            except BadInput:
                feed = "It has no id."
            if len(feeds) < _SHAPES:
                feeds[shape] = feed
        yield FileRow(line, None, feed) if isinstance(feed, str) else _told(line, row, feed)


def _json_lines(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with file.open("rb") as opened:
        number = 0
        while raw := opened.readline(LONGEST_ROW):
            number += 1
            if len(raw) == LONGEST_ROW and not raw.endswith(b"\n"):
                while (rest := opened.readline(LONGEST_ROW)) and not rest.endswith(b"\n"):
                    pass
                yield number, f"It is longer than {LONGEST_ROW:,} bytes."
                continue
            raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
            if raw:
                yield number, _object(raw)


def _object(raw: bytes) -> dict[str, Any] | str:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"It is no JSON object: {error}."


def _array(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    if file.stat().st_size > LONGEST_ROW:
        raise BadInput(
            f"{file} is one JSON list of more than {LONGEST_ROW:,} bytes.",
            value=str(file),
            hint="Write one object a line (JSON Lines).",
        )
    try:
        rows = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=list[Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{file} is no JSON: {error}.", value=str(file)) from error
    for number, row in enumerate(rows, 1):
        yield number, row if isinstance(row, dict) else "It is no JSON object."


def _csv(file: Path, mapping: Mapping[str, str] | None) -> Iterator[FileRow]:
    delimiter = delimiter_of(file)
    check_names(file, delimiter)
    csv.field_size_limit(LONGEST_ROW)
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
        # NUL ends a string in C: what is read would not be what stands there.
        rows = csv.reader(
            (each.replace("\0", "\ufffd") for each in opened), delimiter=delimiter, strict=True
        )
        try:
            header = next(rows, [])
            feed = feed_of([name for name in header if name.strip()], mapping)
            for row in rows:
                if not row:
                    continue
                line = rows.line_num
                if len(row) != len(header):
                    told = f"It has {len(row)} cells, the header {len(header)}."
                    yield FileRow(line, None, told)
                elif any(map(_NOT_UTF_8.search, row)):
                    yield FileRow(line, None, "It is not in UTF-8.")
                else:
                    yield _told(line, dict(zip(header, row, strict=True)), feed)
        except csv.Error as error:
            told = fault_of(file, delimiter) or f"{error}."
            raise BadInput(
                f"{file} is no CSV from line {rows.line_num} on. {told}", value=str(file)
            ) from error
