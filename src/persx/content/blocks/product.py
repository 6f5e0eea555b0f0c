"""Block type product: one thing that is sold, with all that is to be said of it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from persx.content.blocks.products import Currency, Price, ProductId
from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Line, Tag, Text


class ProductDetail(Content, frozen=True, kw_only=True):
    """What a product's page says of it. A page that has one sends ``Product Viewed``.

    Attributes:
        id: What events call it: ``product_id``.
        name: What people call it.
        price: For one piece.
        category: As events and rules name it.
        text: What it is good for.
        category_label: What visitors read of the category; the category itself unless given.
        was: What it cost before; more than the price, or 0.
        currency: Of the prices.
        details: Facts, in order of weight.
        art: A drawing from `content/art`.
        add_label: What the button says.
        added_label: Said once it was put into the cart.
        note: A line below the button, such as delivery and returns.
    """

    id: ProductId
    name: Line
    price: Price
    category: Line
    text: Text
    category_label: Line = ""
    was: Price = 0.0
    currency: Currency = "EUR"
    details: Annotated[tuple[Line, ...], msgspec.Meta(max_length=12)] = ()
    art: Tag = ""
    add_label: Line = "Add to cart"
    added_label: Line = "In your cart"
    note: Line = ""


PRODUCT = BuiltinType("product", "One product, on its own page.", ProductDetail, __file__)
