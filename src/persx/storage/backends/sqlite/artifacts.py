"""Artifacts in SQLite: a row each, so that a backup and a crash treat them as all else."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.model.artifact import Artifact, ArtifactHead, Origin, artifact_key, body_digest
from persx.model.clock import Millis
from persx.storage.artifacts import check_puttable, intact, no_artifact
from persx.storage.backends.sqlite.database import Database

_HEAD: Final = "kind, name, number, digest, size, made, events, snapshot, meta, active, activated"


class SqliteArtifacts:
    """Implements `persx.storage.artifacts.Artifacts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(
        self, kind: str, name: str, body: bytes, *, origin: Origin, meta: Mapping[str, Any]
    ) -> int:
        """Keep a body under the next number, in one transaction."""
        check_puttable(kind, name, body)
        told = msgspec.json.encode(dict(meta))

        def keep(connection: sqlite3.Connection) -> int:
            number: int = connection.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM artifact WHERE kind = ? AND name = ?",
                (kind, name),
            ).fetchone()[0]
            connection.execute(
                f"INSERT INTO artifact ({_HEAD}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)",
                (
                    kind, name, number, body_digest(body), len(body), origin.made, origin.events,
                    origin.snapshot, told, bytes(body),
                ),
            )  # fmt: skip
            return number

        return await self._database.write(keep)

    async def get(self, kind: str, name: str, number: int | None = None) -> Artifact | None:
        """Return an artifact by number, or the active one."""
        return _find(self._database.reader(), kind, name, number)

    async def activate(self, kind: str, name: str, number: int | None, *, now: Millis) -> None:
        """Make one the active one, or none of them."""

        def point(connection: sqlite3.Connection) -> None:
            if number is not None and _find(connection, kind, name, number) is None:
                raise no_artifact(kind, name, number)
            connection.execute(
                "UPDATE artifact SET active = 0 WHERE kind = ? AND name = ? AND active = 1",
                (kind, name),
            )
            connection.execute(
                "UPDATE artifact SET active = 1, activated = ? "
                "WHERE kind = ? AND name = ? AND number = ?",
                (now, kind, name, number),
            )

        await self._database.write(point)

    async def heads(self, kind: str = "", name: str = "") -> Sequence[ArtifactHead]:
        """Return those of a kind and a name, newest first."""
        rows = self._database.reader().execute(
            f"SELECT {_HEAD} FROM artifact WHERE ?1 IN ('', kind) AND ?2 IN ('', name) "
            "ORDER BY kind, name, number DESC",
            (kind, name),
        )
        return [_head(row) for row in rows.fetchall()]

    async def active(self) -> Mapping[str, int]:
        """Return the numbers of all active ones."""
        rows = self._database.reader().execute(
            "SELECT kind, name, number FROM artifact WHERE active = 1 ORDER BY kind, name"
        )
        return {artifact_key(kind, name): number for kind, name, number in rows.fetchall()}


def _find(
    connection: sqlite3.Connection, kind: str, name: str, number: int | None
) -> Artifact | None:
    which = "active = 1" if number is None else "number = ?3"
    row = connection.execute(
        f"SELECT {_HEAD}, body FROM artifact WHERE kind = ?1 AND name = ?2 AND {which}",
        (kind, name) if number is None else (kind, name, number),
    ).fetchone()
    return None if row is None else intact(_head(row[:-1]), bytes(row[-1]))


def _head(row: tuple[Any, ...]) -> ArtifactHead:
    kind, name, number, digest, size, made, events, snapshot, meta, active, activated = row
    return ArtifactHead(
        kind=kind,
        name=name,
        number=number,
        digest=digest,
        size=size,
        origin=Origin(made=made, events=events, snapshot=snapshot),
        meta=msgspec.json.decode(meta, type=dict[str, Any]),
        active=bool(active),
        activated=activated,
    )
