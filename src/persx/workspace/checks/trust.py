"""Trust: what is kept without a use or a purpose, what reveals too much, who sees nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from persx.audience.rules import CheckedRule
from persx.model.errors import Fault
from persx.model.workspace import Block
from persx.visitors.prediction.traced import PERSONA
from persx.workspace.attribute_uses import (
    ON_START,
    attribute_catalogue,
    checked_rules,
    reads_with_audiences,
)
from persx.workspace.checks.subject import Subject
from persx.workspace.rules import RuleSite

_SEEN: Final = {"blocks": "content", "experiments": "experiment", "questions": "question"}
"""What visitors see of documents whose rules they meet."""

_UNSEEN: Final = ("href", "icon", "image", "src", "name", "form", "key", "path", "type")
"""Fields that end so hold no text that anybody reads."""


def check_trust(subject: Subject) -> Iterator[Fault]:
    """Yield warnings about attributes, sensitive content, and blocks that show some nothing.

    Nothing is said while documents are damaged: what they use is not known.
    """
    if subject.damaged:
        return
    yield from _attributes(subject)
    yield from _sensitive(subject)
    for name, block in subject.workspace.blocks.items():
        if block.variants and not _has_text(block.content):
            yield _shows_nothing(subject, name, block)


def _attributes(subject: Subject) -> Iterator[Fault]:
    for entry in attribute_catalogue(subject.workspace):
        if entry.unused:
            yield subject.fault(
                "attributes",
                entry.name,
                "",
                f"Nothing uses '{entry.name}': no rule, persona or industry.",
                value=entry.name,
                hint="Keep only what is used: remove it, or write kept_for: and what for.",
                severity="warning",
            )
        rules = sum(use.path != "start form" for use in entry.uses)
        if rules and entry.name in subject.without_purpose:
            places = "one place uses" if rules == 1 else f"{rules} places use"
            yield subject.fault(
                "attributes",
                entry.name,
                "",
                f"{places.capitalize()} '{entry.name}', and no purpose is stated for it.",
                value=entry.name,
                hint=f"Write purpose: {entry.purpose.value}, which it counts as, or another.",
                severity="warning",
            )


def _sensitive(subject: Subject) -> Iterator[Fault]:
    workspace = subject.workspace
    sensitive = {name for name, attribute in workspace.attributes.items() if attribute.sensitive}
    if not sensitive:
        return
    checked = list(checked_rules(workspace))
    audiences = {site.name: rule for site, rule in checked if site.kind == "audiences"}
    follows = _follows(subject, checked, audiences)
    for _ in follows:
        # What follows from something sensitive is sensitive, and what follows from that.
        sensitive |= {name for name, reads in follows.items() if reads & sensitive}
    through_personas = follows.get(PERSONA, frozenset()) & sensitive
    reading = [
        (site.kind, site.name, site.path, site.text, reads_with_audiences(rule, audiences))
        for site, rule in checked
        if site.kind in _SEEN
    ]
    for entry in attribute_catalogue(workspace):
        for use in entry.uses:
            if use.kind == "blocks" and use.path.endswith("content"):
                reading.append((use.kind, use.name, use.path, entry.name, frozenset({entry.name})))
    for kind, name, path, text, reads in reading:
        revealed = reads & sensitive - {PERSONA}
        if PERSONA in reads:
            revealed |= through_personas
        if revealed:
            names = " and ".join(f"'{each}'" for each in sorted(revealed))
            yield subject.fault(
                kind,
                name,
                path,
                f"Whoever sees this {_SEEN[kind]} over a shoulder learns {names}, "
                "which is sensitive.",
                value=text,
                hint="Let it depend on something else, or say nothing that tells.",
                severity="warning",
            )


def _follows(
    subject: Subject,
    checked: Sequence[tuple[RuleSite, CheckedRule]],
    audiences: dict[str, CheckedRule],
) -> dict[str, frozenset[str]]:
    """Return what follows from attributes: derived and predicted ones, and the persona."""
    found: dict[str, frozenset[str]] = {}
    for site, rule in checked:
        if site.kind == "personas" or site.path.startswith("cases."):
            name = PERSONA if site.kind == "personas" else site.name
            found[name] = found.get(name, frozenset()) | reads_with_audiences(rule, audiences)
    for name, attribute in subject.workspace.attributes.items():
        if attribute.predict is not None:
            found[name] = frozenset({attribute.predict.of})
    for persona in subject.workspace.personas.values():
        declared = {name for name in ON_START if getattr(persona, name)}
        found[PERSONA] = found.get(PERSONA, frozenset()) | declared
    return found


def _shows_nothing(subject: Subject, name: str, block: Block) -> Fault:
    return subject.fault(
        "blocks",
        name,
        "content",
        "Visitors of whom nothing is known see nothing here: the default content has no text.",
        value=", ".join(variant.name for variant in block.variants[:3]),
        hint="Write default content that is right for anybody.",
        severity="warning",
    )


def _has_text(content: Any) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    if isinstance(content, dict):
        return any(
            _has_text(value) for field, value in content.items() if not field.endswith(_UNSEEN)
        )
    return isinstance(content, list) and any(map(_has_text, content))
