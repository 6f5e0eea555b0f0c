"""Listing the catalogue: items by words, category and state, page by page."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from persx.app.item_figures import AllFigures
from persx.app.item_keeping import current, no_item
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, UseCase
from persx.model.item import Item
from persx.recommend.catalogue import Catalogue

MOST: Final = 1_000


class Shown(StrEnum):
    """Which items are listed."""

    ALL = "all"
    SHOWN = "shown"
    UNAVAILABLE = "unavailable"
    HIDDEN = "hidden"
    UNVIEWED = "unviewed"
    """Nobody viewed it in the last 30 days."""


class Sort(StrEnum):
    """In which order items are listed; those alike in it in the order of their ids."""

    ID = "id"
    VIEWS = "views"
    """The most viewed in the last 30 days first."""
    ORDERS = "orders"
    """Those in the most orders of the last 30 days first."""
    ADDED = "added"
    """The newest first."""


class ListItems(msgspec.Struct, frozen=True, kw_only=True):
    """Which items are asked for; what is left empty is open.

    Attributes:
        search: Words that an item's id, title, brand, category or tags hold, in any letter case.
        category: Path of a category; those within it count too.
        after: Only items whose id comes after this one, in the order of characters.
        limit: So many at most.
        sort: `after` is for lists by id.
        skip: So many that fit are left out at the beginning.
    """

    search: str = ""
    category: tuple[str, ...] = ()
    show: Shown = Shown.ALL
    after: str = ""
    limit: int = 100
    sort: Sort = Sort.ID
    skip: int = 0

    @property
    def counts(self) -> bool:
        """Whether figures of items decide what is listed, or in which order."""
        return self.show is Shown.UNVIEWED or self.sort in (Sort.VIEWS, Sort.ORDERS)


class ListedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item, and whether it follows from the workspace."""

    item: Item
    workspace: bool = False


class ItemList(msgspec.Struct, frozen=True, kw_only=True):
    """Items in the order of their ids.

    Attributes:
        matching: How many fit, on all pages.
        total: How many the catalogue has.
        next: What to ask with as `after` for the next page; empty where this is the last.
    """

    items: tuple[ListedItem, ...]
    matching: int
    total: int
    next: str = ""


_FITS: Final[Mapping[Shown, Callable[[Item], bool]]] = {
    Shown.ALL: lambda _: True,
    Shown.SHOWN: lambda item: item.shown,
    Shown.UNAVAILABLE: lambda item: not item.available,
    Shown.HIDDEN: lambda item: item.hidden,
    Shown.UNVIEWED: lambda _: True,
}


def find(
    catalogue: Catalogue, request: ListItems, figures: AllFigures | None = None
) -> tuple[Sequence[Item], int, str]:
    """Return a page of the items that fit, how many fit on all pages, and where the next begins.

    Args:
        figures: Of items, where they are known; without them every item counts as not viewed.
    """
    words = request.search.casefold().split()
    fits = _FITS[request.show]
    mask = catalogue.category_mask(request.category)
    found = [
        item
        for code, item in enumerate(catalogue.items)
        if item is not None and mask[code] and fits(item) and (not words or _has(item, words))
    ]
    if request.show is Shown.UNVIEWED and figures is not None:
        found = [item for item in found if not figures.views(item.id)]
    found.sort(key=lambda item: item.id)
    if request.sort is Sort.ADDED:
        found.sort(key=lambda item: -item.added)
    elif figures is not None and request.sort in (Sort.VIEWS, Sort.ORDERS):
        of = figures.views if request.sort is Sort.VIEWS else figures.orders
        found.sort(key=lambda item: -of(item.id))
    start = max(request.skip, 0)
    if request.after:
        start += bisect_right(found, request.after, key=lambda item: item.id)
    page = found[start : start + max(1, min(request.limit, MOST))]
    more = page and start + len(page) < len(found)
    return page, len(found), page[-1].id if more else ""


def _has(item: Item, words: Sequence[str]) -> bool:
    titles = (each.title for each in item.translations.values())
    told = "\n".join(
        (item.id, item.title, item.brand, *item.category, *item.tags, *titles)
    ).casefold()
    return all(word in told for word in words)


async def list_items(services: Services, request: ListItems) -> ItemList:
    """Return a page of the catalogue; many are looked through beside the loop."""
    catalogue = await current(services)
    figures = await services.item_figures.current(services) if request.counts else None
    page, matching, after = await asyncio.to_thread(find, catalogue, request, figures)
    ours = services.catalogue.ours
    return ItemList(
        items=tuple(ListedItem(item=item, workspace=item.id in ours) for item in page),
        matching=matching,
        total=len(catalogue),
        next=after,
    )


class ShowItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item, by its id or the path of its page."""

    id: str


async def show_item(services: Services, request: ShowItem) -> ListedItem:
    """Return an item.

    Raises:
        NotFound: There is none.
    """
    catalogue = await current(services)
    item = catalogue.at(request.id) if request.id.startswith("/") else catalogue.get(request.id)
    if item is None:
        raise no_item(request.id)
    return ListedItem(item=item, workspace=item.id in services.catalogue.ours)


LIST_ITEMS: Final = UseCase("items", ListItems, ItemList, list_items, writes=False)
SHOW_ITEM: Final = UseCase("item", ShowItem, ListedItem, show_item, writes=False)
USE_CASES: Final[Sequence[AnyUseCase]] = (LIST_ITEMS, SHOW_ITEM)
