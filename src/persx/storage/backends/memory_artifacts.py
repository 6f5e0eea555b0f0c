"""Artifacts in plain dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from persx.model.artifact import Artifact, ArtifactHead, Origin, artifact_key, body_digest
from persx.model.clock import Millis
from persx.storage.artifacts import check_puttable, intact, no_artifact


class MemoryArtifacts:
    """Implements `persx.storage.artifacts.Artifacts`."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, str, int], ArtifactHead] = {}
        self.bodies: dict[tuple[str, str, int], bytes] = {}

    async def put(
        self, kind: str, name: str, body: bytes, *, origin: Origin, meta: Mapping[str, Any]
    ) -> int:
        """Keep a body under the next number."""
        check_puttable(kind, name, body)
        number = 1 + sum((kind, name) == key[:2] for key in self._heads)
        # As they come back from a database: nobody changes what was put.
        kept = msgspec.json.decode(msgspec.json.encode(dict(meta)))
        self.bodies[kind, name, number] = bytes(body)
        self._heads[kind, name, number] = ArtifactHead(
            kind=kind,
            name=name,
            number=number,
            digest=body_digest(body),
            size=len(body),
            origin=origin,
            meta=kept,
        )
        return number

    async def get(self, kind: str, name: str, number: int | None = None) -> Artifact | None:
        """Return an artifact by number, or the active one."""
        for (of, whose, each), head in self._heads.items():
            wanted = head.active if number is None else each == number
            if (of, whose) == (kind, name) and wanted:
                return intact(head, self.bodies[of, whose, each])
        return None

    async def activate(self, kind: str, name: str, number: int | None, *, now: Millis) -> None:
        """Make one the active one, or none of them."""
        if number is not None and await self.get(kind, name, number) is None:
            raise no_artifact(kind, name, number)
        for key, head in self._heads.items():
            if key[:2] == (kind, name):
                chosen = key[2] == number
                activated = now if chosen else head.activated
                self._heads[key] = msgspec.structs.replace(head, active=chosen, activated=activated)

    async def heads(self, kind: str = "", name: str = "") -> Sequence[ArtifactHead]:
        """Return those of a kind and a name, newest first."""
        found = [
            head
            for head in self._heads.values()
            if kind in ("", head.kind) and name in ("", head.name)
        ]
        return sorted(found, key=lambda head: (head.kind, head.name, -head.number))

    async def active(self) -> Mapping[str, int]:
        """Return the numbers of all active ones."""
        return {
            artifact_key(kind, name): number
            for (kind, name, number), head in sorted(self._heads.items())
            if head.active
        }
