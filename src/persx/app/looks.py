"""Looks: who of the team looked at the data of which visitor, and when; kept for the owner."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from persx.app.services import Services
from persx.model.clock import Millis
from persx.model.event import IdentityKey

_PREFIX: Final = "look:"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a visitor's data.

    Attributes:
        by: Who looked: a user of the studio, or ``server key``.
        asked: What they asked for, as they wrote it.
        identities: Whose data they saw; none where nothing was found.
    """

    at: Millis
    by: str
    asked: str
    identities: tuple[IdentityKey, ...] = ()


async def note_look(
    services: Services, *, by: str, asked: str, identities: Collection[IdentityKey]
) -> None:
    """Keep a look, durably, before anything is shown.

    Raises:
        Unavailable: It cannot be kept now; then nothing may be shown either.
    """
    look = Look(at=services.clock(), by=by, asked=asked[:500], identities=tuple(sorted(identities)))
    name = f"{_PREFIX}{look.at:014d}:{secrets.token_hex(4)}"
    await services.store.set_value(name, msgspec.json.encode(look))


async def looks(services: Services, *, limit: int = 100) -> Sequence[Look]:
    """Return the newest looks, newest first."""
    kept = list((await services.store.values(_PREFIX)).values())
    return [msgspec.json.decode(each, type=Look) for each in kept[::-1][:limit]]


async def looks_at(services: Services, identities: Collection[IdentityKey]) -> Sequence[Look]:
    """Return the looks at a visitor's data, newest first."""
    kept = (await services.store.values(_PREFIX)).values()
    found = [msgspec.json.decode(each, type=Look) for each in kept]
    return [look for look in found[::-1] if not set(look.identities).isdisjoint(identities)]


async def forget_in_looks(services: Services, identities: Collection[IdentityKey]) -> int:
    """Take a visitor out of the kept looks; that somebody looked stays. Return how many changed."""
    changed = 0
    for name, kept in (await services.store.values(_PREFIX)).items():
        look = msgspec.json.decode(kept, type=Look)
        if not set(look.identities).isdisjoint(identities):
            bare = msgspec.structs.replace(look, asked="", identities=())
            await services.store.set_value(name, msgspec.json.encode(bare))
            changed += 1
    return changed
