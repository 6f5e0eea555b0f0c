"""The port of artifacts: what was computed from data is kept whole, by numbers, one of them active.

Decisions name the number of each artifact that they used, so a number is never given twice and
what it stands for never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from persx.model.artifact import Artifact, ArtifactHead, Origin, body_digest
from persx.model.clock import Millis
from persx.model.errors import BadInput, NotFound, Unavailable
from persx.storage.keeping import storable

LARGEST: Final = 16 << 20
"""Bytes of a body. What is larger belongs into a file of the home, see ADR 0016."""

LONGEST_NAME: Final = 200


class Artifacts(Protocol):
    """Artifacts by kind, name and number; of each kind and name at most one is active."""

    async def put(
        self, kind: str, name: str, body: bytes, *, origin: Origin, meta: Mapping[str, Any]
    ) -> int:
        """Keep a body under the next number, whole or not at all; return the number.

        It does not become active. Raises `BadInput` where it is too large or misnamed.
        """
        ...

    async def get(self, kind: str, name: str, number: int | None = None) -> Artifact | None:
        """Return an artifact by number, or the active one; none where there is no such one.

        Raises `Unavailable` where its body is not what was put: nobody decides with it.
        """
        ...

    async def activate(self, kind: str, name: str, number: int | None, *, now: Millis) -> None:
        """Make one the active one, or, with None, none of them.

        Raises `NotFound`, or `Unavailable` where its body is not what was put; then the one
        that was active stays so.
        """
        ...

    async def heads(self, kind: str = "", name: str = "") -> Sequence[ArtifactHead]:
        """Return those of a kind and a name, of all where these are empty.

        In order of kind and name, newest first.
        """
        ...

    async def active(self) -> Mapping[str, int]:
        """Return ``kind/name`` → number of all active ones. Cheap."""
        ...


def check_puttable(kind: str, name: str, body: bytes) -> None:
    """Refuse what no backend keeps.

    Raises:
        BadInput: The body is too large, or the kind or name is none.
    """
    for what in (kind, name):
        if not what or len(what) > LONGEST_NAME or storable(what) != what or "/" in kind:
            raise BadInput(f"An artifact cannot be called '{storable(what)[:80]}'.", value=what)
    if len(body) > LARGEST:
        raise BadInput(
            f"An artifact of {len(body):,} bytes is too large; {LARGEST:,} are kept.",
            value=len(body),
        )


def intact(head: ArtifactHead, body: bytes) -> Artifact:
    """Return an artifact whose body is what was put.

    Raises:
        Unavailable: It is not.
    """
    if len(body) != head.size or body_digest(body) != head.digest:
        raise Unavailable(
            f"Artifact {head.number} of '{head.key}' is damaged: its SHA-256 is not "
            f"{head.digest[:12]}….",
            value=head.number,
            hint="Activate an earlier one, or make it anew.",
        )
    return Artifact(head=head, body=body)


def no_artifact(kind: str, name: str, number: int) -> NotFound:
    """Return the error for a number that was never given."""
    return NotFound(
        f"There is no artifact {number} of '{kind}/{name}'.", value=number, hint="List them first."
    )
