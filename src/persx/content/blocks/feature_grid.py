"""Block type feature_grid: three to nine things that a visitor gets, side by side."""

from __future__ import annotations

from typing import Annotated

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, IconName, Line, Text


class Feature(Content, frozen=True, kw_only=True):
    """One of the things, with the name of an icon.

    Attributes:
        title: What it is.
        text: What the visitor gets from it.
        icon: A name from `content/icons`; a neutral one stands in for an unknown name.
    """

    title: Line
    text: Text
    icon: IconName = ""


class FeatureGrid(Content, frozen=True, kw_only=True):
    """What a feature grid says.

    Attributes:
        headline: What the features have in common.
        features: Side by side, in order of weight.
        intro: A sentence between both.
    """

    headline: Line
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=3, max_length=9)]
    intro: Text = ""


FEATURE_GRID = BuiltinType(
    "feature_grid", "Three to nine features side by side.", FeatureGrid, __file__
)
