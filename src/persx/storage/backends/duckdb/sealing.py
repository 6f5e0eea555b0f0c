"""Sealing: moves hot rows into Parquet files, so that a crash leaves each row exactly once."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from persx.model.clock import MINUTE, Clock
from persx.model.errors import Conflict, Unavailable
from persx.storage.backends.duckdb.engine import Limits, engine, quoted
from persx.storage.backends.duckdb.exposures import beside, draw
from persx.storage.backends.duckdb.files import digest_of, remove_all_but, scratch, settle
from persx.storage.backends.duckdb.hot_log import HotLog
from persx.storage.backends.duckdb.tables import COLUMNS, from_lines, segment_copy, write_lines
from persx.storage.ports import Segment

SEGMENTS: Final = "segments"
LEASE: Final = "warehouse.seal"
LEASE_LENGTH: Final = 15 * MINUTE

Run = Callable[..., Awaitable[Any]]
"""Calls a function on a worker thread."""


async def seal(
    log: HotLog,
    home: Path,
    run: Run,
    *,
    limits: Limits,
    clock: Clock,
    keep: int,
    segment_rows: int,
) -> list[Segment]:
    """Move hot rows into segments; return those that were made.

    Raises:
        Conflict: Somebody else is sealing.
    """
    holder = secrets.token_hex(8)
    sealed: list[Segment] = []
    await _hold(log, holder, clock)
    try:
        await run(remove_orphans, log, home)
        for table in COLUMNS:
            # What a crash left of an earlier sealing.
            await log.discard_sealed(table)
            to: int = await run(_last_to_seal, log, table, keep)
            while True:
                await _hold(log, holder, clock)
                segment: Segment | None = await run(
                    _write, log, home, table, to, segment_rows, limits, clock
                )
                if segment is None:
                    break
                await log.add_segment(segment)
                await log.discard_sealed(table)
                sealed.append(segment)
        while await run(_draw_exposures, log, home, limits):
            await _hold(log, holder, clock)
    finally:
        await log.lease(LEASE, holder, 0, clock())
    return sealed


async def _hold(log: HotLog, holder: str, clock: Clock) -> None:
    now = clock()
    if not await log.lease(LEASE, holder, now + LEASE_LENGTH, now):
        raise Conflict("The log is being sealed already.", hint="Wait until that is done.")


def _last_to_seal(log: HotLog, table: str, keep: int) -> int:
    with log.reading() as reading:
        return reading.last_to_seal(table, keep)


def _write(
    log: HotLog, home: Path, table: str, to: int, rows: int, limits: Limits, clock: Clock
) -> Segment | None:
    """Write the oldest hot rows into a file; it counts for nothing until the manifest has it."""
    folder = home / SEGMENTS
    folder.mkdir(exist_ok=True)
    with scratch(home) as work:
        lines, temporary, drawn = (work / name for name in ("rows.jsonl", "rows", "drawn"))
        with log.reading() as reading:
            count = write_lines(reading, table, lines, to=to, limit=rows)
        if not count:
            return None
        with engine(work, limits) as connection:
            connection.execute(segment_copy(table, from_lines(table, lines), temporary))
            written, first, last = connection.execute(
                "SELECT count(*), min(sequence), max(sequence) "
                f"FROM read_parquet({quoted(str(temporary))})"
            ).fetchall()[0]
            if table == "events":
                draw(connection, temporary, drawn)
        if written != count:
            # The rows stay hot; nothing is lost.
            raise Unavailable(f"Only {written} of {count} rows of {table} could be sealed.")
        digest = digest_of(temporary)
        final = folder / f"{table}-{first:016d}-{last:016d}-{digest[:12]}.parquet"
        size = temporary.stat().st_size
        if table == "events":
            settle(drawn, beside(final))
        settle(temporary, final)
    return Segment(
        table=table,
        path=f"{SEGMENTS}/{final.name}",
        first_sequence=first,
        last_sequence=last,
        rows=count,
        bytes=size,
        digest=digest,
        sealed=clock(),
    )


def _draw_exposures(log: HotLog, home: Path, limits: Limits) -> bool:
    """Draw the exposures of a segment that has none beside it; tell whether there was one.

    So it is after a backup was brought back, and where an older version has sealed.
    """
    with log.reading() as reading:
        places = [home / segment.path for segment in reading.segments("events")]
    for place in places:
        if not beside(place).exists():
            with scratch(home) as work, engine(work, limits) as connection:
                draw(connection, place, work / "drawn")
                settle(work / "drawn", beside(place))
            return True
    return False


def remove_orphans(log: HotLog, home: Path) -> None:
    """Remove what a crash left among the segments; nobody else may be sealing."""
    folder = home / SEGMENTS
    if folder.exists():
        with log.reading() as reading:
            kept = {Path(segment.path) for segment in reading.segments()}
        remove_all_but(folder, {each.name for path in kept for each in (path, beside(path))})
