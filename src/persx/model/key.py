"""API keys: what a key may do, and what is kept of it, which is never the key itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from persx.model.clock import Millis


class KeyScope(StrEnum):
    """One thing that a key may do."""

    COLLECT = "collect"
    DECIDE = "decide"
    IDENTIFY = "identify"
    PROFILE_READ = "profile:read"
    EXPORT = "export"
    ERASE = "erase"
    CONSENT_WRITE = "consent:write"
    CATALOGUE_WRITE = "catalogue:write"
    WORKSPACE_WRITE = "workspace:write"
    PUBLISH = "publish"
    REPORT_READ = "report:read"

    # Requests look for scopes in sets: that of an enumeration is computed in Python.
    __hash__ = str.__hash__


SCOPES: Final[Mapping[KeyScope, str]] = {
    KeyScope.COLLECT: "Send events; what they say of who somebody is counts as claimed",
    KeyScope.DECIDE: "Decide for an anonymous id's own facts, or for the bearer of our cookie",
    KeyScope.IDENTIFY: "What its events say of who somebody is counts as verified",
    KeyScope.PROFILE_READ: "Decide for anyone; read anyone's receipts, consent and links",
    KeyScope.EXPORT: "Export everything that is held on anyone; every export is noted",
    KeyScope.ERASE: "Erase anyone",
    KeyScope.CONSENT_WRITE: "Answer for anyone what their data may serve; link to preferences",
    KeyScope.CATALOGUE_WRITE: "List, send, change, hide and remove items of the catalogue",
    KeyScope.WORKSPACE_WRITE: "Pull, check and push the workspace's drafts",
    KeyScope.PUBLISH: "Publish, go back to an earlier snapshot, train and switch models",
    KeyScope.REPORT_READ: "Read reports, snapshots and the attribute catalogue",
}
"""All scopes, with what each allows."""

PUBLIC_SCOPES: Final = frozenset({KeyScope.COLLECT, KeyScope.DECIDE})
"""What a key that everyone can read in a page may do."""


class KeySecret(msgspec.Struct, frozen=True, kw_only=True):
    """The hash of a key's secret; `until` is when it stops working, none while it is current."""

    digest: str
    until: Millis | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key.

    Attributes:
        id: Part of the key itself, and no secret: it names the key in lists and logs.
        secrets: The current one, and one that was rotated away where it still works.
        expires: From when on it does not work; none where it does not expire.
        revoked: When it was taken back.
    """

    id: str
    name: str
    scopes: tuple[KeyScope, ...]
    created: Millis
    secrets: tuple[KeySecret, ...]
    expires: Millis | None = None
    revoked: Millis | None = None

    @property
    def is_public(self) -> bool:
        """Whether it may do no more than a key that everyone can read."""
        return PUBLIC_SCOPES.issuperset(self.scopes)

    def works(self, now: Millis) -> bool:
        """Tell whether it was neither taken back nor has expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)
