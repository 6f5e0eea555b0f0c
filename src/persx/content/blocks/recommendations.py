"""Block type recommendations: items of the catalogue that a pipeline ranks for the visitor.

What is decided is which pipeline, how many and in which words; the items are ranked afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from persx.content.blocks.products import Currency
from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Tag, Text
from persx.content.schema import join
from persx.model.errors import Fault

MOST_ITEMS = 24
"""So many items at most are in one block."""

ItemName = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=200)]


class Recommendations(Content, frozen=True, kw_only=True):
    """Which items a block recommends, and in which words.

    Attributes:
        headline: What the items have in common.
        pipeline: The pipeline that ranks them, by name.
        eyebrow: A few words above the headline.
        intro: A sentence below it.
        count: How many are shown at most.
        layout: Cards on a shelf, a list with texts, or a compact row.
        anchor: What they shall go with: the item whose page this is, what was put into the cart
            last, or nothing but the visitor.
        instead: Ids of items for the places that the pipeline leaves empty, in order.
        empty: Said where there is no item at all; else the block is left out then.
        show_why: Whether each item says why it is there.
        show_price: Whether each item that has a price says it.
        currency: Of all prices.
        categories: Category → what visitors read.
        add_label: What the button says, on a shelf, of items that this site sells.
        added_label: Said of an item that was just put into the cart.
        more_label: What the link below says.
        more_href: Where it leads.
    """

    headline: Line
    pipeline: Tag
    eyebrow: Line = ""
    intro: Text = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_ITEMS)] = 4
    layout: Literal["shelf", "list", "compact"] = "shelf"
    anchor: Literal["page", "cart", "none"] = "page"
    instead: Annotated[tuple[ItemName, ...], msgspec.Meta(max_length=60)] = ()
    empty: Text = ""
    show_why: bool = True
    show_price: bool = True
    currency: Currency = "EUR"
    categories: dict[str, str] = {}
    add_label: Line = "Add to cart"
    added_label: Line = "In your cart"
    more_label: Line = ""
    more_href: Href = ""


class RecommendedItem(Content, frozen=True, kw_only=True):
    """One item as a visitor is shown it: a copy of what the catalogue says now.

    Attributes:
        href: Its page; empty where it has none that may be linked to.
        category: Its narrowest category, as rules and events name it.
        category_label: The same as visitors read it, where `categories` does not say it.
        image: Address of a picture; `art` where there is none.
        sold: Whether this site sells it: then it can be put into the cart.
        why: Why it is there, in words.
        propensity: The probability with which it was drawn for this place; 1 where nothing was.
    """

    id: str
    title: str
    href: str = ""
    text: str = ""
    category: str = ""
    category_label: str = ""
    brand: str = ""
    price: float | None = None
    was: float = 0.0
    image: str = ""
    art: str = ""
    sold: bool = False
    why: str = ""
    propensity: float = 1.0


class ShownRecommendations(Recommendations, frozen=True, kw_only=True):
    """A block's content with the items that were ranked for one visitor."""

    items: tuple[RecommendedItem, ...] = ()


class _RecommendationsType(BuiltinType):
    def problems(self, content: Mapping[str, Any], path: str) -> Iterator[Fault]:
        instead = content.get("instead")
        names = [each for each in instead or () if isinstance(each, str)] if instead else []
        for name in sorted({each for each in names if names.count(each) > 1}):
            yield Fault(
                path=join(path, "instead"), value=name, message=f"'{name}' is listed twice."
            )


def with_items(content: Mapping[str, Any], items: tuple[RecommendedItem, ...]) -> dict[str, Any]:
    """Return a block's content with the items that one visitor is shown."""
    return {**content, "items": [msgspec.to_builtins(each) for each in items]}


def says_nothing(type_: str, content: Mapping[str, Any]) -> bool:
    """Tell whether a block is left out of its page: it recommends, and has nothing to."""
    if type_ != RECOMMENDATIONS.name:
        return False
    return not (content.get("items") or content.get("empty"))


RECOMMENDATIONS = _RecommendationsType(
    "recommendations",
    "Items of the catalogue, ranked for the visitor by a pipeline.",
    Recommendations,
    __file__,
    arranged=ShownRecommendations,
)
