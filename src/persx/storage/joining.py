"""Which identities belong together: one rule, alike in every backend.

A *person* is what verified edges between users and e-mail addresses join. A *device*, an anonymous
id, belongs to the person that all of its verified edges lead to. Where they lead to several, it is
shared: it joins nobody and stands alone, and speaks for the person who was verified on it last.
See ``docs/adr/0009-merging-and-unmerging.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.model.visitor import Edge, EdgeKind

MOST_USERS: Final = 4
"""An e-mail address of more users than these is an office's, or a placeholder: it joins nobody."""

_DEVICE: Final = "a:"
_ADDRESS: Final = "e:"
_USER: Final = "u:"
_ACCOUNT: Final = "g:"


class Joined(NamedTuple):
    """What edges join.

    Attributes:
        components: Every identity that verified edges touch → the least key of those that it
            belongs together with.
        speaks_for: Shared device → the user or address that it speaks for now.
    """

    components: Mapping[IdentityKey, IdentityKey]
    speaks_for: Mapping[IdentityKey, IdentityKey]


def is_device(identity: str) -> bool:
    """Tell whether an identity is an anonymous id."""
    return identity.startswith(_DEVICE)


def is_address(identity: str) -> bool:
    """Tell whether an identity is a hashed e-mail address."""
    return identity.startswith(_ADDRESS)


def is_account(identity: str) -> bool:
    """Tell whether an identity is an account."""
    return identity.startswith(_ACCOUNT)


def is_person(identity: str) -> bool:
    """Tell whether an identity is a user or an address, which devices may belong to."""
    return identity.startswith((_USER, _ADDRESS))


def recency(edge: Edge) -> tuple[Millis, Millis, str]:
    """Return what is greatest for the edge that was said last."""
    return edge.latest, edge.at, edge.right


def said_again(kept: Edge | None, edge: Edge) -> Edge:
    """Return what is kept of an edge that is said again: the first time, and the latest."""
    if kept is None:
        return edge
    first, other = kept, edge
    if (edge.at, edge.message_id) < (kept.at, kept.message_id):
        first, other = edge, kept
    if other.latest <= first.latest:
        return first
    return Edge(first.left, first.right, first.kind, first.at, first.message_id, other.latest)


def account_of(
    members: Collection[IdentityKey],
    edges: Iterable[Edge],
    cuts: Collection[tuple[IdentityKey, IdentityKey]] = (),
) -> IdentityKey | None:
    """Return the account that one of these identities was last verified to belong to."""
    best: tuple[tuple[Millis, Millis], IdentityKey] | None = None
    for edge in edges:
        if edge.kind is not EdgeKind.VERIFIED or (edge.left, edge.right) in cuts:
            continue
        for account, member in ((edge.left, edge.right), (edge.right, edge.left)):
            if is_account(account) and member in members:
                found = (edge.latest, edge.at), account
                best = found if best is None else max(best, found)
    return best[1] if best else None


def joined(edges: Iterable[Edge], cuts: Collection[tuple[IdentityKey, IdentityKey]] = ()) -> Joined:
    """Return what verified edges join, those left out that somebody cut.

    >>> edge = Edge(IdentityKey("a:1"), IdentityKey("u:7"), EdgeKind.VERIFIED, 0)
    >>> joined([edge]).components["u:7"]
    'a:1'
    """
    between: list[Edge] = []
    of_device: dict[IdentityKey, list[Edge]] = {}
    users: dict[IdentityKey, int] = {}
    for edge in edges:
        if edge.kind is not EdgeKind.VERIFIED or (edge.left, edge.right) in cuts:
            continue
        if is_person(edge.left) and is_person(edge.right):
            between.append(edge)
            if is_address(edge.left):
                users[edge.left] = users.get(edge.left, 0) + 1
        elif is_device(edge.left) and is_person(edge.right):
            of_device.setdefault(edge.left, []).append(edge)
    persons = _Union()
    for edge in between:
        persons.add(edge.left)
        persons.add(edge.right)
        if users.get(edge.left, 0) <= MOST_USERS:
            persons.unite(edge.left, edge.right)
    members: dict[IdentityKey, list[IdentityKey]] = {}
    speaks_for: dict[IdentityKey, IdentityKey] = {}
    for said in of_device.values():
        for edge in said:
            persons.add(edge.right)
    for person in persons.parent:
        members.setdefault(persons.root(person), []).append(person)
    components: dict[IdentityKey, IdentityKey] = {}
    for device, said in of_device.items():
        roots = {persons.root(edge.right) for edge in said}
        if len(roots) == 1:
            members[roots.pop()].append(device)
        else:
            components[device] = device
            speaks_for[device] = max(said, key=recency).right
    for together in members.values():
        least = min(together)
        components.update(dict.fromkeys(together, least))
    return Joined(components, speaks_for)


class _Union:
    """Disjoint sets that grow together."""

    def __init__(self) -> None:
        self.parent: dict[IdentityKey, IdentityKey] = {}

    def add(self, key: IdentityKey) -> None:
        self.parent.setdefault(key, key)

    def root(self, key: IdentityKey) -> IdentityKey:
        top = key
        while self.parent[top] != top:
            top = self.parent[top]
        while self.parent[key] != top:
            self.parent[key], key = top, self.parent[key]
        return top

    def unite(self, left: IdentityKey, right: IdentityKey) -> None:
        self.parent[self.root(right)] = self.root(left)
