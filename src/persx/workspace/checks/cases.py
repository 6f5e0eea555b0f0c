"""Cases of derived attributes: their values, what their rules may read, and circles among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from persx.audience.cycles import audience_cycles
from persx.audience.derived import case_value
from persx.audience.rules import CheckedRule
from persx.audience.schema import contextual_attributes
from persx.model.attribute import Attribute, Source, ValueType
from persx.model.errors import Fault, did_you_mean
from persx.workspace.attribute_uses import checked_rules, reads_with_audiences
from persx.workspace.checks.subject import Subject
from persx.workspace.rules import RuleSite

_KIND = "attributes"
_TYPES = (ValueType.STRING, ValueType.NUMBER, ValueType.BOOLEAN)


def check_cases(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    """Yield what is wrong with one attribute's cases, but for their rules."""
    if (attribute.source is Source.DERIVED) != bool(attribute.cases):
        if attribute.cases:
            hint = "Write source: derived, or remove 'cases'."
            message = "An attribute with 'cases' is derived."
        else:
            hint = "Write cases: {value: a rule}; the first that holds gives the value."
            message = "A derived attribute says when it has which value; 'cases' is missing."
        path = "source" if attribute.cases else "cases"
        yield subject.fault(_KIND, name, path, message, value=attribute.source.value, hint=hint)
    if not attribute.cases:
        return
    if attribute.type not in _TYPES:
        yield subject.fault(
            _KIND,
            name,
            "type",
            f"Cases give a string, a number or a boolean; the type is '{attribute.type}'.",
            value=attribute.type.value,
            hint="Write type: string.",
        )
        return
    if attribute.expires is not None:
        yield subject.fault(
            _KIND,
            name,
            "expires",
            "A derived attribute lasts as long as what it follows from.",
            value=attribute.expires,
            hint="Let that expire instead.",
        )
    yield from _values(subject, name, attribute)


def check_derived(subject: Subject) -> Iterator[Fault]:
    """Yield what the cases' rules may not read: the request, and what follows from themselves."""
    workspace = subject.workspace
    if not any(each.cases for each in workspace.attributes.values()):
        return
    checked = list(checked_rules(workspace))
    audiences = {site.name: rule for site, rule in checked if site.kind == "audiences"}
    of_request = contextual_attributes().keys() | {
        name
        for name, each in workspace.attributes.items()
        if each.source in (Source.CONTEXTUAL, Source.PREDICTED)
    }
    for site, rule in checked:
        if site.kind == _KIND and site.path.startswith("cases."):
            for read in sorted(reads_with_audiences(rule, audiences) & of_request):
                yield subject.fault(
                    site.kind,
                    site.name,
                    site.path,
                    f"A derived attribute follows from what is kept of the visitor; '{read}' "
                    "is not.",
                    value=site.text,
                    hint=f"Ask for {read} in the variant's own rule, beside '{site.name}'.",
                )
    for cycle in audience_cycles(_reads(workspace.attributes, checked, audiences)):
        yield subject.fault(
            _KIND,
            cycle[0],
            "cases",
            "The attribute follows from itself.",
            value=" → ".join((*cycle, cycle[0])),
            hint="Take one out of the other's cases.",
        )


def _reads(
    attributes: Mapping[str, Attribute],
    checked: Sequence[tuple[RuleSite, CheckedRule]],
    audiences: dict[str, CheckedRule],
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name, each in attributes.items() if each.cases}
    for site, rule in checked:
        if site.kind == _KIND and site.path.startswith("cases."):
            found[site.name] |= reads_with_audiences(rule, audiences) & found.keys()
    return found


def _values(subject: Subject, name: str, attribute: Attribute) -> Iterator[Fault]:
    listed = subject.names(attribute.values) if isinstance(attribute.values, str) else None
    known = tuple(listed) if listed is not None else attribute.values
    for at, case in enumerate(attribute.cases):
        path = f"cases.{case.name}"
        if case_value(case, attribute.type) is None:
            wanted = "true or false" if attribute.type is ValueType.BOOLEAN else "a number"
            yield subject.fault(
                _KIND,
                name,
                path,
                f"'{case.name}' is not {wanted}.",
                value=case.name,
                hint=f"The type is {attribute.type.value}.",
            )
        elif known and case.name not in known:
            yield subject.fault(
                _KIND,
                name,
                path,
                f"'{case.name}' is not among the values of '{name}'.",
                value=case.name,
                hint=did_you_mean(case.name, known),
            )
        if not case.when.strip() and at < len(attribute.cases) - 1:
            yield subject.fault(
                _KIND,
                name,
                path,
                "This case always holds, so that those after it never do.",
                value=case.name,
                hint="Put it last, or give it a rule.",
            )
