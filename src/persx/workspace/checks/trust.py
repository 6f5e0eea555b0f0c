"""Trust: what is kept without a use or a purpose, what reveals too much, who sees nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from persx.model.errors import Fault
from persx.model.workspace import Block
from persx.workspace.attribute_uses import (
    attribute_catalogue,
    checked_rules,
    reads_with_audiences,
)
from persx.workspace.checks.subject import Subject

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
    sensitive = {
        name for name, attribute in subject.workspace.attributes.items() if attribute.sensitive
    }
    if not sensitive:
        return
    checked = list(checked_rules(subject.workspace))
    audiences = {site.name: rule for site, rule in checked if site.kind == "audiences"}
    cases = [each for each in checked if each[0].path.startswith("cases.")]
    for _ in cases:
        # What follows from something sensitive is sensitive, and what follows from that.
        sensitive |= {
            site.name for site, rule in cases if reads_with_audiences(rule, audiences) & sensitive
        }
    by_persona: dict[str, set[str]] = defaultdict(set)
    for site, rule in checked:
        if site.kind == "personas":
            by_persona[site.name] |= reads_with_audiences(rule, audiences) & sensitive
    through_personas = {name for names in by_persona.values() for name in names}
    for site, rule in checked:
        reads = reads_with_audiences(rule, audiences)
        revealed = reads & sensitive | (through_personas if "persona" in reads else set())
        if site.kind == "blocks" and revealed:
            names = " and ".join(f"'{name}'" for name in sorted(revealed))
            yield subject.fault(
                site.kind,
                site.name,
                site.path,
                f"Whoever sees this content over a shoulder learns {names}, which is sensitive.",
                value=site.text,
                hint="Let the content depend on something else, or say nothing that tells.",
                severity="warning",
            )


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
