"""The catalogue in the studio: what can be recommended, found, hidden and shown again."""

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

from persx.app.audit import perform
from persx.app.item_keeping import HIDE_ITEMS, HideItems
from persx.app.item_listing import ListItems, ShowItem, Shown, find, show_item
from persx.content.art import art
from persx.model.errors import NotFound, PersxError
from persx.model.item import Item
from persx.recommend.catalogue import Catalogue
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, back, field, staff_of
from persx.web.visitors import services_of

PATH: Final = "/admin/catalogue"
ITEM_PATH: Final = "/admin/catalogue/item"
PAGE_ROWS: Final = 48
MOST_CATEGORIES: Final = 200
_WITHIN: Final = " › "

LABELS: Final = (
    (Shown.ALL, "All"),
    (Shown.SHOWN, "Shown"),
    (Shown.UNAVAILABLE, "Not available"),
    (Shown.HIDDEN, "Hidden"),
)


class ItemCard(msgspec.Struct, frozen=True, kw_only=True):
    """An item as the studio shows it.

    Attributes:
        state: ``shown``, ``unavailable`` or ``hidden``.
        price, was: In words; empty for none.
        picture: Address of its picture; empty where `drawing` stands for it, or its first letter.
        workspace: It follows from the workspace.
        href: Its page in the studio.
    """

    item: Item
    state: str
    price: str
    was: str
    picture: str
    drawing: Markup | str
    workspace: bool
    href: str

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
        next: The address of the next page; empty where this is the last.
    """

    name: str
    asked: ListItems
    cards: tuple[ItemCard, ...] = ()
    categories: tuple[CategoryChoice, ...] = ()
    category: str = ""
    labels: tuple[tuple[Shown, str], ...] = LABELS
    total: int = 0
    matching: int = 0
    shown: int = 0
    here: str = PATH
    first: str = ""
    next: str = ""
    problem: str = ""


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item with all that is known of it; none where there is no such one.

    Attributes:
        here: This page's address.
        facts: Further facts, in words.
    """

    name: str
    id: str
    card: ItemCard | None
    here: str
    facts: tuple[tuple[str, str], ...] = ()
    problem: str = ""


async def show_catalogue(request: Request) -> Response:
    """List the catalogue: searched, by category and by state."""
    query = request.query_params
    show = query.get("show", "")
    asked = ListItems(
        search=query.get("q", "")[:200].strip(),
        category=tuple(part for part in query.get("category", "").split(_WITHIN) if part)[:10],
        show=Shown(show) if show in list(Shown) else Shown.ALL,
        after=query.get("after", "")[:200],
        limit=PAGE_ROWS,
    )
    services = services_of(request)
    catalogue = await services.current_catalogue()
    page, matching, after = await asyncio.to_thread(find, catalogue, asked)
    view = CatalogueView(
        name=site_name(request),
        asked=asked,
        cards=tuple(card_of(item, workspace=item.id in services.catalogue.ours) for item in page),
        categories=categories_of(catalogue),
        category=_WITHIN.join(asked.category),
        total=len(catalogue),
        matching=matching,
        shown=int(catalogue.shown.sum()),
        here=_address(asked, asked.after),
        first=_address(asked, "") if asked.after else "",
        next=_address(asked, after) if after else "",
        problem=query.get("problem", "")[:300],
    )
    return studio_page(request, "admin/catalogue.html", view)


async def show_one(request: Request) -> Response:
    """Show one item with all that is known of it."""
    return await _item_page(request, request.query_params.get("id", "")[:300])


async def hide_one(request: Request) -> Response:
    """Hide an item from every recommendation, or show it again, from the next request on."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    form = await request.form()
    asked = HideItems(ids=(field(form, "id"),), hidden=field(form, "hidden") == "yes")
    try:
        await perform(services, HIDE_ITEMS, asked, actor_of(request, staff))
    except NotFound:
        return await _item_page(request, field(form, "id")[:300])
    except PersxError as error:
        return await _item_page(request, field(form, "id")[:300], problem=str(error), status=503)
    return back(field(form, "next"), PATH)


async def _item_page(
    request: Request, id: str, *, problem: str = "", status: int = 200
) -> Response:
    services = services_of(request)
    card, facts = None, tuple[tuple[str, str], ...]()
    try:
        found = await show_item(services, ShowItem(id=id))
    except NotFound:
        status = 404
    else:
        card = card_of(found.item, workspace=found.workspace)
        facts = tuple(
            (name, _in_words(value)) for name, value in sorted(found.item.attributes.items())
        )
    view = ItemView(
        name=site_name(request),
        id=id,
        card=card,
        here=f"{ITEM_PATH}?{urlencode({'id': id})}",
        facts=facts,
        problem=problem,
    )
    return studio_page(request, "admin/item.html", view, status)


def item_name(item: Item) -> str:
    """Return what an item is called."""
    return item.title or item.id


def card_of(item: Item, *, workspace: bool) -> ItemCard:
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
    )


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


def _address(asked: ListItems, after: str) -> str:
    said = {
        "q": asked.search,
        "category": _WITHIN.join(asked.category),
        "show": asked.show.value if asked.show is not Shown.ALL else "",
        "after": after,
    }
    told = urlencode({name: value for name, value in said.items() if value})
    return f"{PATH}?{told}" if told else PATH


def _money(amount: float | None, currency: str) -> str:
    return "" if amount is None else f"{amount:,.2f} {currency}".strip()


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
