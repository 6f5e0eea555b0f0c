"""Predicted attributes: what may be guessed, from when on a guess is used, and for what purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from persx.model.attribute import Attribute, Purpose, Source, ValueType
from persx.model.clock import DAY, parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.visitors.prediction.traced import PERSONA
from persx.workspace.checks.subject import Subject

_KIND: Final = "attributes"
_FEWEST: Final = 100


def check_prediction(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    """Yield what is wrong with how an attribute is guessed."""
    prediction = attribute.predict

    def fault(path: str, message: str, hint: str, value: object = "") -> Fault:
        return subject.fault(_KIND, name, path, message, value=str(value), hint=hint)

    if prediction is None:
        if attribute.source is Source.PREDICTED:
            yield fault(
                "predict",
                "A predicted attribute says what it guesses; 'predict' is missing.",
                "Write predict: {of: industry}.",
            )
        return
    if attribute.source is not Source.PREDICTED:
        yield fault(
            "source",
            "An attribute with 'predict' is predicted.",
            "Write source: predicted, or remove 'predict'.",
            attribute.source.value,
        )
    if attribute.type is not ValueType.STRING:
        yield fault("type", "What is guessed is one text.", "Write type: string.", attribute.type)
    if attribute.values:
        yield fault(
            "values", f"The values are those of '{prediction.of}'.", "Remove 'values' here."
        )
    if attribute.expires is not None:
        yield fault("expires", "A guess is made anew on every page.", "Remove 'expires'.")
    yield from _target(subject, name, attribute)
    if not 0.5 <= prediction.confidence < 1:
        yield fault(
            "predict.confidence",
            "A guess that is more likely wrong than right is not used, and none is certain.",
            "Use a number from 0.5 to below 1, such as 0.8.",
            prediction.confidence,
        )
    if prediction.visitors < _FEWEST:
        yield fault(
            "predict.visitors",
            f"From fewer than {_FEWEST} visitors nothing is learned about people in general.",
            f"Use {_FEWEST} or more; 500 are needed for a test that tells much.",
            prediction.visitors,
        )
    if not prediction.traces:
        yield fault("predict.traces", "A guess follows from something.", "Write traces: [pages].")
    if prediction.every is not None:
        try:
            often = parse_duration(prediction.every) < DAY
            message, hint = "Training anew more than once a day learns nothing.", "Write 1d or 7d."
        except BadInput as error:
            often, message, hint = True, error.message, error.hint
        if often:
            yield fault("predict.every", message, hint, prediction.every)


def _target(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    assert attribute.predict is not None
    of = attribute.predict.of
    declared = {
        key: each
        for key, each in subject.workspace.attributes.items()
        if each.source is Source.DECLARED
    }
    target = declared.get(of)
    if target is None and of != PERSONA:
        yield subject.fault(
            _KIND,
            name,
            "predict.of",
            f"'{of}' is nothing that visitors declare.",
            value=of,
            hint=did_you_mean(of, [*declared, PERSONA]),
        )
        return
    purpose = Purpose.PERSONALIZATION if target is None else target.purpose
    if target is not None and (target.type is not ValueType.STRING or not target.values):
        yield subject.fault(
            _KIND,
            name,
            "predict.of",
            "Only one of a closed set of values can be guessed.",
            value=of,
            hint=f"Give '{of}' the type string and its values.",
        )
    if target is not None and (target.sensitive or attribute.sensitive):
        yield subject.fault(
            _KIND,
            name,
            "predict.of",
            f"'{of}' is sensitive: who does not say it has not allowed to guess it.",
            value=of,
            hint="Remove this attribute.",
        )
    if purpose is Purpose.NECESSARY:
        yield subject.fault(
            _KIND,
            name,
            "predict.of",
            "A guess is never necessary, and this is declared for what is.",
            value=of,
            hint="Give the declared attribute another purpose.",
        )
    elif attribute.purpose is not purpose:
        yield subject.fault(
            _KIND,
            name,
            "purpose",
            f"A guess is used for what '{of}' is used for, and for nothing else.",
            value=attribute.purpose.value,
            hint=f"Write purpose: {purpose.value}",
        )
