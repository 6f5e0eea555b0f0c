"""Identity edges: which identities an event says belong together, and how far that is trusted.

What edges join is the rule of `persx.storage.joining`. See
``docs/adr/0005-claimed-and-verified-identity.md`` and ``0009-merging-and-unmerging.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from persx.model.event import (
    Event,
    EventType,
    IdentityKey,
    account_key,
    anonymous_key,
    claimed_key,
    email_key,
    previous_key,
    user_key,
)
from persx.model.visitor import Edge, EdgeKind
from persx.storage.joining import said_again

_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_TELLING: Final = frozenset({EventType.IDENTIFY, EventType.ALIAS, EventType.GROUP})

EMAIL: Final = "email"
EMAIL_VERIFIED: Final = "email_verified"
"""The trait, as OpenID Connect names it, that says whether an address is known to be theirs."""


def edges_of(event: Event) -> list[Edge]:
    """Return the identity edges that an event states.

    * Verified, with both ids: the anonymous id is the user; a verified edge.
    * Unverified, with both ids: the same, claimed.
    * Unverified, with a user id alone: its claimed identity is the user; claimed, for analytics.
    * `alias`: the previous id is the user, verified or claimed as the event is.
    * `identify` with an e-mail address: the identity is the address, hashed; verified or claimed
      as the event is, but only claimed where the trait `email_verified` is false.
    * `group`: the identity belongs to the account, verified or claimed as the event is.
    """
    kind = EdgeKind.VERIFIED if event.verified else EdgeKind.CLAIMED
    if event.type not in _TELLING and event.anonymous_id and event.user_id:
        # Most events that have an edge at all.
        device, user = anonymous_key(event.anonymous_id), user_key(event.user_id)
        return [Edge(device, user, kind, event.timestamp, event.message_id)]
    pairs: list[tuple[IdentityKey, IdentityKey, EdgeKind]] = []
    if event.user_id:
        user = user_key(event.user_id)
        if event.anonymous_id:
            pairs.append((anonymous_key(event.anonymous_id), user, kind))
        elif not event.verified:
            pairs.append((claimed_key(event.user_id), user, kind))
        if event.type is EventType.ALIAS and event.previous_id:
            pairs.append((previous_key(event.previous_id, event.anonymous_id), user, kind))
    if event.type is EventType.IDENTIFY and (address := email_of(event)):
        known = EdgeKind.CLAIMED if _unconfirmed(event) else kind
        pairs.append((event.identity, email_key(address), known))
    if event.type is EventType.GROUP and event.group_id:
        pairs.append((event.identity, account_key(event.group_id), kind))
    latest = event.timestamp if event.type in _TELLING else 0
    return [
        Edge(min(one, other), max(one, other), trust, event.timestamp, event.message_id, latest)
        for one, other, trust in pairs
        if one != other
    ]


def email_of(event: Event) -> str | None:
    """Return the e-mail address among an event's traits, if it looks like one."""
    for traits in (event.traits, event.context.get("traits")):
        address = traits.get(EMAIL) if isinstance(traits, dict) else None
        if isinstance(address, str) and _ADDRESS.fullmatch(address.strip()):
            return address
    return None


def _unconfirmed(event: Event) -> bool:
    told: list[Any] = [event.traits, event.context.get("traits")]
    return any(isinstance(each, dict) and each.get(EMAIL_VERIFIED) is False for each in told)


def combined(edges: Iterable[Edge]) -> list[Edge]:
    """Return one edge for each pair and kind, with the first and the latest time, in order."""
    found: dict[tuple[IdentityKey, IdentityKey, EdgeKind], Edge] = {}
    for edge in edges:
        pair = (edge.left, edge.right, edge.kind)
        found[pair] = said_again(found.get(pair), edge)
    return sorted(found.values())
