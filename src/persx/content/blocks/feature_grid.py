"""Block type feature_grid: three to nine things that a visitor gets, side by side."""

from __future__ import annotations

from typing import Annotated

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, IconName, Line, Text


class Feature(Content, frozen=True, kw_only=True):
    """One of the things, with the name of an icon."""

    title: Line
    text: Text
    icon: IconName = ""


class FeatureGrid(Content, frozen=True, kw_only=True):
    """What a feature grid says."""

    headline: Line
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=3, max_length=9)]
    intro: Text = ""


FEATURE_GRID = BuiltinType(
    "feature_grid", "Three to nine features side by side.", FeatureGrid, __file__
)
