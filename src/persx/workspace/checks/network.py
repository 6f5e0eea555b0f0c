"""The network: which attributes its database fills, and which industries it may speak for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from persx.audience.rules import check_rule
from persx.model.attribute import Purpose, Source, ValueType
from persx.model.errors import Fault, did_you_mean
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS
from persx.workspace.snapshot import schema

_PATH: Final = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_TYPES: Final = (ValueType.STRING, ValueType.NUMBER, ValueType.BOOLEAN)


def check_network(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of what the workspace makes of a visitor's network."""
    network = subject.workspace.settings.network

    def fault(path: str, message: str, value: Any, hint: str = "") -> Fault:
        return subject.fault(SETTINGS, "", f"network.{path}", message, value=value, hint=hint)

    for name, path in network.attributes.items():
        at = f"attributes.{name}"
        if not _PATH.fullmatch(path):
            yield fault(
                at, f"'{path}' is no path of a field.", path, "Write one such as country.iso_code."
            )
        if not subject.has("attributes", name):
            yield fault(
                at,
                f"There is no attribute '{name}'.",
                name,
                did_you_mean(name, subject.names("attributes"))
                or f"Declare it in attributes.yaml: {name}: {{source: contextual}}.",
            )
            continue
        attribute = subject.workspace.attributes.get(name)
        if attribute is None:
            continue
        if attribute.source is not Source.CONTEXTUAL:
            yield fault(
                at,
                f"'{name}' is {attribute.source.value}; what a network tells is never more than "
                "context.",
                name,
                "Fill an attribute with source: contextual.",
            )
        if attribute.purpose is Purpose.NECESSARY:
            yield fault(
                at,
                f"'{name}' has the purpose 'necessary', which nobody is asked for.",
                name,
                "Write purpose: personalization at the attribute.",
            )
        if attribute.type not in _TYPES:
            yield fault(
                at,
                f"A field of the database is no {attribute.type.value}.",
                name,
                "Write type: string, number or boolean at the attribute.",
            )
    yield from subject.unknown(SETTINGS, "", "network.industries", "industries", network.industries)
    if subject.damaged:
        return
    known = schema(subject.workspace)
    for industry, text in network.industries.items():
        rule, _ = check_rule(text, known)
        if rule is None:
            continue
        others = sorted({*rule.reads, *rule.audiences} - network.attributes.keys())
        if others or not rule.reads:
            yield fault(
                f"industries.{industry}",
                f"The rule reads {', '.join(map(repr, others)) or 'nothing'}; a hint of the "
                "network follows from its own attributes alone.",
                text,
                f"Read {', '.join(network.attributes) or 'an attribute of network.attributes'}.",
            )
