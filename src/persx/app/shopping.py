"""Shopping: what a workspace sells, what is in a visitor's cart, and the events of both.

Prices and categories are those that are published, whatever a form says. The events are Segment's
e-commerce events, so that a shop elsewhere that sends them fills the same attributes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.app.collecting import collect_from
from persx.app.services import Services
from persx.app.visiting import Visitor, new_id
from persx.content.blocks.cart import CART, Cart, CartContents, CartLine
from persx.content.blocks.product import PRODUCT
from persx.content.blocks.products import PRODUCTS
from persx.decide.plan import DEFAULT_CHOICE, BlockPlan, Plan
from persx.model.event import EventType
from persx.model.visitor import Profile
from persx.model.workspace import Page
from persx.visitors.computed.cart import ADDED, ORDERED, REMOVED

PRODUCT_VIEWED: Final = "Product Viewed"

MOST_PIECES: Final = 20
"""Pieces of one product that a form may put into the cart at once."""


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """A product as it is published."""

    id: str
    name: str
    price: float
    currency: str
    category: str
    href: str
    art: str = ""


def sold_products(plan: Plan, wanted: Collection[str], locale: str = "") -> Mapping[str, Sold]:
    """Return products by id, as default content says them; what is sold no more is left out.

    A product's own page comes first, shelves repeat it.

    Args:
        locale: For visitors to read; events have the words of the workspace's own language.
    """
    found: dict[str, Sold] = {}
    shelves = []
    for name, block in plan.blocks.items():
        if block.type in (PRODUCT.name, PRODUCTS.name) and (content := _said_by(block, locale)):
            if block.type == PRODUCTS.name:
                shelves.append(content)
            elif content["id"] in wanted:
                found.setdefault(content["id"], _sold(content, content, _path_of(plan, name)))
    for content in shelves:
        if len(found) == len(wanted):
            break
        for product in content["products"]:
            if product["id"] in wanted:
                found.setdefault(product["id"], _sold(product, content, product["href"]))
    return found


def _said_by(block: BlockPlan, locale: str = "") -> Mapping[str, Any] | None:
    """Return a block's default content; none where a stored one cannot be shown."""
    texts = block.texts.get(locale) or block.texts[""]
    return None if DEFAULT_CHOICE in texts.broken else texts.contents[DEFAULT_CHOICE]


def _path_of(plan: Plan, block: str) -> str:
    pages = plan.workspace.pages.values()
    return next((page.path for page in pages if block in page.blocks), "")


def _sold(product: Mapping[str, Any], content: Mapping[str, Any], href: str) -> Sold:
    return Sold(
        id=product["id"],
        name=content.get("names", {}).get(product["id"], product["name"]),
        price=product["price"],
        currency=content.get("currency", "EUR"),
        category=product["category"],
        href=href,
        art=product.get("art", ""),
    )


def products_viewed(plan: Plan, path: str) -> Iterator[dict[str, Any]]:
    """Yield the properties of ``Product Viewed`` for each product whose page is at a path."""
    page = plan.paths.get(path)
    for name in page.blocks if page else ():
        block = plan.blocks.get(name)
        if block and block.type == PRODUCT.name and (content := _said_by(block)):
            yield _said(_sold(content, content, path))


def cart_page(plan: Plan) -> Page | None:
    """Return the page that shows the cart; none where the workspace has none."""
    carts = {name for name, block in plan.workspace.blocks.items() if block.type == CART.name}
    if not carts:
        return None
    pages = plan.workspace.pages.values()
    return next((page for page in pages if not carts.isdisjoint(page.blocks)), None)


def cart_settings(plan: Plan, locale: str = "") -> Cart | None:
    """Return what the workspace's cart says; none where it has no cart."""
    for block in plan.blocks.values():
        if block.type == CART.name and (content := _said_by(block, locale)):
            return msgspec.convert(content, Cart)
    return None


def cart_of(plan: Plan, profile: Profile, locale: str = "") -> CartContents:
    """Return what is in a visitor's cart, of the products that are still sold.

    Args:
        locale: As in `sold_products`.
    """
    cart = cart_settings(plan)
    units = profile.attributes.get(cart.attribute) if cart else None
    if not isinstance(units, list) or not units:
        return CartContents()
    pieces: dict[str, int] = {}
    for unit in units:
        pieces[unit] = pieces.get(unit, 0) + 1
    sold = sold_products(plan, pieces, locale)
    return CartContents(
        lines=tuple(
            CartLine(
                id=id,
                name=sold[id].name,
                price=sold[id].price,
                pieces=count,
                category=sold[id].category,
                href=sold[id].href,
                art=sold[id].art,
            )
            for id, count in pieces.items()
            if id in sold
        )
    )


async def put_in(services: Services, visitor: Visitor, product: Sold, pieces: int = 1) -> None:
    """Log that a visitor puts pieces of a product into the cart."""
    await _log(services, visitor, ADDED, {**_said(product), "quantity": pieces})


async def take_out(services: Services, visitor: Visitor, product: Sold) -> None:
    """Log that a visitor takes all pieces of a product out of the cart."""
    await _log(services, visitor, REMOVED, _said(product))


async def order(
    services: Services, visitor: Visitor, lines: Sequence[CartLine], cart: Cart, code: str = ""
) -> str:
    """Log the order of what is in a cart; return the order's id.

    Args:
        code: One of the cart's codes, in any letter case; others lower nothing.
    """
    value = round(sum(line.sum for line in lines), 2)
    percent = percent_of(cart, code)
    discount = round(value * percent / 100, 2)
    free = cart.free_from > 0 and value >= cart.free_from
    shipping = 0.0 if free else cart.shipping
    id = new_id()[:12]
    properties: dict[str, Any] = {
        "order_id": id,
        "revenue": round(value - discount, 2),
        "shipping": shipping,
        "total": round(value - discount + shipping, 2),
        "discount": discount,
        "currency": cart.currency,
        "products": [
            {
                "product_id": line.id,
                "name": line.name,
                "category": line.category,
                "price": line.price,
                "quantity": line.pieces,
            }
            for line in lines
        ],
    }
    if percent:
        properties["coupon"] = code.strip().upper()
    await _log(services, visitor, ORDERED, properties)
    return id


def percent_of(cart: Cart, code: str) -> float:
    """Return what a code takes off, in percent; 0 for what is no code."""
    wanted = code.strip().casefold()
    return next((each.percent for each in cart.codes if each.code.casefold() == wanted), 0.0)


def _said(product: Sold) -> dict[str, Any]:
    return {
        "product_id": product.id,
        "name": product.name,
        "category": product.category,
        "price": product.price,
        "currency": product.currency,
    }


async def _log(
    services: Services, visitor: Visitor, name: str, properties: Mapping[str, Any]
) -> None:
    await collect_from(services, visitor, EventType.TRACK, name=name, properties=dict(properties))
