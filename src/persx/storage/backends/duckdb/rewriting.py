"""Rewriting: segments without the rows that are to go, put in the place of those with them."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from persx.model.clock import Clock
from persx.model.errors import Conflict, Unavailable
from persx.model.event import IdentityKey, owners
from persx.storage.backends.duckdb.clearing import clear
from persx.storage.backends.duckdb.engine import Limits, engine, identifier, quoted
from persx.storage.backends.duckdb.exposures import beside, draw
from persx.storage.backends.duckdb.files import (
    digest_of,
    readers,
    remove_stale_scratch,
    scratch,
    settle,
    sync,
)
from persx.storage.backends.duckdb.hot_log import HotLog
from persx.storage.backends.duckdb.sealing import LEASE, LEASE_LENGTH, SEGMENTS
from persx.storage.backends.duckdb.tables import COLUMNS, segment_copy
from persx.storage.ports import Segment
from persx.storage.removal import PLACES, Removal, Removed

PATIENCE_SECONDS: Final = 120.0
"""How long removing waits for sealing to end, and for those who read what is removed."""

_LOOK_SECONDS: Final = 0.02
_OWNING: Final = ("type", "verified", "user_id", "anonymous_id", "previous_id")

Run = Callable[..., Awaitable[Any]]


class Rewritten(NamedTuple):
    """New segments beside the old ones, and what they do without."""

    swaps: list[tuple[Segment, Segment]]
    counts: dict[str, int]
    touched: set[IdentityKey]


async def remove(
    log: HotLog, home: Path, run: Run, removal: Removal, *, limits: Limits, clock: Clock
) -> Removed:
    """Remove rows from segments and from the log, in one step for whoever reads.

    Imported tables come before: they are files of their own, each of which changes at once.

    Until the transaction that swaps them, new files count for nothing; after it, old ones are
    read by nobody who begins. A crash leaves orphans, which the next owner of the home removes.
    """
    holder = secrets.token_hex(8)
    await _hold(log, holder, clock)
    prolonging = asyncio.create_task(_prolong(log, holder, clock))
    try:
        for table in COLUMNS:
            # Rows that segments hold already, should a crash have left them.
            await log.discard_sealed(table)
        rewritten: Rewritten = await run(_rewrite, log, home, removal, limits)
        tables: int = await run(clear, home, removal, limits)
        removed = await log.remove(removal, rewritten.swaps, rewritten.touched)
        await run(_wait_for_readers, home)
        await run(_discard, home, [old for old, _ in rewritten.swaps])
        await log.scrub()
    finally:
        prolonging.cancel()
        await log.lease(LEASE, holder, 0, clock())
    counts = dict.fromkeys(PLACES, 0) | rewritten.counts | removed.counts | {"tables": tables}
    return msgspec.structs.replace(removed, counts=counts)


async def _hold(log: HotLog, holder: str, clock: Clock) -> None:
    """Wait until nobody seals: what is sealed while segments are rewritten would be missed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await log.lease(LEASE, holder, clock() + LEASE_LENGTH, clock()):
        if time.monotonic() > deadline:
            raise Conflict("The log is being sealed.", hint="Try again when that is done.")
        await asyncio.sleep(_LOOK_SECONDS)


async def _prolong(log: HotLog, holder: str, clock: Clock) -> None:
    while True:
        await asyncio.sleep(60)
        await log.lease(LEASE, holder, clock() + LEASE_LENGTH, clock())


