"""Removing from the memory backend: what an erasure or an expiry takes out, in one step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from persx.model.errors import Conflict
from persx.model.event import IdentityKey, RejectedEvent
from persx.storage.backends.memory_shelves import Shelves
from persx.storage.keeping import with_sequence
from persx.storage.ports import Segment
from persx.storage.removal import (
    DecisionHead,
    Erasure,
    EventHead,
    Removal,
    Removed,
    Tombstone,
    refold_note,
)

_head: Final = msgspec.json.Decoder(EventHead).decode
_decision_head: Final = msgspec.json.Decoder(DecisionHead).decode


def remove(
    shelves: Shelves,
    removal: Removal,
    swaps: Sequence[tuple[Segment, Segment]],
    touched: Collection[IdentityKey],
) -> Removed:
    """Take everything out, and put rewritten segments into the manifest.

    Raises:
        Conflict: Verified edges join further identities to those of a complete erasure.
    """
    if isinstance(removal, Erasure) and removal.complete:
        for identity in removal.identities:
            if not removal.identities.issuperset(shelves.component(identity)):
                raise Conflict(
                    "The visitor has got another identity meanwhile.", hint="Do it again."
                )
    segments, hot = shelves.log
    changed = {old.path: new for old, new in swaps}
    heads = [_head(with_sequence(*row)) for row in hot["events"].items()]
    gone = [head for head in heads if removal.has_event(head)]
    lines = [_decision_head(with_sequence(*row)) for row in hot["decisions"].items()]
    gone_lines = {head.sequence for head in lines if removal.has_decision(head)}
    numbers = {head.sequence for head in gone}
    shelves.log = (
        tuple(changed.get(each.path, each) for each in segments),
        {
            "events": {n: body for n, body in hot["events"].items() if n not in numbers},
            "decisions": {n: body for n, body in hot["decisions"].items() if n not in gone_lines},
        },
    )
    rejected = [one for one in shelves.rejected if not _rejected(removal, one)]
    counts = {
        "events_hot": len(gone),
        "decisions_hot": len(gone_lines),
        "rejected": len(shelves.rejected) - len(rejected),
    }
    shelves.rejected[:] = rejected
    if not isinstance(removal, Erasure):
        return Removed(counts=counts, until=shelves.last["events"])
    others = {key for head in gone for key in head.owners}.union(touched) - removal.identities
    counts["states"] = sum(key in shelves.states for key in removal.identities)
    for key in removal.identities | others:
        shelves.states.pop(key, None)
    edges = [pair for pair in shelves.edges if removal.identities.intersection(pair[:2])]
    values = [name for name in shelves.values if removal.has_value(name)]
    for pair in edges:
        del shelves.edges[pair]
    for cut in [cut for cut in shelves.cuts if removal.identities.intersection(cut)]:
        del shelves.cuts[cut]
    shelves.rejoin()
    for name in values:
        del shelves.values[name]
    counts |= {"edges": len(edges), "values": len(values)}
    if others:
        name, note = refold_note(others, shelves.last["events"])
        shelves.values[name] = note
    stones: list[Tombstone] = []
    if removal.bury:
        stones = [
            Tombstone(shelves.tombstones.id_of(key), removal.at) for key in removal.identities
        ]
        shelves.tombstones.add(stones)
        shelves.tombstones.commit()
    return Removed(
        counts=counts,
        touched=tuple(sorted(others)),
        until=shelves.last["events"],
        tombstones=tuple(sorted(each.id for each in stones)),
    )


def _rejected(removal: Removal, one: RejectedEvent) -> bool:
    return removal.has_rejected(one.received, f"{one.reason}\n{one.body}")
