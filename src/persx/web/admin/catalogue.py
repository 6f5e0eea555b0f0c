"""The catalogue in the studio: what can be recommended, found by words, state and use."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final
from urllib.parse import urlencode

import msgspec
import numpy as np
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from persx.app.item_figures import AllFigures
from persx.app.item_listing import ListItems, Shown, Sort, find
from persx.content.art import art
from persx.model.clock import Millis
from persx.model.counting import counted
from persx.model.item import Item
from persx.recommend.catalogue import Catalogue
from persx.web.admin.frame import site_name, studio_page
from persx.web.visitors import services_of

PATH: Final = "/admin/catalogue"
ITEM_PATH: Final = "/admin/catalogue/item"
PAGE_ROWS: Final = 48
MOST_CATEGORIES: Final = 200
_WITHIN: Final = " › "
_GLANCE: Final = 1.0
"""Seconds that a list waits for figures which are only shown beside."""
_PATIENCE: Final = 10.0

LABELS: Final = (
    (Shown.ALL, "All"),
    (Shown.SHOWN, "Shown"),
    (Shown.UNAVAILABLE, "Sold out"),
    (Shown.HIDDEN, "Hidden"),
    (Shown.UNVIEWED, "Not viewed for 30 days"),
)
ORDERS: Final = (
    (Sort.ID, "Id"),
    (Sort.VIEWS, "Most viewed"),
    (Sort.ORDERS, "Most ordered"),
    (Sort.ADDED, "Newest"),
)


class ItemCard(msgspec.Struct, frozen=True, kw_only=True):
    """An item as the studio shows it.

    Attributes:
        state: ``shown``, ``unavailable`` or ``hidden``.
        price, was: In words; empty for none.
        picture: Address of its picture; empty where `drawing` stands for it, or its first letter.
        workspace: It follows from the workspace.
        href: Its page in the studio.
        figures: What was done with it lately, in a line; empty where that is not known yet.
    """

    item: Item
    state: str
    price: str
    was: str
    picture: str
    drawing: Markup | str
    workspace: bool
    href: str
    figures: str = ""

    @property
    def letter(self) -> str:
        """What stands for an item without a picture."""
        return (item_name(self.item).strip() or "?")[0].upper()

    @property
    def category(self) -> str:
        """The path of its category, in words."""
        return _WITHIN.join(self.item.category)


class CategoryChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A category that can be chosen, and how many items it and those within it have."""

    value: str
    label: str
    count: int


