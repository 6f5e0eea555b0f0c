"""Rules wherever they stand, audiences that use each other, and personas that read themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from persx.audience.cycles import MAX_CHAIN, audience_cycles, long_chains
from persx.audience.rules import CheckedRule, check_rule
from persx.model.errors import Fault
from persx.workspace.checks.cases import check_derived
from persx.workspace.checks.subject import Subject
from persx.workspace.documents import EVERYTHING
from persx.workspace.rules import rule_sites
from persx.workspace.snapshot import schema

_READ_BY_RULES = ("attributes", "audiences", "industries", "personas", "locales")


def check_rules(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of every rule, then cycles among audiences and through personas."""
    damaged = {name for kind in _READ_BY_RULES for name in subject.damaged.get(kind, ())}
    if EVERYTHING in damaged:
        return
    known = schema(subject.workspace)
    checked: dict[tuple[str, str, str], CheckedRule] = {}
    for site in rule_sites(subject.workspace):
        if any(name in site.text for name in damaged):
            continue
        rule, faults = check_rule(site.text, known)
        for fault in faults:
            yield subject.fault(
                site.kind,
                site.name,
                site.path,
                f"Column {fault.column}: {fault.message}",
                value=fault.value or site.text,
                hint=fault.hint,
            )
        if rule is not None:
            checked[site.kind, site.name, site.path] = rule
    audiences = {name: rule for (kind, name, _), rule in checked.items() if kind == "audiences"}
    yield from _cycles(subject, audiences)
    if not damaged:
        yield from check_derived(subject)
    yield from _personas(subject, checked, audiences)


def _cycles(subject: Subject, audiences: Mapping[str, CheckedRule]) -> Iterator[Fault]:
    asked = {name: audiences[name].audiences for name in sorted(audiences)}
    cycles = audience_cycles(asked)
    for cycle in cycles:
        yield subject.fault(
            "audiences",
            cycle[0],
            "when",
            "The audience depends on itself.",
            value=" → ".join((*cycle, cycle[0])),
            hint="Take in_audience(…) out of one of them.",
        )
    for name in () if cycles else long_chains(asked):
        yield subject.fault(
            "audiences",
            name,
            "when",
            f"The audience builds on a chain of more than {MAX_CHAIN} others.",
            value=name,
            hint="Write some of them as one rule.",
        )


def _personas(
    subject: Subject,
    checked: Mapping[tuple[str, str, str], CheckedRule],
    audiences: Mapping[str, CheckedRule],
) -> Iterator[Fault]:
    for (kind, name, path), rule in checked.items():
        if kind == "personas" and _reads_persona(rule, audiences):
            yield subject.fault(
                kind,
                name,
                path,
                "A persona's behaviour cannot read 'persona': that is what it decides.",
                value=rule.text,
                hint="Use the attributes that make up the behaviour.",
            )


def _reads_persona(rule: CheckedRule, audiences: Mapping[str, CheckedRule]) -> bool:
    waiting, seen = [rule], set[str]()
    for each in waiting:
        if "persona" in each.reads:
            return True
        for name in sorted(each.audiences - seen):
            seen.add(name)
            if name in audiences:
                waiting.append(audiences[name])
    return False
