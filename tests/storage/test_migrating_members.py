"""A home from before cuts and shared devices: who belongs together is worked out anew."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec

from persx.model.event import IdentityKey, anonymous_key, user_key
from persx.model.visitor import IdentityState
from persx.storage.backends import open_storage
from persx.storage.backends.sqlite.database import FILE
from persx.storage.backends.sqlite.schema import MIGRATIONS
from persx.testing import see

OLD = 2
"""The version whose edges joined all that they touched."""


def test_edges_of_an_old_home_join_by_todays_rule(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.executescript("\n".join(MIGRATIONS[:OLD]) + f"PRAGMA user_version={OLD};")
    said = [("kiosk", "ann", 5), ("kiosk", "bob", 9), ("laptop", "ann", 7)]
    for device, user, at in said:
        connection.execute(
            "INSERT INTO edge VALUES (?, ?, 'verified', ?, 'm')",
            (anonymous_key(device), user_key(user), at),
        )
    for number, key in enumerate(("a:kiosk", "a:laptop", "u:ann", "u:bob")):
        state = IdentityState(identity=IdentityKey(key), first_seen=number, last_seen=9, events=1)
        connection.execute(
            "INSERT INTO identity (key, first_seen, state) VALUES (?, ?, ?)",
            (key, number, msgspec.msgpack.encode(state)),
        )
        connection.execute("INSERT INTO member VALUES (?, 'a:kiosk')", (key,))
    connection.commit()
    connection.close()

    async def read() -> dict[str, list[str]]:
        async with open_storage(tmp_path, store="sqlite") as storage:
            assert await see(storage.store).cuts() == []
            return {
                key: [state.identity for state in await see(storage.store).states(IdentityKey(key))]
                for key in ("a:kiosk", "u:ann", "u:bob")
            }

    assert asyncio.run(read()) == {
        "a:kiosk": ["a:kiosk", "u:bob"],
        "u:ann": ["a:laptop", "u:ann"],
        "u:bob": ["u:bob"],
    }
