"""Block type collection: cards or a list of things, ranked for the visitor by their tags."""

from __future__ import annotations

from collections.abc import Mapping
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
    """

    headline: Line
    items: Annotated[tuple[Item, ...], msgspec.Meta(min_length=1, max_length=60)]
    intro: Text = ""
    rank_by: Annotated[tuple[Line, ...], msgspec.Meta(max_length=10)] = ()
    limit: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0
    layout: Literal["cards", "list"] = "cards"
    more_label: Line = ""
    more_href: Href = ""


class _CollectionType(BuiltinType):
    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        names = content.get("rank_by")
        if not isinstance(names, list | tuple):
            return frozenset()
        return frozenset(name for name in names if isinstance(name, str))

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Put the items first whose tags match most, and keep as many as fit.

        A match is a pair of an attribute in `rank_by` and a tag that is one of its values, in
        any letter case. Items with equally many keep the order in which they are written.
        """
        values = [_values(attributes.get(name)) for name in content.get("rank_by", ())]
        items = list(content["items"])
        if any(values):
            items.sort(
                key=lambda item: sum(
                    tag.casefold() in known for tag in item.get("tags", ()) for known in values
                ),
                reverse=True,
            )
        return {**content, "items": items[: content.get("limit", 0) or None]}


def _values(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value.casefold()})
    if isinstance(value, list | tuple):
        return frozenset(entry.casefold() for entry in value if isinstance(entry, str))
    return frozenset()


COLLECTION = _CollectionType(
    "collection", "Cards or a list, ranked for the visitor by tags.", Collection, __file__
)
