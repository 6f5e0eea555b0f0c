"""What a snapshot is made of: the canonical bytes of a workspace, and what its rules may read."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from persx.audience.rules import check_rule
from persx.audience.schema import (
    Schema,
    contextual_attributes,
    event_count_attribute,
    resolve_values,
)
from persx.model.attribute import Attribute
from persx.model.question import INDUSTRY
from persx.model.workspace import Workspace
from persx.visitors.prediction.traced import traces_attribute
from persx.visitors.preferences import preferences
from persx.visitors.touched import touches_attribute
from persx.workspace.ranking_rules import ranking_schema, ranking_sites
from persx.workspace.rules import rule_sites

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def canonical(workspace: Workspace) -> bytes:
    """Return a workspace's canonical JSON, the same for the same meaning.

    UTF-8 without whitespace; keys sorted by code point at every level, every field written,
    defaults too; lists keep their order, because it means something. Texts are as they were
    parsed, which is in Unicode's NFC.
    """
    return _ENCODER.encode(workspace)


def canonical_value(value: object) -> bytes:
    """Return the canonical JSON of a part of a workspace."""
    return _ENCODER.encode(value)


def digest(data: bytes) -> str:
    """Return the SHA-256 of canonical JSON, or of a file, as 64 hex digits.

    >>> digest(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()


def resolved_attributes(workspace: Workspace) -> dict[str, Attribute]:
    """Return the declared attributes, the workspace's own lists put in as their values."""
    resolved = resolve_values(
        workspace.attributes.values(),
        {
            "industries": tuple(workspace.industries),
            "locales": tuple(workspace.locales),
            "personas": tuple(workspace.personas),
        },
    )
    for name, attribute in resolved.items():
        if attribute.predict is not None:
            target = resolved.get(attribute.predict.of)
            values = tuple(workspace.personas) if target is None else target.values
            resolved[name] = msgspec.structs.replace(attribute, values=values)
    return resolved


def schema(workspace: Workspace) -> Schema:
    """Return what the workspace's rules may name."""
    contextual = contextual_attributes(
        personas=tuple(workspace.personas),
        locales=tuple(workspace.locales),
        industries=tuple(workspace.industries),
    )
    return Schema({**contextual, **resolved_attributes(workspace)}, tuple(workspace.audiences))


def effective_attributes(workspace: Workspace) -> dict[str, Attribute]:
    """Return the attributes that are kept of visitors.

    The workspace's own, counts in rules, what every visitor may prefer, the traces that guesses
    follow from, and what was done with items where any are recommended.
    """
    # Who is asked about what they declared may put that aside too.
    signed = (name for name, each in workspace.attributes.items() if each.signs)
    asked = {INDUSTRY, *workspace.questions, *signed}
    attributes = {**resolved_attributes(workspace), **preferences(sorted(asked))}
    traces = traces_attribute(attributes.values())
    if traces is not None:
        attributes[traces.name] = traces
    touches = touches_attribute(attributes.values()) if workspace.pipelines else None
    if touches is not None:
        attributes[touches.name] = touches
    known = schema(workspace)
    checked = [check_rule(site.text, known)[0] for site in rule_sites(workspace)]
    if workspace.pipelines:
        ranking = ranking_schema(workspace, known)
        checked += [check_rule(site.text, ranking)[0] for site in ranking_sites(workspace)]
    for rule in checked:
        for count in (
            sorted(rule.counts, key=lambda each: (each.event, each.within)) if rule else ()
        ):
            attribute = event_count_attribute(count)
            attributes[attribute.name] = attribute
    return attributes
