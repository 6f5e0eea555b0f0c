"""The port of items: what the catalogue holds, and what changed in it since a revision.

Items are data, not workspace: they come from feeds, many at a time, and nothing in them is about a
visitor. Each change of an item takes the next revision, a removal too, so that whoever holds all
of them in memory reads only what is new.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from persx.model.errors import BadInput
from persx.model.item import Item, ItemId
from persx.storage.keeping import storable

LARGEST: Final = 64 << 10
"""Bytes of an item as it is kept."""

LONGEST_ID: Final = 200

_TIME_LIMIT: Final = 1 << 53

Change: TypeAlias = Callable[[ItemId, Item | None], Item | None]
"""Makes of an item as it is kept (none where it is not) what is to be kept (none removes it)."""


class ItemsWritten(msgspec.Struct, frozen=True, kw_only=True):
    """What a change came to: items that are new, that differ now, that are gone, that stay."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    same: int = 0

    def __add__(self, other: ItemsWritten) -> ItemsWritten:
        return ItemsWritten(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            removed=self.removed + other.removed,
            same=self.same + other.same,
        )


class ItemChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Items that changed after a revision, as they are now, in the order of their changes.

    Attributes:
        items: Each once.
        removed: Those that are not kept any more.
        revision: Of the last change that is told of; the one that was asked from where none is.
    """

    items: tuple[Item, ...] = ()
    removed: tuple[ItemId, ...] = ()
    revision: int


class Items(Protocol):
    """The kept items, by id."""

    async def update(self, ids: Collection[ItemId], change: Change) -> ItemsWritten:
        """Change some items in one transaction, durably.

        What comes out as it was takes no revision. `change` is called inside the transaction, so
        that nobody's change is lost, whoever writes at the same time; it must be pure, and may be
        called more than once. Raises `BadInput` for what cannot be kept, and then keeps nothing.
        """
        ...

    async def get(self, ids: Collection[str]) -> Mapping[ItemId, Item]:
        """Return those of some items that are kept."""
        ...

    async def page(self, after: str = "", limit: int = 1_000) -> Sequence[Item]:
        """Return the items with the next ids after one, in the order of their characters."""
        ...

    async def changes(self, since: int = 0, limit: int = 1_000) -> ItemChanges:
        """Return the first changes after a revision; from 0 on, these are all items."""
        ...

    async def revision(self) -> int:
        """Return the last change's revision, 0 where there was none. Cheap."""
        ...


async def put(items: Items, wanted: Sequence[Item]) -> ItemsWritten:
    """Keep items as they are; of several with one id, the last."""
    by_id = {item.id: item for item in wanted}
    return await items.update(by_id, lambda id, _: by_id[id])


async def remove(items: Items, ids: Collection[ItemId]) -> ItemsWritten:
    """Remove items; those that are not kept count as the same."""
    return await items.update(ids, lambda *_: None)


def check_id(id: str) -> None:
    """Refuse what no backend keeps an item under.

    Raises:
        BadInput: It is empty, too long, holds control characters, or begins with a slash, as
            paths of pages do.
    """
    if not id or len(id) > LONGEST_ID or id.startswith("/") or not id.isprintable():
        told = storable(id[:80])
        raise BadInput(
            f"'{told}' is no id of an item." if id else "An item has no id.",
            value=told,
            hint=f"It takes 1 to {LONGEST_ID} printable characters, the first of them no slash.",
        )


def kept(item: Item) -> tuple[Item, bytes]:
    """Return an item as it is kept, and its JSON.

    Raises:
        BadInput: It cannot be kept: see `check_id`; or a price or time is out of range, or it is
            too large, or holds what JSON does not know.
    """
    check_id(item.id)
    for name, price in (("price", item.price), ("price before", item.was)):
        if price is not None and not (math.isfinite(price) and 0 <= price < 1e12):
            raise BadInput(f"The {name} of item '{item.id}' is {price}.", value=price)
    if not 0 <= item.added < _TIME_LIMIT:
        raise BadInput(
            f"Item '{item.id}' was added at {item.added}.",
            value=item.added,
            hint="Times are milliseconds since 1970.",
        )
    try:
        body = _encode(item)
        if b"\\u0000" in body:
            body = _encode(_clean(item))
    except UnicodeEncodeError:
        body = _encode(_clean(item))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadInput(
            f"Item '{item.id}' cannot be written as JSON: {error}.", value=item.id
        ) from error
    if len(body) > LARGEST:
        raise BadInput(
            f"Item '{item.id}' takes {len(body):,} bytes; {LARGEST:,} are kept.", value=item.id
        )
    # As it comes back: nobody changes afterwards what was kept.
    return read(body), body


def read(body: bytes) -> Item:
    """Return an item that was kept."""
    return _decode(body)


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(Item).decode


def _clean(item: Item) -> Item:
    return msgspec.convert(_storable(msgspec.to_builtins(item)), Item)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return value
