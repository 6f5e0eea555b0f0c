"""Artifacts: numbered, hashed values computed from data and used when deciding."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from persx.model.clock import Millis

PREDICTION: Final = "prediction"
"""The kind of a model that guesses an attribute; the artifact's name is the attribute's."""

PROBABILITIES: Final = "probabilities"
"""The kind of what a block has learned; the artifact's name is the block's."""

RECOMMENDER: Final = "recommender"
"""The kind of a fitted pipeline; the artifact's name is the pipeline's.

Its body is the manifest of a folder of the home, which holds the arrays.
"""


def artifact_key(kind: str, name: str) -> str:
    """Return the name under which decisions log the number of an artifact.

    >>> artifact_key("prediction", "likely_industry")
    'prediction/likely_industry'
    """
    return f"{kind}/{name}"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which data an artifact was computed from.

    Attributes:
        made: When.
        events: Events up to this sequence had been folded then.
        snapshot: The snapshot that was served then.
    """

    made: Millis
    events: int = 0
    snapshot: int = 0


class ArtifactHead(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact without its body, for listings.

    Attributes:
        kind: What it is for, such as ``prediction``.
        name: Whose it is, such as the attribute that it predicts.
        number: Counts up from 1 for each kind and name.
        digest: SHA-256 of the body, as 64 hex digits.
        size: Bytes of the body.
        meta: What its maker tells of it; JSON values.
        active: It is the one that decisions use.
        activated: When it last became the active one; 0 for never.
    """

    kind: str
    name: str
    number: int
    digest: str
    size: int
    origin: Origin
    meta: dict[str, Any] = {}
    active: bool = False
    activated: Millis = 0

    @property
    def key(self) -> str:
        """The name under which decisions log its number."""
        return artifact_key(self.kind, self.name)


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact whose body was checked against its digest."""

    head: ArtifactHead
    body: bytes


def body_digest(body: bytes) -> str:
    """Return the SHA-256 of an artifact's body.

    >>> body_digest(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(body).hexdigest()
