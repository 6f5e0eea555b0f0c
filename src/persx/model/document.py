"""Documents: what everything that a workspace holds has in common."""

from __future__ import annotations

import msgspec


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all workspace documents: immutable, and unknown fields are faults."""
