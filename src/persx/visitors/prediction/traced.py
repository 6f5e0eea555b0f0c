"""What guesses follow from: one computed attribute, which is there where anything is predicted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from persx.model.attribute import (
    Attribute,
    AttributeTexts,
    Computation,
    Prediction,
    Purpose,
    Source,
    Trace,
    ValueType,
)

TRACES: Final = "traces()"
"""Its name, which no rule can write."""

PERSONA: Final = "persona"
PERSONA_FACTS: Final = ("industry", "goals", "tools")
"""The declared attributes that a persona follows from."""


def declared_names(prediction: Prediction) -> tuple[str, ...]:
    """Return the attributes of which one makes a visitor one who declared what is guessed."""
    return PERSONA_FACTS if prediction.of == PERSONA else (prediction.of,)


def traces_attribute(attributes: Iterable[Attribute]) -> Attribute | None:
    """Return the attribute that keeps all traces that predicted attributes read, if any does."""
    predictions = [each.predict for each in attributes if each.predict is not None]
    if not predictions:
        return None
    wanted = {trace for each in predictions for trace in each.traces}
    declares = {name for each in predictions for name in declared_names(each)}
    return Attribute(
        name=TRACES,
        type=ValueType.STRINGS,
        source=Source.COMPUTED,
        purpose=Purpose.PERSONALIZATION,
        freshness="real time",
        label="What your visits tell",
        locales={"de": AttributeTexts(label="Was Ihre Besuche erkennen lassen")},
        description="What a guess about the visitor follows from.",
        compute=Computation(
            kind="traces",
            options={
                "from": " ".join(trace for trace in Trace if trace in wanted),
                "declares": " ".join(sorted(declares)),
            },
        ),
    )
