"""Keeping the catalogue: items are put, hidden, removed; what is not said of one stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.clock import Millis
from persx.model.counting import counted
from persx.model.errors import BadInput, NotFound, did_you_mean
from persx.model.item import Item, ItemId, ItemTexts
from persx.recommend.catalogue import Catalogue
from persx.recommend.feed_translations import locale_code
from persx.recommend.feed_values import address
from persx.storage.items import ItemsWritten, check_id, remove

MOST: Final = 1_000
"""Items of one request."""

_FACTS: Final = frozenset(Item.__struct_fields__)


class PutItems(msgspec.Struct, frozen=True, kw_only=True):
    """Items to keep.

    Attributes:
        items: What is said of each: its ``id``, and fields of `Item`; those not said stay. Of
            several with one id, the last counts.
        whole: What is said is all: of an item that is kept already nothing stays but that it is
            hidden, and when it came.
        known: No item is new; `refused` tells of those that are not kept.
        before: What the pieces before this one of the same import came to.
        last: The import ends with this piece, and is noted in the audit log.
    """

    items: tuple[dict[str, Any], ...]
    whole: bool = False
    known: bool = False
    before: ItemsWritten = ItemsWritten()
    last: bool = False


class Refused(msgspec.Struct, frozen=True):
    """An item that was not kept, and why; `place` counts the items of the request from 0."""

    place: int
    id: str
    reason: str


class ItemsPut(msgspec.Struct, frozen=True, kw_only=True):
    """What became of items; the others of a request are kept where some are refused."""

    written: ItemsWritten
    refused: tuple[Refused, ...] = ()


async def put_items(services: Services, request: PutItems) -> ItemsPut:
    """Keep what is said of items; it counts with the next request.

    Raises:
        BadInput: There are more than `MOST`.
    """
    if len(request.items) > MOST:
        raise BadInput(
            f"{len(request.items):,} items are too many at once.",
            value=len(request.items),
            hint=f"Send up to {MOST:,}.",
        )
    wanted: dict[ItemId, tuple[int, dict[str, Any]]] = {}
    refused: list[Refused] = []
    for place, told in enumerate(request.items):
        try:
            facts = _checked(told)
        except BadInput as error:
            refused.append(Refused(place, str(told.get("id", ""))[:200], str(error)))
            continue
        id = ItemId(facts.pop("id"))
        wanted[id] = place, facts
    for id, reason in (await _unknown(services, request, wanted)).items():
        refused.append(Refused(wanted.pop(id)[0], id, reason))
    now = services.clock()

    def change(id: ItemId, before: Item | None) -> Item | None:
        return merged(id, before, wanted[id][1], whole=request.whole, now=now)

    written = ItemsWritten()
    if wanted:
        try:
            written = await services.items.update(wanted, change)
        except BadInput:
            # One of them cannot be kept: the others are.
            for id, (place, _) in wanted.items():
                try:
                    written += await services.items.update([id], change)
                except BadInput as error:
                    refused.append(Refused(place, id, str(error)))
    return ItemsPut(written=written, refused=tuple(sorted(refused, key=lambda each: each.place)))


def merged(
    id: ItemId, before: Item | None, facts: Mapping[str, Any], *, whole: bool, now: Millis
) -> Item | None:
    """Return an item after something was said of it; none where nothing is left to keep.

    Args:
        before: As it is kept; none where it is not.
        facts: Fields of `Item` with what they are now.
        whole: What is said is all.
    """
    base = before or Item(id=id)
    said = dict(facts)
    if whole:
        base = Item(id=id, hidden=base.hidden, added=base.added)
    elif attributes := said.get("attributes"):
        said["attributes"] = base.attributes | attributes
    if "translations" in said:
        said["translations"] = translated(base.translations, said["translations"])
    found: Item = msgspec.structs.replace(base, **said)
    if found.was is not None and found.price is not None and found.was <= found.price:
        found = msgspec.structs.replace(found, was=None)
    if not found.added and found.title:
        found = msgspec.structs.replace(found, added=now)
    return None if found == Item(id=id) else found


def translated(
    before: Mapping[str, ItemTexts], said: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, ItemTexts]:
    """Return translations after something was said of some; what is not said stays.

    Args:
        said: Locale → field → words; a locale of nothing takes its words away.
    """
    found = dict(before)
    for locale, words in said.items():
        texts = msgspec.structs.replace(found.get(locale, ItemTexts()), **(words or {}))
        found[locale] = ItemTexts() if words is None else texts
    return {locale: texts for locale, texts in sorted(found.items()) if texts != ItemTexts()}


def _checked(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of an item, in the types of its fields.

    Raises:
        BadInput: It has no id, or a field is none or of another type.
    """
    if wrong := sorted(set(told) - _FACTS):
        raise BadInput(
            f"Items have no '{wrong[0][:80]}'.",
            value=wrong[0],
            hint=did_you_mean(wrong[0], _FACTS),
        )
    words = told.get("translations")
    try:
        if isinstance(words, Mapping):
            told = {**told, "translations": {k: v or {} for k, v in words.items()}}
        item = msgspec.convert(told, Item)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise BadInput(f"{error}.") from error
    check_id(item.id)
    for name in ("url", "image"):
        try:
            address(getattr(item, name))
        except ValueError as error:
            raise BadInput(f"Field '{name}': {error}", value=item.id) from error
    facts = {name: getattr(item, name) for name in told}
    if isinstance(words, Mapping):
        facts["translations"] = {
            locale: _words_said(item, locale, said) for locale, said in words.items()
        }
    return facts


