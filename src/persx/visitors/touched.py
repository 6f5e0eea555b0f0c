"""What recommendations follow from: one computed attribute, there where a pipeline needs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from persx.model.attribute import (
    Attribute,
    AttributeTexts,
    Computation,
    Purpose,
    Source,
    ValueType,
)
from persx.visitors.computed.touches import Touches

TOUCHES: Final = "touches()"
"""Its name where the workspace declares none, which no rule can write."""


def touches_names(attributes: Iterable[Attribute]) -> frozenset[str]:
    """Return the names of the attributes that keep what visitors did with items."""
    return frozenset(
        each.name
        for each in attributes
        if each.compute is not None and each.compute.kind == Touches.name
    )


def touches_attribute(attributes: Iterable[Attribute]) -> Attribute | None:
    """Return the attribute that keeps what visitors did with items; none where one is declared."""
    if touches_names(attributes):
        return None
    return Attribute(
        name=TOUCHES,
        type=ValueType.STRINGS,
        source=Source.COMPUTED,
        purpose=Purpose.PERSONALIZATION,
        freshness="real time",
        label="What you looked at and bought",
        locales={"de": AttributeTexts(label="Was Sie angesehen und gekauft haben")},
        description="What the visitor viewed and bought, newest first; what is recommended to "
        "them follows from it.",
        compute=Computation(kind=Touches.name),
    )
