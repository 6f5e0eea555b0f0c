"""Block type products: things that can be put into the cart, ranked for the visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from persx.content.blocks.collection import ranked, ranking_attributes
from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Tag, Text

Price = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
ProductId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]


class Product(Content, frozen=True, kw_only=True):
    """One thing that is sold.

    Attributes:
        id: What events call it: ``product_id``.
        name: What people call it.
        price: For one piece, in the block's currency.
        category: As events and rules name it; what visitors read is among the `categories`.
        href: Its page.
        was: What it cost before; more than the price, or 0.
        tags: Such as the categories that it goes with.
        art: A drawing from `content/art`.
    """

    id: ProductId
    name: Line
    price: Price
    category: Line
    href: Href
    was: Price = 0.0
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=30)] = ()
    art: Tag = ""


class Products(Content, frozen=True, kw_only=True):
    """What a shelf of products holds.

    Attributes:
        headline: What the products have in common.
        products: In the order that holds where nothing is known of the visitor.
        eyebrow: A few words above the headline.
        intro: A sentence below it.
        category: Only products of this category are shown; empty means all.
        rank_by: Attributes whose values are compared with the products.
        match: What of a product they are compared with: its category, or its tags.
        limit: How many are shown at most; 0 means all.
        layout: A grid, or a hero that opens a page.
        currency: Of all prices.
        categories: Category → what visitors read.
        names: Id of a product → what visitors read, as in another language.
        add_label: What the button says.
        added_label: Said of a product that was just put into the cart.
        more_label: What the link below says.
        more_href: Where it leads.
    """

    headline: Line
    products: Annotated[tuple[Product, ...], msgspec.Meta(min_length=1, max_length=60)]
    eyebrow: Line = ""
    intro: Text = ""
    category: Line = ""
    rank_by: Annotated[tuple[Line, ...], msgspec.Meta(max_length=10)] = ()
    match: Literal["category", "tags"] = "category"
    limit: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0
    layout: Literal["grid", "hero"] = "grid"
    currency: Currency = "EUR"
    categories: dict[str, str] = {}
    names: dict[str, str] = {}
    add_label: Line = "Add to cart"
    added_label: Line = "In your cart"
    more_label: Line = ""
    more_href: Href = ""


class _ProductsType(BuiltinType):
    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        return ranking_attributes(content)

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any], locale: str = "en"
    ) -> Mapping[str, Any]:
        """Put the products first that match most.

        Of lists such as the categories that were looked at last, earlier values come first. What
        would be shown anyway is returned as it is: that visitor is shown nothing of their own.
        """
        before = shelf(content)
        by_tags = content.get("match", "category") == "tags"
        found = ranked(
            before,
            lambda product: product.get("tags", ()) if by_tags else (product["category"],),
            [attributes.get(name) for name in content.get("rank_by", ())],
            earlier_first=True,
        )
        most = content.get("limit", 0) or None
        if found[:most] == before[:most]:
            return content
        return {**content, "products": found[:most]}

    def view(self, content: Mapping[str, Any], locale: str = "en") -> Any:
        """Return what the template sees; of content that nobody arranged, what may be shown."""
        shown = shelf(content)[: content.get("limit", 0) or None]
        return super().view({**content, "products": shown or content["products"]})


def shelf(content: Mapping[str, Any]) -> list[Any]:
    """Return the products of a block's content that are of its category."""
    category = content.get("category")
    return [
        product
        for product in content["products"]
        if not category or product.get("category") == category
    ]


PRODUCTS = _ProductsType(
    "products", "Products to put into the cart, ranked for the visitor.", Products, __file__
)
