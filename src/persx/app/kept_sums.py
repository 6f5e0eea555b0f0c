"""Kept sums: what a reading of the log found for an experiment, so that it need not be read again.

They are sums over visitors, and say nothing of any one. They serve for as long as the log, and
what is asked of it, could not have made others; see ``docs/adr/0029-kept-sums.md``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec

from persx.experiments.plan import Observed
from persx.model.clock import HOUR, SECOND, Millis
from persx.model.errors import PersxError
from persx.storage.ports import Store

_FORMAT: Final = 2
"""Counted up when `Observed`, or how it is made of the queries' answers, changes."""

_KEPT: Final = "readout:"
_GENERATION: Final = "readouts"
CHANGING: Final = b"changing"
"""The generation while somebody is removed."""

YOUNG: Final = 3 * SECOND
"""Sums so old are shown though events came since."""

PATIENCE: Final = 20
"""What took long may be so many times as old as it took, if that is more."""

MATURING: Final = HOUR
"""Where a metric counts those whose time is over, time alone changes the sums."""


class KeptSums(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading found.

    Attributes:
        definition: What was asked; see `definition_of`.
        generation: Of the log and its identities; another one where they changed by more than
            new events.
        newest: The last event that was read.
        as_of: When.
        seconds: How long it took.
        matures: Time alone changes the sums.
        sums: The `Observed`, in MessagePack.
    """

    definition: str
    generation: bytes
    newest: int
    as_of: Millis
    seconds: float
    matures: bool
    sums: msgspec.Raw

    @property
    def young_for(self) -> Millis:
        """How old it may be, in milliseconds, though events came since."""
        return max(YOUNG, round(PATIENCE * self.seconds * SECOND))

    def is_young(self, now: Millis) -> bool:
        """Tell whether it may be shown though events came since."""
        return 0 <= now - self.as_of < self.young_for

    def is_exact(self, now: Millis) -> bool:
        """Tell whether a reading would find the same, as long as no event came since."""
        return not self.matures or 0 <= now - self.as_of < MATURING

    def observed(self) -> Observed:
        """Return the sums."""
        return _decoder.decode(self.sums)


_decoder: Final = msgspec.msgpack.Decoder(Observed)
_kept_decoder: Final = msgspec.msgpack.Decoder(KeptSums)


def definition_of(*asked: Any) -> str:
    """Return what tells apart what was asked: a hash of all that a reading takes but the log."""
    return hashlib.sha256(msgspec.json.encode((_FORMAT, *asked), order="sorted")).hexdigest()


def packed(observed: Observed) -> msgspec.Raw:
    """Return sums as they are kept."""
    return msgspec.Raw(msgspec.msgpack.encode(observed))


async def generation(store: Store) -> bytes | None:
    """Return what changes with each removal and each cut; none while one goes on."""
    found = await store.value(_GENERATION) or b""
    return None if found == CHANGING else found


async def load(store: Store, name: str) -> KeptSums | None:
    """Return what is kept of an experiment, of whichever definition."""
    return _read(await store.value(_KEPT + name))


async def load_all(store: Store) -> Mapping[str, KeptSums]:
    """Return what is kept, by experiment."""
    raw = await store.values(_KEPT)
    found = {name.removeprefix(_KEPT): _read(kept) for name, kept in raw.items()}
    return {name: kept for name, kept in found.items() if kept is not None}


def _read(raw: bytes | None) -> KeptSums | None:
    # Another version may have written it: it is read anew then.
    with suppress(msgspec.DecodeError):
        return _kept_decoder.decode(raw) if raw else None
    return None


async def keep(store: Store, name: str, kept: KeptSums) -> None:
    """Keep what was found, unless somebody was removed meanwhile.

    Where another process writes to the home, nothing is kept; it reads for itself.
    """
    if await generation(store) != kept.generation:
        return
    with suppress(PersxError):
        await store.set_value(_KEPT + name, msgspec.msgpack.encode(kept))
        if await generation(store) != kept.generation:
            await store.set_value(_KEPT + name, None)


@asynccontextmanager
async def forgetting(store: Store) -> AsyncIterator[None]:
    """While the log or its identities change by more than new events, and after: keep nothing old.

    A process that is killed meanwhile leaves a mark, so that nothing is kept until `settle_sums`.
    """
    await store.set_value(_GENERATION, CHANGING)
    for name in await store.values(_KEPT):
        await store.set_value(name, None)
    try:
        yield
    finally:
        await store.set_value(_GENERATION, secrets.token_bytes(8))


async def settle_sums(store: Store) -> None:
    """Take away the mark of a process that was killed; nobody may be changing anything."""
    if await generation(store) is None:
        await store.set_value(_GENERATION, secrets.token_bytes(8))
