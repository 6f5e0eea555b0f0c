"""Withdrawals: when attributes of a purpose were erased, so that no backfill brings them back.

A small value ``withdrawn/IDENTITY`` says when; it goes with the visitor's erasure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from persx.app.services import Services
from persx.model.attribute import Purpose
from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.storage.scope import System, VisitorScope, value_name

KIND: Final = "withdrawn"
_SCOPE: Final = System("withdrawing consent")
NEVER: Final = 1 << 53
"""A moment that no event reaches."""


async def withdrawn_of(
    services: Services, identity: IdentityKey, scope: VisitorScope = _SCOPE
) -> dict[Purpose, Millis]:
    """Return when attributes of which purposes were erased because consent was withdrawn."""
    kept = await services.store.seen_by(scope).value_of(KIND, identity)
    return {} if kept is None else msgspec.json.decode(kept, type=dict[Purpose, Millis])


async def note_withdrawal(
    services: Services, identity: IdentityKey, purposes: Collection[Purpose], at: Millis
) -> None:
    """Remember that attributes of these purposes were erased."""
    noted = {**await withdrawn_of(services, identity), **dict.fromkeys(purposes, at)}
    await services.store.set_value(value_name(KIND, identity), msgspec.json.encode(noted))


async def withheld_until(
    services: Services, identities: Collection[IdentityKey]
) -> dict[IdentityKey, Mapping[Purpose, Millis]]:
    """Return, of those who withdrew, up to when events tell nothing of attributes by purpose.

    That is when they agreed again; if they did not, all time.
    """
    found: dict[IdentityKey, Mapping[Purpose, Millis]] = {}
    reader = services.store.seen_by(_SCOPE)
    for identity, kept in (await reader.values_of(KIND)).items():
        if identity not in identities:
            continue
        consent = {
            purpose: grant
            for state in await reader.states(identity)
            if state.identity == identity
            for purpose, grant in state.consent.items()
        }
        found[identity] = {
            purpose: consent[purpose].at
            if purpose in consent and consent[purpose].granted
            else NEVER
            for purpose in msgspec.json.decode(kept, type=dict[Purpose, Millis])
        }
    return found
