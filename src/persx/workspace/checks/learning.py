"""Blocks that learn: a goal, attributes that tell contexts apart, shares, and lengths of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from persx.experiments.learning import LEARNERS
from persx.experiments.probabilities import MOST_VARIANTS
from persx.model.attribute import ValueType
from persx.model.clock import DAY, HOUR, parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.model.learning import LearnSettings
from persx.model.workspace import Block, Policy
from persx.workspace.checks.subject import Subject
from persx.workspace.snapshot import schema

_KIND: Final = "blocks"
_TYPES: Final = (ValueType.STRING, ValueType.BOOLEAN)
_MOST_ATTRIBUTES: Final = 4


def check_learning(subject: Subject, name: str, block: Block) -> Iterator[Fault]:
    """Yield what is wrong with how a block learns."""
    settings = block.learn
    if settings is None:
        if block.policy is Policy.LEARN:
            yield subject.fault(
                _KIND,
                name,
                "policy",
                "A block that learns says what for; 'learn' is missing.",
                value=block.policy.value,
                hint="Write learn: {goal: NAME} beside it.",
            )
        return
    if block.policy is not Policy.LEARN:
        yield subject.fault(
            _KIND,
            name,
            "learn",
            f"This has no effect with policy: {block.policy.value}.",
            hint="Write policy: learn, or remove 'learn'.",
            severity="warning",
        )
    yield from _names(subject, name, settings)
    yield from _numbers(subject, name, settings)
    yield from _times(subject, name, settings)
    if len(block.variants) < 2:
        yield subject.fault(
            _KIND,
            name,
            "variants",
            "There is nothing to learn with fewer than two variants.",
            value=len(block.variants),
            hint="Write another one; the default content can be one, as a variant without texts.",
            severity="warning",
        )
    elif len(block.variants) > MOST_VARIANTS:
        yield subject.fault(
            _KIND,
            name,
            "variants",
            f"A block that learns has at most {MOST_VARIANTS} variants.",
            value=len(block.variants),
        )


def _names(subject: Subject, name: str, settings: LearnSettings) -> Iterator[Fault]:
    yield from subject.unknown(_KIND, name, "learn.goal", "goals", [settings.goal])
    if settings.learner not in LEARNERS:
        yield subject.fault(
            _KIND,
            name,
            "learn.learner",
            f"There is no learner '{settings.learner}'.",
            value=settings.learner,
            hint=did_you_mean(settings.learner, LEARNERS.names),
        )
    yield from subject.repeated(_KIND, name, "learn.by", settings.by)
    if len(settings.by) > _MOST_ATTRIBUTES:
        yield subject.fault(
            _KIND,
            name,
            "learn.by",
            f"More than {_MOST_ATTRIBUTES} attributes tell too many contexts apart.",
            value=", ".join(settings.by),
        )
    known = schema(subject.workspace).attributes
    for each in settings.by:
        attribute = known.get(each)
        if attribute is None:
            if not subject.has("attributes", each):
                yield subject.fault(
                    _KIND,
                    name,
                    "learn.by",
                    f"Unknown attribute '{each}'.",
                    value=each,
                    hint=did_you_mean(each, known),
                )
        elif attribute.type not in _TYPES:
            yield subject.fault(
                _KIND,
                name,
                "learn.by",
                f"'{each}' is a {attribute.type.value}; contexts differ by texts, or yes and no.",
                value=each,
                hint="Derive an attribute with a few values from it, and name that one.",
            )
        elif attribute.sensitive:
            yield subject.fault(
                _KIND,
                name,
                "learn.by",
                f"'{each}' is sensitive: what is shown would tell of it.",
                value=each,
                hint="Learn by something else.",
            )


def _numbers(subject: Subject, name: str, settings: LearnSettings) -> Iterator[Fault]:
    for field, most in (("exploration", 1.0), ("held_out", 0.9)):
        value = getattr(settings, field)
        if not 0.01 <= value <= most:
            yield subject.fault(
                _KIND,
                name,
                f"learn.{field}",
                f"{value:g} is not a share from 0.01 to {most:g}.",
                value=value,
                hint="0.1 is usual. Without it nobody could tell what learning is worth.",
            )
    if settings.epoch < 1:
        yield subject.fault(
            _KIND, name, "learn.epoch", "Epochs count up from 1.", value=settings.epoch
        )


def _times(subject: Subject, name: str, settings: LearnSettings) -> Iterator[Fault]:
    lengths: dict[str, int] = {}
    for field in ("window", "memory", "every"):
        text = getattr(settings, field)
        try:
            lengths[field] = parse_duration(text)
        except BadInput as error:
            yield subject.fault(
                _KIND, name, f"learn.{field}", error.message, value=text, hint=error.hint
            )
    if lengths.get("every", HOUR) < HOUR:
        yield subject.fault(
            _KIND,
            name,
            "learn.every",
            "Learning anew more than once an hour tells nothing new.",
            value=settings.every,
            hint="Write 1h or 1d.",
        )
    if lengths.get("window", 1) == 0:
        yield subject.fault(
            _KIND, name, "learn.window", "Nobody does anything in no time.", value=settings.window
        )
    if "window" in lengths and lengths.get("memory", DAY * 10_000) <= lengths["window"]:
        yield subject.fault(
            _KIND,
            name,
            "learn.memory",
            "Visitors are forgotten before their window is over.",
            value=settings.memory,
            hint=f"Write more than {settings.window}.",
        )
