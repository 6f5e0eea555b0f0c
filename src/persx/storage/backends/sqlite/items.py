"""Items in SQLite: a row each, with the revision of its last change; a removed one has no body."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.model.item import Item, ItemId
from persx.storage.backends.sqlite.database import Database
from persx.storage.backends.sqlite.rows import insert
from persx.storage.items import Change, ItemChanges, ItemsWritten, check_id, kept, read
from persx.storage.keeping import storable

_NEXT: Final = "SELECT coalesce(max(revision), 0) FROM item"


class SqliteItems:
    """Implements `persx.storage.items.Items`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def update(self, ids: Collection[ItemId], change: Change) -> ItemsWritten:
        """Change some items in one transaction."""
        wanted = list(dict.fromkeys(ids))
        for id in wanted:
            check_id(id)
        if not wanted:
            return ItemsWritten()
        return await self._database.write(lambda connection: _update(connection, wanted, change))

    async def get(self, ids: Collection[str]) -> Mapping[ItemId, Item]:
        """Return those of some items that are kept."""
        found = _bodies(self._database.reader(), ids)
        return {id: read(body) for id, body in found.items()}

    async def page(self, after: str = "", limit: int = 1_000) -> Sequence[Item]:
        """Return the items with the next ids after one."""
        rows = self._database.reader().execute(
            "SELECT body FROM item WHERE id > ? AND body IS NOT NULL ORDER BY id LIMIT ?",
            (storable(after), max(limit, 0)),
        )
        return [read(body) for (body,) in rows.fetchall()]

    async def changes(self, since: int = 0, limit: int = 1_000) -> ItemChanges:
        """Return the first changes after a revision."""
        rows = (
            self._database.reader()
            .execute(
                "SELECT id, revision, body FROM item WHERE revision > ? ORDER BY revision LIMIT ?",
                (since, max(limit, 0)),
            )
            .fetchall()
        )
        return ItemChanges(
            items=tuple(read(body) for _, _, body in rows if body is not None),
            removed=tuple(ItemId(id) for id, _, body in rows if body is None),
            revision=rows[-1][1] if rows else since,
        )

    async def revision(self) -> int:
        """Return the last change's revision, out of the index."""
        number: int = self._database.reader().execute(_NEXT).fetchone()[0]
        return number


def _bodies(connection: sqlite3.Connection, ids: Collection[str]) -> dict[ItemId, bytes]:
    asked = msgspec.json.encode([storable(id) for id in dict.fromkeys(ids)]).decode()
    rows = connection.execute(
        "SELECT item.id, body FROM json_each(?) AS asked JOIN item ON item.id = asked.value "
        "WHERE body IS NOT NULL",
        (asked,),
    )
    return {ItemId(id): bytes(body) for id, body in rows.fetchall()}


def _update(connection: sqlite3.Connection, ids: Sequence[ItemId], change: Change) -> ItemsWritten:
    before = _bodies(connection, ids)
    revision: int = connection.execute(_NEXT).fetchone()[0]
    rows: list[Any] = []
    added = changed = removed = same = 0
    for id in ids:
        old = before.get(id)
        wanted = change(id, None if old is None else read(old))
        body = None if wanted is None else kept(wanted)[1]
        if body == old:
            same += 1
            continue
        added += old is None
        removed += body is None
        changed += old is not None and body is not None
        revision += 1
        rows += (id, revision, body)
    insert(
        connection,
        "INSERT INTO item (id, revision, body)",
        3,
        rows,
        on_conflict="ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, "
        "body = excluded.body",
    )
    return ItemsWritten(added=added, changed=changed, removed=removed, same=same)
