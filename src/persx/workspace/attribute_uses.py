"""The attribute catalogue: what is kept of visitors, where it comes from, why, and who uses it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from persx.audience.rules import CheckedRule, check_rule
from persx.content.types import block_types
from persx.model.attribute import Attribute, Purpose, Source, ValueType
from persx.model.workspace import Workspace
from persx.workspace.rules import RuleSite, rule_sites
from persx.workspace.snapshot import schema


class Use(msgspec.Struct, frozen=True, order=True):
    """A place where an attribute is used: the document's kind and name, and the path inside it."""

    kind: str
    name: str
    path: str


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute as the catalogue lists it.

    Attributes:
        freshness: How often it changes at its source.
        expires: Length of time after which a fact counts as unknown.
        kept_for: Why it is kept though no rule reads it.
        uses: Where it is used itself; what reads an audience is not listed under what the
            audience reads.
    """

    name: str
    label: str
    description: str
    type: ValueType
    source: Source
    freshness: str
    purpose: Purpose
    expires: str | None
    sensitive: bool
    kept_for: str
    uses: tuple[Use, ...]

    @property
    def unused(self) -> bool:
        """Whether nothing says what it is good for."""
        return not (self.uses or self.kept_for)


def attribute_catalogue(workspace: Workspace) -> tuple[CatalogueEntry, ...]:
    """Return the declared attributes in the order of their file."""
    found: dict[str, set[Use]] = {}
    for name, use in _uses(workspace):
        found.setdefault(name, set()).add(use)
    return tuple(
        _entry(name, attribute, tuple(sorted(found.get(name, ()))))
        for name, attribute in workspace.attributes.items()
    )


def reads_with_audiences(rule: CheckedRule, audiences: dict[str, CheckedRule]) -> frozenset[str]:
    """Return the attributes that a rule reads, through audiences too."""
    waiting, seen = [rule], set[str]()
    found: set[str] = set()
    for each in waiting:
        found |= each.reads
        for name in sorted(each.audiences - seen):
            seen.add(name)
            if name in audiences:
                waiting.append(audiences[name])
    return frozenset(found)


def checked_rules(workspace: Workspace) -> Iterator[tuple[RuleSite, CheckedRule]]:
    """Yield every rule that is right, with where it stands."""
    known = schema(workspace)
    for site in rule_sites(workspace):
        rule, _ = check_rule(site.text, known)
        if rule is not None:
            yield site, rule


def _entry(name: str, attribute: Attribute, uses: tuple[Use, ...]) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        label=attribute.label or name,
        description=attribute.description,
        type=attribute.type,
        source=attribute.source,
        freshness=attribute.freshness,
        purpose=attribute.purpose,
        expires=attribute.expires,
        sensitive=attribute.sensitive,
        kept_for=attribute.kept_for,
        uses=uses,
    )


def _uses(workspace: Workspace) -> Iterator[tuple[str, Use]]:
    for site, rule in checked_rules(workspace):
        for name in rule.reads:
            yield name, Use(site.kind, site.name, site.path)
    types = block_types(workspace)
    for block in workspace.blocks.values():
        if block.type not in types:
            continue
        contents = {"content": block.content} | {
            f"variants.{variant.name}.content": {**block.content, **variant.content}
            for variant in block.variants
        }
        for path, content in contents.items():
            for name in types[block.type].reads(content):
                yield name, Use("blocks", block.name, path)
    for persona in workspace.personas.values():
        for name in ("industry", "goals", "tools"):
            if getattr(persona, name):
                yield name, Use("personas", persona.name, name)
    for industry in workspace.industries.values():
        yield "industry", Use("industries", industry.name, "start form")
        for name in ("goals", "tools"):
            if getattr(industry, name):
                yield name, Use("industries", industry.name, name)
