"""Block type cart: what the visitor has in the cart, and the way to order it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from persx.content.blocks.products import Currency, Price
from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Tag, Text


class Code(Content, frozen=True, kw_only=True):
    """A code that lowers the price of an order.

    Attributes:
        code: What is typed in, in any letter case.
        percent: What it takes off.
    """

    code: Tag
    percent: Annotated[float, msgspec.Meta(gt=0, le=100)]


class Cart(Content, frozen=True, kw_only=True):
    """What the cart says. What is in it is the same in every arm: it is no decision.

    Attributes:
        headline: Above the cart.
        empty: Said while nothing is in it.
        thanks: Said once it was ordered.
        attribute: A `cart` attribute with the value ``units``.
        currency: Of all prices.
        shipping: What delivery costs.
        free_from: From this value on delivery is free; 0 means never.
        codes: Codes that lower the price.
        order_label, remove_label, code_label, shipping_label, free_label, total_label, wrong_code:
            Its own words.
        shop_label: What the link in an empty cart says.
        shop_href: Where it leads.
        note: A line below, such as that nothing is really sold.
    """

    headline: Line
    empty: Text
    thanks: Text
    attribute: Line
    currency: Currency = "EUR"
    shipping: Price = 0.0
    free_from: Price = 0.0
    codes: Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)] = ()
    order_label: Line = "Order"
    remove_label: Line = "Remove"
    code_label: Line = "Discount code"
    shipping_label: Line = "Delivery"
    free_label: Line = "free"
    total_label: Line = "Total"
    wrong_code: Line = "This code is not known."
    shop_label: Line = ""
    shop_href: Href = ""
    note: Text = ""


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    """One product in a visitor's cart."""

    id: str
    name: str
    price: float
    pieces: int
    category: str = ""
    href: str = ""
    art: str = ""

    @property
    def sum(self) -> float:
        """What all pieces cost."""
        return self.price * self.pieces


class CartContents(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a visitor's cart; the template of the block shows it."""

    lines: tuple[CartLine, ...] = ()

    @property
    def value(self) -> float:
        """What all of it costs, without delivery."""
        return round(sum(line.sum for line in self.lines), 2)

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return sum(line.pieces for line in self.lines)


CART = BuiltinType("cart", "The visitor's cart, and the way to order.", Cart, __file__)
