"""The attribute catalogue: what is kept of visitors, where it comes from, why, and who uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from persx.audience.rules import CheckedRule, check_rule
from persx.content.blocks.quiz import QUIZ
from persx.content.types import block_types
from persx.model.attribute import Attribute, Purpose, Source, ValueType
from persx.model.question import INDUSTRY
from persx.model.workspace import Workspace
from persx.visitors.prediction.traced import declared_names
from persx.visitors.touched import touches_names
from persx.workspace.ranking_rules import ranking_schema, ranking_sites
from persx.workspace.rules import RuleSite, rule_sites
from persx.workspace.snapshot import schema

ON_START: Final = (INDUSTRY, "goals", "tools")
"""Attributes that the start form asks for."""

_FRESH: Final = {
    Source.DECLARED: "on change",
    Source.COMPUTED: "real time",
    Source.PREDICTED: "real time",
    Source.CONTEXTUAL: "real time",
    Source.DERIVED: "real time",
}
"""How often an attribute changes at its source where its document does not say."""

START_FORM: Final = "start form"
PREFERENCE_CENTRE: Final = "preference centre"


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
        asked: Where visitors are asked for it, or can change it.
        predicts: What a model guesses with it; empty where nobody guesses.
        confidence: The least probability with which such a guess is used.
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
    predicts: str = ""
    confidence: float = 0.0
    asked: tuple[Use, ...] = ()

    @property
    def asked_in(self) -> tuple[str, ...]:
        """The places where visitors are asked, in words, such as ``quiz about-quiz``."""
        return tuple(dict.fromkeys(_in_words(use) for use in self.asked))

    def used_by(self, most: int = 0) -> str:
        """Return which documents use it, in words: of each kind all, or the first `most`."""
        names: dict[str, list[str]] = {}
        for use in self.uses:
            names.setdefault(use.kind, []).append(use.name)
        return "; ".join(_named(kind, dict.fromkeys(each), most) for kind, each in names.items())

    @property
    def unused(self) -> bool:
        """Whether nothing says what it is good for."""
        return not (self.uses or self.kept_for)


def attribute_catalogue(workspace: Workspace) -> tuple[CatalogueEntry, ...]:
    """Return the declared attributes in the order of their file."""
    found: dict[str, set[Use]] = {}
    for name, use in _uses(workspace):
        found.setdefault(name, set()).add(use)
    asked: dict[str, list[Use]] = {}
    for name, use in _asked(workspace):
        asked.setdefault(name, []).append(use)
    return tuple(
        _entry(name, attribute, tuple(sorted(found.get(name, ()))), tuple(asked.get(name, ())))
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


def _entry(
    name: str, attribute: Attribute, uses: tuple[Use, ...], asked: tuple[Use, ...]
) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        label=attribute.label or name,
        description=attribute.description,
        type=attribute.type,
        source=attribute.source,
        freshness=attribute.freshness or _FRESH[attribute.source],
        purpose=attribute.purpose,
        expires=attribute.expires,
        sensitive=attribute.sensitive,
        kept_for=attribute.kept_for,
        uses=uses,
        asked=asked,
        predicts=attribute.predict.of if attribute.predict else "",
        confidence=attribute.predict.confidence if attribute.predict else 0.0,
    )


def _uses(workspace: Workspace) -> Iterator[tuple[str, Use]]:
    for site, rule in checked_rules(workspace):
        for name in rule.reads:
            yield name, Use(site.kind, site.name, site.path)
    yield from _uses_of_pipelines(workspace)
    for attribute in workspace.attributes.values():
        if attribute.predict is not None:
            for name in declared_names(attribute.predict):
                yield name, Use("attributes", attribute.name, "predict.of")
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
    for strategy in workspace.strategies.values():
        for name in strategy.attributes:
            yield name, Use("strategies", strategy.name, "attributes")
    for persona in workspace.personas.values():
        for name in ("industry", "goals", "tools"):
            if getattr(persona, name):
                yield name, Use("personas", persona.name, name)
    for industry in workspace.industries.values():
        yield "industry", Use("industries", industry.name, "start form")
        for name in ("goals", "tools"):
            if getattr(industry, name):
                yield name, Use("industries", industry.name, name)


def _uses_of_pipelines(workspace: Workspace) -> Iterator[tuple[str, Use]]:
    if not workspace.pipelines:
        return
    known = ranking_schema(workspace, schema(workspace))
    for site in ranking_sites(workspace):
        rule, _ = check_rule(site.text, known)
        for name in rule.reads if rule else ():
            yield name, Use("pipelines", site.pipeline, f"rules.{site.place}.when")
    for name in touches_names(workspace.attributes.values()):
        for pipeline in workspace.pipelines:
            yield name, Use("pipelines", pipeline, "sources")


def quizzes_of(workspace: Workspace, question: str) -> tuple[str, ...]:
    """Return the names of the quizzes that ask a question, in any variant."""
    return tuple(
        name
        for name, block in workspace.blocks.items()
        if block.type == QUIZ.name
        and any(
            question in content.get("questions", ())
            for content in (block.content, *(variant.content for variant in block.variants))
        )
    )


def _asked(workspace: Workspace) -> Iterator[tuple[str, Use]]:
    """Yield each place where visitors are asked for an attribute, or change it."""
    declared = {
        name for name, each in workspace.attributes.items() if each.source is Source.DECLARED
    }
    for name in ON_START:
        if workspace.industries and name in declared:
            yield name, Use("site", START_FORM, name)
    if INDUSTRY in declared and workspace.industries:
        yield INDUSTRY, Use("site", "bar above pages", INDUSTRY)
    for name, question in workspace.questions.items():
        if question.attribute not in declared:
            continue
        if question.alone:
            yield question.attribute, Use("questions", name, "by itself")
        for block in quizzes_of(workspace, name):
            yield question.attribute, Use("questions", name, f"quiz {block}")
    asked = {question.attribute for question in workspace.questions.values()}
    for name in workspace.attributes:
        if name in declared and (name in asked or name in ON_START):
            yield name, Use("site", PREFERENCE_CENTRE, name)


def _named(kind: str, names: Iterable[str], most: int) -> str:
    found = [name for name in names if name]
    if not found:
        return kind
    left = len(found) - most if most else 0
    more = f" and {left:,} more" if left > 0 else ""
    return f"{kind}: {', '.join(found[: most or None])}{more}"


def _in_words(use: Use) -> str:
    if use.kind == "site":
        return use.name
    return use.path if use.path.startswith("quiz ") else f"question {use.name}"
