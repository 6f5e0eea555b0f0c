"""Refolding: an identity of which some events were removed is folded from those that are left.

Where a browser called itself the erased user with the public key, those events go, but the
browser may be somebody else's. A removal takes such an identity's state away and leaves a note
of the sequence at which it did, in one transaction; what is left up to there is folded here and
merged with what has come since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from persx.app.backfill import Interval, fold_of, gaps, notes
from persx.app.services import Services
from persx.app.withdrawals import withheld_until
from persx.model.event import Event, EventType, IdentityKey
from persx.model.visitor import IdentityState
from persx.storage.removal import REFOLD, Refold
from persx.storage.scope import System
from persx.visitors.fold import Fold

_SCOPE: Final = System("refolding")

_DOCUMENTS: Final = ("properties", "traits", "context")
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


async def refold(services: Services) -> int:
    """Do what notes ask for; return how many identities were folded again."""
    folded = 0
    for name, note in (await services.store.values(REFOLD)).items():
        if not note.isdigit():
            asked = msgspec.json.decode(note, type=Refold)
            await _refold(services, name, asked)
            folded += len(asked.identities)
        # The states and the end of the note came in one transaction.
        await services.store.set_value(name, None)
    return folded


async def _refold(services: Services, name: str, asked: Refold) -> None:
    if services.publication.plan is None:
        await services.publication.refresh(services.store)
    fold = fold_of(services.publication.plan)
    events = await _events(services, asked)
    withdrawn = await withheld_until(services, asked.identities)
    whole = Fold({}).fold(events).states
    states = {key: state for key, state in whole.items() if key in asked.identities}
    for skipped, keys in (await _groups(services, fold)).items():
        concerned = [
            event
            for event in events
            if not any(after < event.sequence <= until for after, until in skipped)
        ]
        for identity, state in fold.filling(keys, withdrawn).fold(concerned).states.items():
            if identity in states:
                states[identity] = fold.merge(states[identity], state)
    await services.store.merge_states(name, asked.until, _sorted(states), fold)


def _sorted(states: Mapping[IdentityKey, IdentityState]) -> list[IdentityState]:
    return [states[identity] for identity in sorted(states)]


async def _groups(services: Services, fold: Fold) -> dict[tuple[Interval, ...], list[str]]:
    """Return the keys that the log folds, by the events that a backfill will fold for them."""
    noted = await notes(services.store)
    if not noted:
        return {}
    groups: dict[tuple[Interval, ...], list[str]] = {}
    for key in sorted(fold.keys & noted[max(noted)]):
        groups.setdefault(tuple(await gaps(services.store, key)), []).append(key)
    return groups


async def _events(services: Services, asked: Refold) -> list[Event]:
    """Return what is left of the identities' events, in order."""
    found = await services.warehouse.seen_by(_SCOPE).query(
        """
        SELECT * FROM events
        WHERE list_contains($anonymous, anonymous_id) OR list_contains($users, user_id)
            OR list_contains($anonymous, previous_id)
        ORDER BY sequence
        """,
        {
            "anonymous": _ids(asked.identities, "a:"),
            "users": [*_ids(asked.identities, "u:"), *_ids(asked.identities, "c:")],
        },
        as_of=asked.until,
    )
    events = [_event(dict(zip(found.columns, row, strict=True))) for row in found.rows]
    wanted = set(asked.identities)
    return [event for event in events if not wanted.isdisjoint(event.owners)]


def _ids(identities: Iterable[IdentityKey], prefix: str) -> list[str]:
    # Never empty: a list without items has no type.
    return ["", *(key[2:] for key in identities if key.startswith(prefix))]


def _event(fields: dict[str, Any]) -> Event:
    documents = {name: _decode(fields[name]) for name in _DOCUMENTS}
    return Event(**{**fields, **documents, "type": EventType(fields["type"])})
