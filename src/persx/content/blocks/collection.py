"""Block type collection: cards or a list of things, ranked for the visitor by their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Tag, Text


class Item(Content, frozen=True, kw_only=True):
    """One thing.

    Attributes:
        title: Its name, which is a link.
        text: A sentence or two on it.
        href: Where it leads.
        tags: Compared with the attributes in the collection's `rank_by`, in any letter case.
        kicker: A few words above the title.
        meta: A few words below the text.
    """

    title: Line
    text: Text
    href: Href
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=30)] = ()
    kicker: Line = ""
    meta: Line = ""


class Collection(Content, frozen=True, kw_only=True):
    """What a collection holds.

    Attributes:
        headline: What the items have in common.
        items: The things, in the order that holds where nothing is known of the visitor.
        intro: A sentence below the headline.
        rank_by: Attributes whose values are compared with the items' tags.
        limit: How many items are shown at most; 0 means all.
        layout: Cards side by side, or a list.
        more_label: What the link below says.
        more_href: Where it leads.
        recommendable: Each of its cards is an item of the catalogue. Articles are so anyway.
    """

    headline: Line
    items: Annotated[tuple[Item, ...], msgspec.Meta(min_length=1, max_length=60)]
    intro: Text = ""
    rank_by: Annotated[tuple[Line, ...], msgspec.Meta(max_length=10)] = ()
    limit: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0
    layout: Literal["cards", "list"] = "cards"
    more_label: Line = ""
    more_href: Href = ""
    recommendable: bool = False


def ranking_attributes(content: Mapping[str, Any]) -> frozenset[str]:
    """Return the attributes by which a content's `rank_by` puts items in order."""
    names = content.get("rank_by")
    if not isinstance(names, list | tuple):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str))


class _CollectionType(BuiltinType):
    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        return ranking_attributes(content)

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any], locale: str = "en"
    ) -> Mapping[str, Any]:
        """Put the items first whose tags match most, and keep as many as fit.

        A match is a pair of an attribute in `rank_by` and a tag that is one of its values, in
        any letter case. Items with equally many keep the order in which they are written.
        """
        items = ranked(
            content["items"],
            lambda item: item.get("tags", ()),
            [attributes.get(name) for name in content.get("rank_by", ())],
        )
        return {**content, "items": items[: content.get("limit", 0) or None]}


def ranked(
    items: Iterable[Any],
    tags: Callable[[Any], Iterable[str]],
    wanted: Iterable[object],
    *,
    earlier_first: bool = False,
) -> list[Any]:
    """Return items, those first whose tags match most of the visitor's values, in any letter case.

    Args:
        earlier_first: Among items with equally many matches those come first that match earlier
            values of a list; else they keep their order.
    """
    values = [_values(value) for value in wanted]
    found = list(items)
    if any(values):

        def key(item: Any) -> tuple[int, int]:
            own = [tag.casefold() for tag in tags(item)]
            places = [known[tag] for tag in own for known in values if tag in known]
            return -len(places), min(places, default=0) if earlier_first else 0

        found.sort(key=key)
    return found


def _values(value: object) -> dict[str, int]:
    """Return each value, in small letters, with its place."""
    if isinstance(value, str):
        return {value.casefold(): 0}
    if isinstance(value, list | tuple):
        texts = [entry.casefold() for entry in value if isinstance(entry, str)]
        return {text: place for place, text in reversed([*enumerate(texts)])}
    return {}


COLLECTION = _CollectionType(
    "collection", "Cards or a list, ranked for the visitor by tags.", Collection, __file__
)