def _rewrite(log: HotLog, home: Path, removal: Removal, limits: Limits) -> Rewritten:
    """Write each segment that holds rows which are to go again, without them."""
    swaps: list[tuple[Segment, Segment]] = []
    counts = dict.fromkeys((f"{table}_sealed" for table in COLUMNS), 0)
    touched: set[IdentityKey] = set()
    with log.reading() as reading:
        manifest = list(reading.segments())
    with scratch(home) as work, engine(work, limits) as connection:
        for table in COLUMNS:
            where = removal.where(table)
            segments = [each for each in manifest if each.table == table and each.rows]
            if not where or not segments:
                continue
            files = ", ".join(quoted(str(home / each.path)) for each in segments)
            found = dict(
                connection.execute(
                    f"SELECT filename, count(*) FROM read_parquet([{files}], filename = true) "
                    f"WHERE {where} GROUP BY filename"
                ).fetchall()
            )
            for segment in segments:
                gone = found.get(str(home / segment.path), 0)
                if not gone:
                    continue
                source = f"read_parquet({quoted(str(home / segment.path))})"
                if table == "events":
                    rows = connection.execute(
                        f"SELECT DISTINCT {', '.join(_OWNING)} FROM {source} WHERE {where}"
                    ).fetchall()
                    for row in rows:
                        touched.update(owners(**dict(zip(_OWNING, row, strict=True))))
                temporary = work / "rows.parquet"
                columns = ", ".join(map(identifier, COLUMNS[table]))
                (written,) = connection.execute(
                    segment_copy(
                        table,
                        f"SELECT {columns} FROM {source} WHERE NOT coalesce(({where}), false)",
                        temporary,
                    )
                ).fetchall()[0]
                if written != segment.rows - gone:
                    raise Unavailable(
                        f"Only {written} of {segment.rows - gone} rows that stay were written."
                    )
                settled = _settled(home, segment, temporary, int(written))
                if table == "events":
                    place = home / settled.path
                    draw(connection, place, work / "drawn")
                    settle(work / "drawn", beside(place))
                swaps.append((segment, settled))
                counts[f"{table}_sealed"] += gone
    counts["segments_rewritten"] = len(swaps)
    return Rewritten(swaps, counts, touched)


def _settled(home: Path, old: Segment, temporary: Path, rows: int) -> Segment:
    """Put a new file among the segments; it stands for the same sequences as the old one."""
    digest = digest_of(temporary)
    size = temporary.stat().st_size
    name = f"{old.table}-{old.first_sequence:016d}-{old.last_sequence:016d}-{digest[:12]}.parquet"
    settle(temporary, home / SEGMENTS / name)
    return msgspec.structs.replace(
        old, path=f"{SEGMENTS}/{name}", rows=rows, bytes=size, digest=digest
    )


def _wait_for_readers(home: Path) -> None:
    """Wait for all who began to read before now: they may hold removed rows in their scratch."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    remove_stale_scratch(home)
    waiting = readers(home)
    while waiting := waiting & readers(home):
        if time.monotonic() > deadline:
            raise Unavailable(
                "All is removed, but somebody still reads what was: "
                f"{', '.join(sorted(waiting))} in {home / 'scratch'}.",
                hint="Let it finish, and do it again.",
            )
        time.sleep(_LOOK_SECONDS)
        remove_stale_scratch(home)


def _discard(home: Path, old: list[Segment]) -> None:
    for segment in old:
        # Gone already where a question's end or a restart was quicker.
        for path in (home / segment.path, beside(home / segment.path)):
            path.unlink(missing_ok=True)
    if old:
        sync(home / SEGMENTS)


def copy(log: HotLog, home: Path, folder: Path) -> None:
    """Link or copy everything, as of one moment, into a folder on the same disk."""
    from persx.storage.backends.duckdb.importing import TABLES

    while True:
        # Segments that are rewritten between the two are missing: then once more.
        manifest = log.copy(folder / "persx.db")
        (folder / SEGMENTS).mkdir(exist_ok=True)
        try:
            for segment in manifest:
                target = folder / segment.path
                if not target.exists():
                    os.link(home / segment.path, target)
        except FileNotFoundError:
            (folder / "persx.db").unlink()
            continue
        break
    known = {Path(segment.path).name for segment in manifest}
    for path in (folder / SEGMENTS).iterdir():
        if path.name not in known:
            path.unlink()
    (folder / TABLES).mkdir(exist_ok=True)
    for path in (home / TABLES).glob("*.parquet"):
        os.link(path, folder / TABLES / path.name)
