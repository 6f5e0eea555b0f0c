"""Pipelines: recommenders that exist, options that fit them, rules that can be read, numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from persx.audience.rules import check_rule
from persx.model.clock import DAY, HOUR, SECOND, Millis, parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.model.pipeline import Pipeline, PipelineSource, RankingRule
from persx.recommend.ranking.rank import MOST
from persx.recommend.recommenders import RECOMMENDERS
from persx.workspace.checks.subject import Subject
from persx.workspace.conversion import shown
from persx.workspace.documents import EVERYTHING
from persx.workspace.ranking_rules import ranking_schema, ranking_sites
from persx.workspace.snapshot import schema

_KIND: Final = "pipelines"
_LONGEST: Final = 3_660 * DAY
_READ_BY_RULES: Final = ("attributes", "audiences", "industries", "personas", "locales")
_LENGTHS: Final[tuple[tuple[str, Millis], ...]] = (
    ("not_bought_within", 0),
    ("not_viewed_within", 0),
    ("since", HOUR),
    ("every", HOUR),
)
"""Lengths of time, and the shortest that makes sense."""

_PLACELESS: Final = "Only pinned items have a place."


def check_pipelines(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all pipelines."""
    for name, pipeline in subject.workspace.pipelines.items():
        if subject.is_damaged(_KIND, name):
            continue
        yield from _sources(subject, name, pipeline)
        yield from _numbers(subject, name, pipeline)
        yield from _lengths(subject, name, pipeline)
        for place, rule in enumerate(pipeline.rules):
            yield from _rule(subject, name, f"rules.{place}", rule)
    yield from _readable(subject)


def _sources(subject: Subject, name: str, pipeline: Pipeline) -> Iterator[Fault]:
    if not pipeline.sources:
        yield subject.fault(
            _KIND,
            name,
            "sources",
            "A pipeline takes its candidates from somewhere.",
            hint="Write sources: [{recommender: popularity}].",
        )
    elif all(source.fill for source in pipeline.sources):
        yield subject.fault(
            _KIND,
            name,
            "sources",
            "All sources only fill what others leave empty.",
            hint="Take fill away from one of them.",
        )
    for place, source in enumerate(pipeline.sources):
        path = f"sources.{place}"
        if source.recommender not in RECOMMENDERS:
            yield subject.fault(
                _KIND,
                name,
                f"{path}.recommender",
                f"There is no recommender '{shown(source.recommender)}'.",
                value=source.recommender,
                hint=did_you_mean(source.recommender, RECOMMENDERS.names)
                or f"There are {', '.join(RECOMMENDERS.names)}.",
            )
        else:
            yield from _options(subject, name, path, source)
        if not (math.isfinite(source.weight) and 0 < source.weight <= 1_000):
            yield subject.fault(
                _KIND,
                name,
                f"{path}.weight",
                "A weight is greater than 0, and at most 1000.",
                value=source.weight,
            )


def _options(subject: Subject, name: str, path: str, source: PipelineSource) -> Iterator[Fault]:
    config = RECOMMENDERS[source.recommender].config
    known = [field.name for field in msgspec.structs.fields(config)]
    for option in source.config:
        if option not in known:
            yield subject.fault(
                _KIND,
                name,
                f"{path}.config.{option}",
                f"'{source.recommender}' has no option '{shown(option)}'.",
                value=option,
                hint=did_you_mean(option, known) or _takes(known),
            )
    fitting = {key: value for key, value in source.config.items() if key in known}
    try:
        msgspec.convert(fitting, config)
    except (msgspec.ValidationError, BadInput) as error:
        yield subject.fault(
            _KIND,
            name,
            f"{path}.config",
            f"The options do not fit '{source.recommender}': {error}.",
            value=fitting,
            hint=_takes(known),
        )


def _takes(options: list[str]) -> str:
    return f"It takes {', '.join(options)}." if options else "It takes none."


def _numbers(subject: Subject, name: str, pipeline: Pipeline) -> Iterator[Fault]:
    def fault(field: str, message: str, hint: str = "") -> Fault:
        value = getattr(pipeline, field)
        return subject.fault(_KIND, name, field, message, value=value, hint=hint)

    for field in ("diversity", "explore"):
        if not 0 <= getattr(pipeline, field) <= 1:
            yield fault(field, "A share is between 0 and 1.", "Write 0.1 for 10%.")
    for field in ("price_from", "price_to", "price_near"):
        value = getattr(pipeline, field)
        if value is not None and not (math.isfinite(value) and value >= 0):
            yield fault(field, "It is a number from 0 up.")
    least, most = pipeline.price_from, pipeline.price_to
    if least is not None and most is not None and least > most:
        yield fault("price_to", f"No price is at least {least:g} and at most {most:g}.")
    if pipeline.category_cap < 0:
        yield fault("category_cap", "A number of items is 0 or more.", "0 is any number.")
    yield from subject.repeated(_KIND, name, "only", pipeline.only)


def _lengths(subject: Subject, name: str, pipeline: Pipeline) -> Iterator[Fault]:
    for field, least in _LENGTHS:
        text = getattr(pipeline, field)
        if not text:
            continue
        try:
            length = parse_duration(text)
        except BadInput as error:
            yield subject.fault(_KIND, name, field, str(error), value=text)
            continue
        if not max(least, SECOND) <= length <= _LONGEST:
            yield subject.fault(
                _KIND,
                name,
                field,
                f"It is between {'1h' if least else '1s'} and 3660d.",
                value=text,
            )


def _rule(subject: Subject, name: str, path: str, rule: RankingRule) -> Iterator[Fault]:
    def fault(field: str, message: str, hint: str = "", severity: str = "error") -> Fault:
        value: Any = getattr(rule, field)
        return subject.fault(
            _KIND, name, f"{path}.{field}", message, value=value, hint=hint, severity=severity
        )

    if not rule.when.strip() and not rule.items:
        hint = "Write when: item.price < 50, or items: [...]."
        if rule.do in ("exclude", "pin"):
            yield fault("do", f"It says for which items nowhere: it would {rule.do} all.", hint)
        else:
            yield fault("do", "It holds for every item: it changes nothing.", hint, "warning")
    if rule.do in ("boost", "bury") and not (math.isfinite(rule.by) and 1 < rule.by <= 1_000):
        word = "multiplied" if rule.do == "boost" else "divided"
        yield fault("by", f"Scores are {word} by a number greater than 1, at most 1000.")
    if rule.do == "pin" and not 1 <= rule.place <= MOST:
        yield fault("place", f"Places are counted from 1 to {MOST}.")
    if rule.do != "pin" and rule.place != 1:
        yield fault("place", _PLACELESS, "Write do: pin, or remove it.", "warning")
    if rule.why and rule.do not in ("pin", "boost"):
        yield fault(
            "why",
            f"Nobody reads this: to {rule.do} items is no reason to show them.",
            "Remove it.",
            "warning",
        )


def _readable(subject: Subject) -> Iterator[Fault]:
    damaged = {name for kind in _READ_BY_RULES for name in subject.damaged.get(kind, ())}
    if EVERYTHING in damaged or not subject.workspace.pipelines:
        return
    known = ranking_schema(subject.workspace, schema(subject.workspace))
    for site in ranking_sites(subject.workspace):
        if any(name in site.text for name in damaged):
            continue
        for fault in check_rule(site.text, known)[1]:
            yield subject.fault(
                _KIND,
                site.pipeline,
                f"rules.{site.place}.when",
                f"Column {fault.column}: {fault.message}",
                value=fault.value or site.text,
                hint=fault.hint,
            )