def _words_said(item: Item, locale: str, said: Any) -> dict[str, Any] | None:
    """Return what is said of an item in a locale, in the types of its fields.

    Raises:
        BadInput: It is no locale, or its page no address.
    """
    if locale_code(locale) != locale:
        raise BadInput(
            f"'{locale[:40]}' is no locale.", value=locale, hint="Write it as de or de-AT."
        )
    if said is None:
        return None
    texts = item.translations[locale]
    try:
        address(texts.url)
    except ValueError as error:
        raise BadInput(f"Field 'url' of '{locale}': {error}", value=item.id) from error
    return {name: getattr(texts, name) for name in said if hasattr(texts, name)}


async def _unknown(
    services: Services, request: PutItems, wanted: Mapping[ItemId, tuple[int, dict[str, Any]]]
) -> dict[ItemId, str]:
    """Return those of which too little is said to keep them, with the reason."""
    bare = {id for id, (_, facts) in wanted.items() if request.known or not facts.get("title")}
    if not bare:
        return {}
    kept = await services.items.get(bare)
    # What is said of an item without its title is laid over what is known of it.
    bare -= {id for id, item in kept.items() if item.title and not request.whole}
    if bare:
        await services.publication.refresh(services.store)
        bare -= set(await ours(services))
    reason = "There is no such item." if request.known else "It is new, and has no title."
    return dict.fromkeys(sorted(bare), reason)


async def ours(services: Services) -> Mapping[ItemId, Item]:
    """Return the items that follow from the workspace."""
    await current(services)
    return services.catalogue.ours


async def current(services: Services) -> Catalogue:
    """Return the catalogue as it is now, whether this process serves the home or not."""
    await services.publication.refresh(services.store)
    return await services.current_catalogue()


class ItemIds(msgspec.Struct, frozen=True, kw_only=True):
    """Which items are meant."""

    ids: tuple[str, ...]


class HideItems(msgspec.Struct, frozen=True, kw_only=True):
    """Items to take out of every recommendation, or, with `hidden` false, to let in again."""

    ids: tuple[str, ...]
    hidden: bool = True


async def hide_items(services: Services, request: HideItems) -> ItemsWritten:
    """Hide items, or show them again.

    Raises:
        NotFound: There is no such item; nothing was changed.
    """
    catalogue = await current(services)
    for id in request.ids:
        if catalogue.get(id) is None:
            raise no_item(id)

    def change(id: ItemId, before: Item | None) -> Item | None:
        return merged(id, before, {"hidden": request.hidden}, whole=False, now=0)

    return await services.items.update([ItemId(id) for id in request.ids], change)


async def remove_items(services: Services, request: ItemIds) -> ItemsWritten:
    """Remove items that were imported or sent.

    Raises:
        NotFound: There is no such item.
        BadInput: It follows from the workspace. Nothing was changed.
    """
    kept = await services.items.get(request.ids)
    for id in request.ids:
        if id in kept:
            continue
        if id in await ours(services):
            raise BadInput(
                f"'{id}' stands in the workspace.",
                value=id,
                hint="Take it out there, or hide it.",
            )
        raise no_item(id)
    return await remove(services.items, [ItemId(id) for id in request.ids])


class RemoveOthers(msgspec.Struct, frozen=True, kw_only=True):
    """Items that a whole feed did not have: they are removed."""

    ids: tuple[str, ...]


async def remove_others(services: Services, request: RemoveOthers) -> ItemsWritten:
    """Remove items; those that are gone already count as the same."""
    return await remove(services.items, [ItemId(id) for id in request.ids])


class AllIds(msgspec.Struct, frozen=True):
    """Asks for the ids of all kept items."""


async def kept_ids(services: Services, _: AllIds) -> ItemIds:
    """Return the ids of all kept items, but for those of which only overlays are kept."""
    found: list[str] = []
    while page := await services.items.page(found[-1] if found else ""):
        found += [item.id for item in page]
    return ItemIds(ids=tuple(found))


def no_item(id: str) -> NotFound:
    """Return the error for an id that no item has."""
    return NotFound(f"There is no item '{id[:200]}'.", value=id, hint="List them: persx items list")


def _noted_put(request: PutItems, done: ItemsPut) -> list[Noted]:
    """Tell of an import once, at its end."""
    total = request.before + done.written
    if not request.last:
        return []
    detail = f"{total.added} added, {total.changed} changed, {total.removed} removed"
    return [Noted("item.import", "", detail)]


def _noted_each(what: str, ids: Sequence[str]) -> list[Noted]:
    on = ids[0] if len(ids) == 1 else counted(len(ids), "item")
    return [Noted(what, on)] if ids else []


PUT_ITEMS: Final = UseCase("put-items", PutItems, ItemsPut, put_items, notes=_noted_put)
HIDE_ITEMS: Final = UseCase(
    "hide-items",
    HideItems,
    ItemsWritten,
    hide_items,
    notes=lambda asked, _: _noted_each(f"item.{'hide' if asked.hidden else 'unhide'}", asked.ids),
)
REMOVE_ITEMS: Final = UseCase(
    "remove-items",
    ItemIds,
    ItemsWritten,
    remove_items,
    notes=lambda asked, _: _noted_each("item.remove", asked.ids),
)
REMOVE_OTHERS: Final = UseCase(
    "remove-other-items", RemoveOthers, ItemsWritten, remove_others, notes=lambda *_: ()
)
"""A step of an import, whose end is noted."""

KEPT_IDS: Final = UseCase("kept-items", AllIds, ItemIds, kept_ids, writes=False)
USE_CASES: Final[Sequence[AnyUseCase]] = (
    PUT_ITEMS, HIDE_ITEMS, REMOVE_ITEMS, REMOVE_OTHERS, KEPT_IDS,
)  # fmt: skip