class CatalogueView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the catalogue.

    Attributes:
        total: Items in the catalogue; `matching` fit what was asked for.
        shown: How many of all may be recommended.
        here: This page's address, to come back to.
        first: The address of the first page; empty where this is it.
        previous: The address of the page before; empty where there is none.
        next: The address of the next page; empty where this is the last.
        place: Which page this is, of `places`.
        counted: As of when views and orders are counted; 0 where they are not yet.
    """

    name: str
    asked: ListItems
    cards: tuple[ItemCard, ...] = ()
    categories: tuple[CategoryChoice, ...] = ()
    category: str = ""
    labels: tuple[tuple[Shown, str], ...] = LABELS
    orders: tuple[tuple[Sort, str], ...] = ORDERS
    total: int = 0
    matching: int = 0
    shown: int = 0
    here: str = PATH
    first: str = ""
    previous: str = ""
    next: str = ""
    place: int = 1
    places: int = 1
    counted: Millis = 0
    problem: str = ""


async def show_catalogue(request: Request) -> Response:
    """List the catalogue: searched, by category and by state."""
    query = request.query_params
    show, sort = query.get("show", ""), query.get("sort", "")
    asked = ListItems(
        search=query.get("q", "")[:200].strip(),
        category=tuple(part for part in query.get("category", "").split(_WITHIN) if part)[:10],
        show=Shown(show) if show in list(Shown) else Shown.ALL,
        sort=Sort(sort) if sort in list(Sort) else Sort.ID,
        limit=PAGE_ROWS,
    )
    services = services_of(request)
    catalogue = await services.current_catalogue()
    # Who asks for what follows from figures waits for their first reading.
    patience = _PATIENCE if asked.counts else _GLANCE
    figures = await services.item_figures.current(services, patience=patience)
    place = _place(query.get("page", ""))
    page, matching, _ = await asyncio.to_thread(find, catalogue, _at(asked, place), figures)
    places = max(1, -(-matching // PAGE_ROWS))
    if place > places:
        # Items went since somebody saw so many pages.
        place = places
        page, matching, _ = await asyncio.to_thread(find, catalogue, _at(asked, place), figures)
    view = CatalogueView(
        name=site_name(request),
        asked=asked,
        cards=tuple(
            card_of(item, workspace=item.id in services.catalogue.ours, figures=figures)
            for item in page
        ),
        categories=categories_of(catalogue),
        category=_WITHIN.join(asked.category),
        total=len(catalogue),
        matching=matching,
        shown=int(catalogue.shown.sum()),
        here=_address(asked, place),
        first=_address(asked, 1) if place > 2 else "",
        previous=_address(asked, place - 1) if place > 1 else "",
        next=_address(asked, place + 1) if place < places else "",
        place=place,
        places=places,
        counted=figures.as_of if figures is not None else 0,
        problem=query.get("problem", "")[:300],
    )
    return studio_page(request, "admin/catalogue.html", view)


def item_name(item: Item) -> str:
    """Return what an item is called."""
    return item.title or item.id


def card_of(item: Item, *, workspace: bool, figures: AllFigures | None = None) -> ItemCard:
    """Return an item as the studio shows it."""
    currency = str(item.attributes.get("currency", ""))[:3]
    state = "hidden" if item.hidden else "shown" if item.available else "unavailable"
    return ItemCard(
        item=item,
        state=state,
        price=_money(item.price, currency),
        was=_money(item.was, currency),
        # Others are blocked by the page's policy, or would show as broken.
        picture=item.image if item.image.startswith(("https://", "/")) else "",
        drawing=art(item.art) if item.art else "",
        workspace=workspace,
        href=f"{ITEM_PATH}?{urlencode({'id': item.id})}",
        figures=_done(figures.views(item.id), figures.orders(item.id)) if figures else "",
    )


def _done(views: int, orders: int) -> str:
    viewed = counted(views, "view") if views else "not viewed"
    return f"{viewed}, {counted(orders, 'order')}" if orders else viewed


def categories_of(catalogue: Catalogue) -> tuple[CategoryChoice, ...]:
    """Return the categories that items are in, wide ones before those within them."""
    counts: Counter[tuple[str, ...]] = Counter()
    having = catalogue.columns.category[catalogue.columns.category >= 0]
    numbers = np.bincount(having, minlength=len(catalogue.categories)).tolist()
    for path, number in zip(catalogue.categories, numbers, strict=True):
        for depth in range(1, len(path) + 1):
            counts[path[:depth]] += number
    chosen = sorted(path for path, count in counts.items() if count)[:MOST_CATEGORIES]
    return tuple(
        CategoryChoice(
            value=_WITHIN.join(path),
            label="\u2003" * (len(path) - 1) + path[-1],
            count=counts[path],
        )
        for path in chosen
    )


def _place(said: str) -> int:
    return max(1, int(said)) if said.isascii() and said.isdecimal() and len(said) < 7 else 1


def _at(asked: ListItems, place: int) -> ListItems:
    return msgspec.structs.replace(asked, skip=(place - 1) * PAGE_ROWS)


def _address(asked: ListItems, place: int) -> str:
    said = {
        "q": asked.search,
        "category": _WITHIN.join(asked.category),
        "show": asked.show.value if asked.show is not Shown.ALL else "",
        "sort": asked.sort.value if asked.sort is not Sort.ID else "",
        "page": str(place) if place > 1 else "",
    }
    told = urlencode({name: value for name, value in said.items() if value})
    return f"{PATH}?{told}" if told else PATH


def _money(amount: float | None, currency: str) -> str:
    return "" if amount is None else f"{amount:,.2f} {currency}".strip()
