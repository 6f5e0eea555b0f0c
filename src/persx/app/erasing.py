"""Erasing: a visitor goes from everything that is kept, and a signed receipt says so."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from persx.app.imports import unit_columns
from persx.app.kept_sums import forgetting
from persx.app.looks import forget_in_looks
from persx.app.refolding import refold
from persx.app.services import Services
from persx.app.tombstone_file import FILE, keep_tombstones, read_tombstones
from persx.app.use_cases import Noted, UseCase
from persx.experiments.sql import query
from persx.model.clock import Millis
from persx.model.errors import BadInput, Conflict, NotFound
from persx.model.event import IdentityKey, anonymous_key, claimed_key, email_key, user_key
from persx.model.visitor import EdgeKind
from persx.storage.keeping import storable
from persx.storage.ports import Store
from persx.storage.removal import Erasure, Removed, Tombstone
from persx.storage.scope import System

_SCOPE: Final = System("erasing")

ERASED: Final = "erasure/last"
"""Small value: when somebody was erased last, for what was learned before from their data too."""

_ATTEMPTS: Final = 5
_ALL: Final = 1 << 62
_RECEIPTS: Final = "erasure/receipt/"
_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}").fullmatch
_KINDS: Final = ("a:", "u:", "c:", "e:")


class ErasureReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that somebody was erased; it names nobody.

    Attributes:
        at: When; nothing older is taken in again.
        home: What tells this home from others.
        counts: Place → rows that were removed there.
        tombstones: Keyed hashes of the erased ids.
        signature: Of all the rest, with the home's secret.
    """

    id: str
    at: Millis
    home: str
    counts: dict[str, int]
    tombstones: tuple[str, ...]
    signature: str = ""


async def erase(
    services: Services, identities: Collection[IdentityKey], *, claimed: bool = False
) -> ErasureReceipt:
    """Erase the visitor whom these identities belong to.

    Everything goes that verified edges join to them, with what was only claimed of their user
    ids. When this returns it is gone from the files too, late retries of old events are turned
    away, and who comes back is a new visitor.

    Args:
        claimed: Erase browsers too that called themselves one of the user ids with the public
            key. Anybody can do that, so it is for operators, not for visitors, to say.

    Raises:
        BadInput: There is no identity, or one that is none.
        Conflict: The visitor's identities keep changing, or sealing does not end.
        Unavailable: It is removed, but old files are still being read; erase again.
    """
    for identity in identities:
        if identity[:2] not in _KINDS or not identity[2:]:
            raise BadInput(
                f"'{identity}' is not an identity.",
                value=identity,
                hint="Write a:ANONYMOUS_ID or u:USER_ID.",
            )
    if not identities:
        raise BadInput("There is no identity to erase.")
    async with services.rewriting, forgetting(services.store):
        await refold(services)
        removed, at = await _remove(services, identities, claimed)
        services.profiles.clear()
        await refold(services)
        await settle_tombstones(services)
        receipt = _signed(services, removed, at)
        await services.store.set_value(_RECEIPTS + receipt.id, msgspec.json.encode(receipt))
        await services.store.set_value(ERASED, str(at).encode())
    return receipt


async def _remove(
    services: Services, identities: Collection[IdentityKey], claimed: bool
) -> tuple[Removed, Millis]:
    for attempt in range(_ATTEMPTS):
        whole = await resolve(services.store, identities, claimed=claimed)
        await services.decision_log.flush(services.store)
        await forget_in_looks(services, whole)
        at = services.clock()
        try:
            erasure = Erasure(
                identities=whole,
                at=at,
                texts=await _addresses(services, whole),
                units=await unit_columns(services),
            )
            return await services.warehouse.remove(erasure), at
        except Conflict:
            # An edge was added meanwhile.
            if attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


async def _addresses(services: Services, identities: Iterable[IdentityKey]) -> frozenset[str]:
    """Return the e-mail addresses that are kept of a visitor, in whichever attribute."""
    found = set()
    for identity in identities:
        for state in await services.store.seen_by(_SCOPE).states(identity):
            if state.identity == identity:
                values = (fact.value for fact in state.facts.values())
                found |= {each for each in values if isinstance(each, str) and _ADDRESS(each)}
    return frozenset(found)


async def resolve(
    store: Store, identities: Iterable[IdentityKey], *, claimed: bool = False
) -> frozenset[IdentityKey]:
    """Return all identities of a visitor, with the claimed ones of their user ids."""
    found: set[IdentityKey] = set()
    waiting = {IdentityKey(storable(identity)) for identity in identities}
    reader = store.seen_by(_SCOPE)
    edges = await reader.edges() if claimed else ()
    while waiting:
        identity = waiting.pop()
        found.add(identity)
        further = set(await reader.linked(identity))
        if identity.startswith("u:"):
            further.add(claimed_key(identity[2:]))
            for edge in edges:
                if edge.kind is EdgeKind.CLAIMED and identity in (edge.left, edge.right):
                    further |= {edge.left, edge.right}
        elif identity.startswith("c:"):
            further.add(user_key(identity[2:]))
        waiting |= further - found
    return frozenset(found)


def _signed(services: Services, removed: Removed, at: Millis) -> ErasureReceipt:
    receipt = ErasureReceipt(
        id=secrets.token_hex(8),
        at=at,
        home=services.keys.home_id,
        counts=removed.counts,
        tombstones=removed.tombstones,
    )
    return msgspec.structs.replace(
        receipt, signature=services.signer.signature("erasure", _content(receipt))
    )


