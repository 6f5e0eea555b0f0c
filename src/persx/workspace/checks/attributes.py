"""Attributes: sources, closed values, expiry, and how computed ones are folded."""

from __future__ import annotations

from collections.abc import Iterator

from persx.audience.schema import attribute_name_problem, contextual_attributes
from persx.model.attribute import FRESHNESS, Attribute, Computation, Source, ValueType
from persx.model.clock import parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.visitors.computed import COMPUTED
from persx.visitors.preferences import is_preference
from persx.workspace.checks.cases import check_cases
from persx.workspace.checks.predictions import check_prediction
from persx.workspace.checks.subject import Subject

_KIND = "attributes"


def check_attributes(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all attributes."""
    always = contextual_attributes()
    for name, attribute in subject.workspace.attributes.items():
        problem = attribute_name_problem(name)
        if problem and not subject.is_damaged(_KIND, name):
            yield subject.fault(
                _KIND,
                name,
                "",
                f"Rules cannot read this name: {problem}.",
                value=name,
                hint="Choose another name.",
            )
        if name in always or is_preference(name):
            yield subject.fault(
                _KIND,
                name,
                "",
                f"'{name}' is always there and cannot be declared.",
                value=name,
                hint="Remove it, or choose another name.",
            )
        if subject.is_damaged(_KIND, name):
            continue
        yield from _values(subject, name, attribute)
        yield from _texts(subject, name, attribute)
        yield from _signs(subject, name, attribute)
        yield from check_prediction(subject, name, attribute)
        if attribute.freshness and attribute.freshness not in FRESHNESS:
            yield subject.fault(
                _KIND,
                name,
                "freshness",
                f"Nothing changes '{attribute.freshness}'.",
                value=attribute.freshness,
                hint=did_you_mean(attribute.freshness, FRESHNESS),
            )
        if attribute.expires is not None:
            yield from _expiry(subject, name, attribute.expires)
        yield from _source(subject, name, attribute)


def _values(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    if attribute.values and attribute.type not in (ValueType.STRING, ValueType.STRINGS):
        yield subject.fault(
            _KIND,
            name,
            "values",
            f"Only text has closed values; the type is '{attribute.type}'.",
            hint="Set type: string or strings, or remove the values.",
        )
    if isinstance(attribute.values, tuple):
        yield from subject.repeated(_KIND, name, "values", attribute.values)


def _texts(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    values = attribute.values if isinstance(attribute.values, tuple) else ()
    values = values or tuple(case.name for case in attribute.cases)
    for locale, texts in attribute.locales.items():
        at = f"locales.{locale}"
        yield from subject.unknown(_KIND, name, at, "locales", [locale])
        for value in texts.values:
            if value not in values:
                yield subject.fault(
                    _KIND,
                    name,
                    f"{at}.values.{value}",
                    f"'{value}' is not among the values of '{name}'.",
                    value=value,
                    hint=did_you_mean(value, values) or "Only the values listed here are said.",
                )


def _signs(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    if not attribute.signs:
        return
    if attribute.source is not Source.DECLARED or attribute.type not in (
        ValueType.STRING,
        ValueType.STRINGS,
    ):
        yield subject.fault(
            _KIND,
            name,
            "signs",
            "Only what visitors declare in words has signs.",
            hint="Remove 'signs', or write source: declared and type: string or strings.",
        )
        return
    named = attribute.values if isinstance(attribute.values, str) else ""
    known = tuple(subject.names(named)) if named else attribute.values
    for value in attribute.signs:
        if known and value not in known:
            yield subject.fault(
                _KIND,
                name,
                f"signs.{value}",
                f"'{value}' is not among the values of '{name}'.",
                value=value,
                hint=did_you_mean(value, known),
            )


def _expiry(subject: Subject, name: str, expires: str) -> Iterator[Fault]:
    try:
        parse_duration(expires)
    except BadInput as error:
        yield subject.fault(_KIND, name, "expires", error.message, value=expires, hint=error.hint)


def _source(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    yield from check_cases(subject, name, attribute)
    if attribute.compute is None:
        if attribute.source is Source.COMPUTED:
            yield subject.fault(
                _KIND,
                name,
                "compute",
                "A computed attribute says how it is computed; 'compute' is missing.",
                hint=f"Write compute: {{kind: …}}. {did_you_mean('', COMPUTED.names)}",
            )
        return
    if attribute.source is not Source.COMPUTED:
        yield subject.fault(
            _KIND,
            name,
            "source",
            "An attribute with 'compute' is computed.",
            value=attribute.source.value,
            hint="Write source: computed, or remove 'compute'.",
        )
    yield from _computation(subject, name, attribute, attribute.compute)


def _computation(
    subject: Subject, name: str, attribute: Attribute, compute: Computation
) -> Iterator[Fault]:
    if compute.kind not in COMPUTED:
        yield subject.fault(
            _KIND,
            name,
            "compute.kind",
            f"Nothing computes '{compute.kind}'.",
            value=compute.kind,
            hint=did_you_mean(compute.kind, COMPUTED.names),
        )
        return
    kind = COMPUTED[compute.kind]
    problems = kind.check(compute)
    for problem in problems:
        yield subject.fault(_KIND, name, "compute", problem)
    if problems:
        return
    type_ = kind.value_type(compute.options)
    if type_ is not None and type_ is not attribute.type:
        yield subject.fault(
            _KIND,
            name,
            "type",
            f"'{compute.kind}' gives a {type_.value}.",
            value=attribute.type.value,
            hint=f"Write type: {type_.value}",
        )
