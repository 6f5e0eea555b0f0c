"""Recommendations: the items that are shown, each with why it is."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from persx.model.item import Item


class WhyKind(StrEnum):
    """Why an item is recommended: a closed set, so that words can be made of it in any language."""

    VIEWED = "viewed"
    """The visitor viewed another item that speaks for it."""
    ADDED = "added"
    """They put another one into their cart."""
    BOUGHT = "bought"
    """They bought another one."""
    TOGETHER = "together"
    """It is bought together with the item whose page it is."""
    SEEN_TOGETHER = "seen_together"
    """People who look at the item whose page it is, or want it, look at this one too."""
    ALIKE = "alike"
    """It is like the item whose page it is."""
    POPULAR = "popular"
    """Many want it now, in a category perhaps."""
    LIKED = "liked"
    """Many wanted it, as far as is known; what was learned from is more than a week old."""
    BROWSED = "browsed"
    """Many want it, in a category that the visitor looked at lately."""
    AGAIN = "again"
    """They bought it, and will need it again."""
    RECENT = "recent"
    """They looked at it lately."""
    NEW = "new"
    """It is new in the catalogue."""
    FOR_YOU = "for_you"
    """It fits what they did, and nothing of it alone speaks for it."""
    TRIED = "tried"
    """It has its turn, so that it is found out who likes it."""
    CHOSEN = "chosen"
    """Somebody put it there."""


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item is recommended.

    Attributes:
        kind: Of what kind the reason is.
        item: Id of the other item that speaks for it, where one does.
        title: What visitors read of that one.
        category: In which category it is popular, or the visitor looked; empty for all.
        text: Words of the pipeline's own, which are said in place of any others.
    """

    kind: WhyKind
    item: str = ""
    title: str = ""
    category: str = ""
    text: str = ""


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """One item that is shown.

    Attributes:
        score: What the blend gave it; comparable within one answer only.
        source: The recommender that spoke most for it; empty where none did.
        why: Why it is shown.
        propensity: The probability with which this item, and no other, came to this place, given
            those above it.
        place: Counted from 1.
        tried: Chance gave it the place.
        pinned: A rule gave it the place.
        rules: The pipeline's rules that lifted, lowered or pinned it, counted from 1, where that
            was wanted.
    """

    item: Item
    score: float
    source: str
    why: Why
    propensity: float
    place: int
    tried: bool = False
    rules: tuple[int, ...] = ()
    pinned: bool = False


class Recommendations(msgspec.Struct, frozen=True, kw_only=True):
    """The items for one request.

    Attributes:
        pipeline: By name.
        items: In the order in which they are shown.
        artifact: Number of the trained pipeline; 0 where there is none yet.
        id: Under which it is in the decision log; what is clicked names it.
        personal: It follows from what is known of the visitor.
        untrained: There is nothing trained: these are the newest items of the catalogue.
    """

    pipeline: str
    items: tuple[Recommendation, ...]
    artifact: int
    id: str
    personal: bool
    untrained: bool = False