def _content(receipt: ErasureReceipt) -> bytes:
    return msgspec.json.encode(
        msgspec.structs.replace(receipt, signature=""), order="deterministic"
    )


async def settle_tombstones(services: Services) -> None:
    """Have the database and the file beside it know the same tombstones.

    What the file alone knows, an old copy of the database has brought back: it is erased again.
    """
    services.erased = known = await services.store.tombstones()
    if services.home is None:
        return
    if (services.home / FILE).exists():
        told = read_tombstones(services.home / FILE)
        if told.fingerprint == known.fingerprint:
            await apply_tombstones(services, told.stones)
            services.erased = known = await services.store.tombstones()
    keep_tombstones(services.home, known, known)


async def apply_tombstones(services: Services, stones: Iterable[Tombstone]) -> int:
    """Erase again whom these tombstones name and the store does not know of; return how many."""
    known = await services.store.tombstones()
    missing = {each.id: each for each in known.add(stones)}
    if not missing:
        return 0
    units = await unit_columns(services)
    found = {
        identity
        for identity in await _everybody(services, units)
        if known.id_of(identity) in missing
    }
    if found:
        async with forgetting(services.store):
            await services.warehouse.remove(
                Erasure(
                    identities=frozenset(found),
                    at=0,
                    complete=False,
                    bury=False,
                    texts=await _addresses(services, found),
                    units=units,
                )
            )
            services.profiles.clear()
            await refold(services)
    await services.store.add_tombstones(sorted(missing.values()))
    return len(found)


async def _everybody(services: Services, units: Mapping[str, str]) -> set[IdentityKey]:
    """Return every identity that anything is kept of, units of imported tables too."""
    found = set(await services.store.seen_by(_SCOPE).identities())
    events = await services.warehouse.seen_by(_SCOPE).query(
        """
        SELECT DISTINCT 'a:' || anonymous_id FROM events WHERE anonymous_id IS NOT NULL
        UNION SELECT DISTINCT 'u:' || user_id FROM events WHERE user_id IS NOT NULL
        UNION SELECT DISTINCT 'a:' || previous_id FROM events WHERE previous_id IS NOT NULL
        UNION SELECT DISTINCT 'u:' || previous_id FROM events WHERE previous_id IS NOT NULL
        """
    )
    decisions = await services.warehouse.seen_by(_SCOPE).query(
        "SELECT DISTINCT bucketing_id FROM decisions"
    )
    found |= {IdentityKey(key) for rows in (events, decisions) for (key,) in rows.rows}
    for table, column in units.items():
        rows = await services.warehouse.seen_by(_SCOPE).query(
            query("column_values", table=table, column=column), {"limit": _ALL}
        )
        keys = (user_key, anonymous_key, email_key)
        found |= {key(str(id)) for id, _ in rows.rows for key in keys}
    return found


class EraseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be erased, by one of the three; `claimed` as in `erase`."""

    user: str = ""
    anonymous: str = ""
    email: str = ""
    claimed: bool = False


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that somebody shows."""

    receipt: ErasureReceipt


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt is worth.

    Attributes:
        genuine: It was signed by this home, and nothing in it was changed.
        kept: The home still has all of its tombstones.
    """

    genuine: bool
    kept: bool


async def erase_one(services: Services, request: EraseRequest) -> ErasureReceipt:
    """Erase a visitor by a user id, an anonymous id or an e-mail address."""
    identities = named_identities(request.user, request.anonymous, request.email)
    return await erase(services, identities, claimed=request.claimed)


def named_identities(user: str, anonymous: str, email: str) -> list[IdentityKey]:
    """Return the identities that somebody names; what is empty names none."""
    named = ((user_key, user), (anonymous_key, anonymous), (email_key, email))
    return [key(id) for key, id in named if id.strip()]


async def verify(services: Services, request: VerifyRequest) -> Verified:
    """Tell whether a receipt is ours, and whether what it says still holds."""
    receipt = request.receipt
    known = {each.id: each.at for each in await services.store.tombstones()}
    return Verified(
        genuine=services.signer.signs(receipt.signature, "erasure", _content(receipt)),
        kept=all(known.get(id, -1) >= receipt.at for id in receipt.tombstones),
    )


async def receipts(services: Services) -> list[ErasureReceipt]:
    """Return all receipts that were given out, newest first; they name nobody."""
    kept = (await services.store.values(_RECEIPTS)).values()
    found = [msgspec.json.decode(each, type=ErasureReceipt) for each in kept]
    return sorted(found, key=lambda receipt: (-receipt.at, receipt.id))


async def receipt_of(services: Services, id: str) -> ErasureReceipt:
    """Return a receipt that was given out.

    Raises:
        NotFound: There is none with this id.
    """
    kept = await services.store.value(_RECEIPTS + id)
    if kept is None:
        raise NotFound(f"There is no receipt '{id}'.", value=id)
    return msgspec.json.decode(kept, type=ErasureReceipt)


def noted(receipt: ErasureReceipt) -> Noted:
    """Return what the audit log tells of an erasure: the receipt and the sum, and nobody."""
    rows = sum(count for place, count in receipt.counts.items() if place != "segments_rewritten")
    return Noted("visitor.erase", f"receipt {receipt.id}", f"{rows} rows removed")


ERASE: Final = UseCase(
    "erase", EraseRequest, ErasureReceipt, erase_one, notes=lambda _, receipt: [noted(receipt)]
)
VERIFY: Final = UseCase("verify-erasure", VerifyRequest, Verified, verify, writes=False)
