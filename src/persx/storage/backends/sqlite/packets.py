"""The decision log's packets: lines that were written together stand in one row.

A row a line would cost three times as much: the log is written beside the requests that it is
about. A packet's sequence is that of its last line; the lines before it count down from there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

import msgspec

from persx.model.decision import DecisionRecord
from persx.storage.keeping import storable, with_sequence


class Block(NamedTuple):
    """Some hot rows as JSON texts, one a line unless another separator was asked for."""

    rows: int
    first: int
    last: int
    text: bytes


class _Line(msgspec.Struct):
    """What finds a line without reading the rest of it."""

    sequence: int
    id: str
    bucketing_id: str


_FEW: Final = 8

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(DecisionRecord).decode
_head: Final = msgspec.json.Decoder(_Line).decode


def add(connection: sqlite3.Connection, records: Sequence[DecisionRecord]) -> None:
    """Append lines; an id that the log holds already is left out."""
    lines = dict(_kept(record) for record in records)
    if not lines:
        return
    low, high = min(lines), max(lines)
    for greatest, packet in _packets(connection, low, high):
        for id in [each for each in lines if each <= greatest and _names(packet, each)]:
            del lines[id]
    if not lines:
        return
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'decision'").fetchone()
    first = (row[0] if row else 0) + 1
    connection.execute(
        "INSERT INTO decision (sequence, rows, low, high, lines) VALUES (?, ?, ?, ?, ?)",
        (
            first + len(lines) - 1,
            len(lines),
            low,
            high,
            b"\n".join(
                with_sequence(first + place, line) for place, line in enumerate(lines.values())
            ),
        ),
    )


def find(connection: sqlite3.Connection, id: str, after: int) -> DecisionRecord | None:
    """Return the line with this id, if its sequence is greater than `after`."""
    id = storable(id)
    for _, packet in _packets(connection, id, id):
        if _names(packet, id):
            for line in packet.split(b"\n"):
                head = _head(line)
                if head.id == id and head.sequence > after:
                    return _decode(line)
    return None


def newest_of(
    connection: sqlite3.Connection, bucketing_ids: Collection[str], *, after: int, limit: int
) -> list[DecisionRecord]:
    """Return the newest lines of these visitors with a sequence greater than `after`.

    Ids are looked for in packets as they stand, so that few lines are decoded. (SQLite's own
    `instr` takes four times as long.)
    """
    wanted = {storable(each) for each in bucketing_ids}
    found: list[DecisionRecord] = []
    if not wanted or limit < 1:
        return found
    # As they stand between quotation marks in a line, whatever is escaped in them. A visitor of
    # very many identities is found line by line.
    needles = [_encode({"bucketing_id": each})[1:-1] for each in wanted]
    few = len(needles) <= _FEW
    rows = connection.execute(
        "SELECT lines FROM decision WHERE sequence > ? ORDER BY sequence DESC", (after,)
    )
    for (text,) in rows:
        if few and not any(needle in text for needle in needles):
            continue
        for line in reversed(text.split(b"\n")):
            head = _head(line)
            if head.bucketing_id in wanted and head.sequence > after:
                found.append(_decode(line))
                if len(found) == limit:
                    rows.close()
                    return found
    return found


def block(connection: sqlite3.Connection, *, after: int, to: int, limit: int) -> Block | None:
    """Return the next lines after a sequence: a packet, or as much of it as is wanted."""
    row = connection.execute(
        "SELECT sequence, rows, lines FROM decision WHERE sequence > ? ORDER BY sequence LIMIT 1",
        (after,),
    ).fetchone()
    if row is None:
        return None
    last, rows, text = row
    begin = max(last - rows, after)
    end = min(last, to, begin + limit)
    if end <= begin:
        return None
    if end - begin < rows:
        start = last - rows
        text = b"\n".join(text.split(b"\n")[begin - start : end - start])
    return Block(end - begin, begin + 1, end, text)


def last_to_seal(connection: sqlite3.Connection, keep: int) -> int:
    """Return the sequence up to which lines may be sealed if the newest `keep` stay hot."""
    row = connection.execute("SELECT max(sequence) FROM decision").fetchone()
    return max(0, (row[0] or 0) - keep)


def count(connection: sqlite3.Connection, after: int, to: int) -> int:
    """Return the number of lines whose sequence is in a range."""
    found: int = connection.execute(
        "SELECT coalesce(sum(max(0, min(sequence, ?2) - max(sequence - rows, ?1))), 0) "
        "FROM decision WHERE sequence > ?1 AND sequence - rows < ?2",
        (after, to),
    ).fetchone()[0]
    return found


def remove(
    connection: sqlite3.Connection,
    goes: Callable[[bytes], bool],
    holding: Sequence[bytes] = (),
) -> int:
    """Remove lines; those that stay keep their sequences, so that a packet may become several.

    Args:
        holding: Texts of which a line that goes holds one; spares reading all packets.
    """
    removed = 0
    search = " OR ".join("instr(lines, ?)" for _ in holding) or "true"
    for after, rows, text in connection.execute(
        f"SELECT sequence, rows, lines FROM decision WHERE {search}", tuple(holding)
    ).fetchall():
        lines = text.split(b"\n")
        gone = [goes(line) for line in lines]
        if not any(gone):
            continue
        removed += sum(gone)
        connection.execute("DELETE FROM decision WHERE sequence = ?", (after,))
        run: list[bytes] = []
        for place, line in enumerate(lines):
            if not gone[place]:
                run.append(line)
            if run and (gone[place] or place + 1 == rows):
                ids = sorted(_head(each).id for each in run)
                last = after - rows + place + (not gone[place])
                connection.execute(
                    "INSERT INTO decision (sequence, rows, low, high, lines) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (last, len(run), ids[0], ids[-1], b"\n".join(run)),
                )
                run = []
    return removed


def _packets(connection: sqlite3.Connection, low: str, high: str) -> list[tuple[str, bytes]]:
    """Return the packets that may hold an id of this range, each with its greatest id.

    Ids grow with time, so that few packets do.
    """
    return connection.execute(
        "SELECT high, lines FROM decision WHERE high >= ? AND low <= ?", (low, high)
    ).fetchall()


def _names(packet: bytes, id: str) -> bool:
    """Tell whether a packet holds the id; inside a body, its quotes would be escaped."""
    return b'"id":%b' % _encode(id) in packet


def _kept(record: DecisionRecord) -> tuple[str, bytes]:
    try:
        line = _encode(record)
        if b"\\u0000" not in line:
            return record.id, line
    except UnicodeEncodeError:
        pass
    clean = DecisionRecord(
        id=storable(record.id),
        at=record.at,
        bucketing_id=storable(record.bucketing_id),
        page=storable(record.page),
        snapshot=record.snapshot,
        body=storable(record.body),
    )
    return clean.id, _encode(clean)
