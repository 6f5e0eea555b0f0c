"""Identity edges: which identities an event says belong together, and how far that is trusted.

See ``docs/adr/0005-claimed-and-verified-identity.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from persx.model.event import (
    Event,
    EventType,
    IdentityKey,
    anonymous_key,
    claimed_key,
    user_key,
)
from persx.model.visitor import Edge, EdgeKind

_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def edges_of(event: Event) -> list[Edge]:
    """Return the identity edges that an event states.

    * Verified, with both ids: the anonymous id is the user; a verified edge.
    * Unverified, with both ids: the same, claimed.
    * Unverified, with a user id alone: its claimed identity is the user; claimed, for analytics.
    * `alias`: the previous id is the user, verified or claimed as the event is. The previous id
      is an anonymous one where it equals the event's own or has the form of a UUID, as all
      clients' anonymous ids have; otherwise it is a user id, because an anonymous id is whatever
      its sender says, and nobody shall be able to name theirs after somebody's user id.
    """
    user_id = event.user_id
    if not user_id:
        return []
    user = user_key(user_id)
    kind = EdgeKind.VERIFIED if event.verified else EdgeKind.CLAIMED
    others: list[IdentityKey] = []
    if event.anonymous_id:
        others.append(anonymous_key(event.anonymous_id))
    elif not event.verified:
        others.append(claimed_key(user_id))
    if event.type is EventType.ALIAS and event.previous_id:
        others.append(_previous(event.previous_id, event.anonymous_id))
    return [
        Edge(min(other, user), max(other, user), kind, event.timestamp, event.message_id)
        for other in others
        if other != user
    ]


def _previous(previous_id: str, anonymous_id: str | None) -> IdentityKey:
    if previous_id == anonymous_id or _UUID.fullmatch(previous_id):
        return anonymous_key(previous_id)
    return user_key(previous_id)


def earliest(edges: Iterable[Edge]) -> list[Edge]:
    """Return one edge for each pair and kind, the one that was said first, in order."""
    found: dict[tuple[IdentityKey, IdentityKey, EdgeKind], Edge] = {}
    for edge in edges:
        pair = (edge.left, edge.right, edge.kind)
        kept = found.get(pair)
        if kept is None or (edge.at, edge.message_id) < (kept.at, kept.message_id):
            found[pair] = edge
    return sorted(found.values())


def components(
    edges: Iterable[Edge], kinds: Iterable[EdgeKind] = (EdgeKind.VERIFIED,)
) -> Mapping[IdentityKey, frozenset[IdentityKey]]:
    """Return, for every identity that edges of these kinds touch, all that belong to it.

    >>> edge = Edge(IdentityKey("a:1"), IdentityKey("u:7"), EdgeKind.VERIFIED, 0)
    >>> sorted(components([edge])["a:1"])
    ['a:1', 'u:7']
    """
    wanted = frozenset(kinds)
    parent: dict[IdentityKey, IdentityKey] = {}

    def root(key: IdentityKey) -> IdentityKey:
        top = key
        while parent[top] != top:
            top = parent[top]
        while parent[key] != top:
            parent[key], key = top, parent[key]
        return top

    for edge in edges:
        if edge.kind in wanted:
            for key in (edge.left, edge.right):
                parent.setdefault(key, key)
            parent[root(edge.right)] = root(edge.left)
    members: dict[IdentityKey, set[IdentityKey]] = {}
    for key in parent:
        members.setdefault(root(key), set()).add(key)
    frozen = {top: frozenset(keys) for top, keys in members.items()}
    return {key: frozen[root(key)] for key in parent}
