"""What is known of a visitor, and why they saw what they saw, in words that they can read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from persx.app.knowledge import Knowledge, KnownFact
from persx.audience.schema import contextual_attributes
from persx.content.texts import label_of, localized, text_of, value_text
from persx.decide.plan import Plan
from persx.decide.receipt import BlockReceipt, Clause, LoggedItem, Receipt, Rulebook
from persx.decide.uses import Uses
from persx.model.attribute import Attribute, Purpose, Source, Value, ValueType
from persx.model.clock import Millis
from persx.model.decision import Reason
from persx.model.learning import HELD_OUT
from persx.model.question import INDUSTRY
from persx.visitors.prediction.traced import TRACES
from persx.web.site.frame import industry_label
from persx.web.site.views import (
    AudienceView,
    BlockWhyView,
    EditView,
    FactView,
    Option,
    PageWhyView,
    PersonaView,
)
from persx.web.site.words import words
from persx.workspace.attribute_uses import ON_START

_ORDER: Final = (
    Source.DECLARED,
    Source.PREDICTED,
    Source.COMPUTED,
    Source.DERIVED,
    Source.CONTEXTUAL,
)
_MOST_NAMED: Final = 8


class Speaker:
    """Says values, dates and reasons to one visitor: in a locale, with a workspace's own words."""

    def __init__(self, plan: Plan, locale: str) -> None:
        self._plan = plan
        self._locale = locale
        self._locales = plan.workspace.locales
        self._words = words(locale)
        self._contextual = contextual_attributes()

    def date(self, moment: Millis) -> str:
        """Say the day of a moment, in the workspace's zone."""
        local = datetime.fromtimestamp(moment / 1_000, self._plan.zone)
        said = self._words.mine
        return said.date.format(day=local.day, month=said.months[local.month - 1], year=local.year)

    def moment(self, moment: Millis) -> str:
        """Say a moment to the minute, in the workspace's zone."""
        local = datetime.fromtimestamp(moment / 1_000, self._plan.zone)
        return self._words.mine.moment.format(
            date=self.date(moment), hour=local.hour, minute=local.minute
        )

    def label(self, name: str) -> str:
        """Say what an attribute is called."""
        if name in self._words.mine.contextual and name not in self._plan.workspace.attributes:
            return self._words.mine.contextual[name]
        return label_of(self._attribute(name), self._locale, self._locales)

    def value(self, name: str, value: Value) -> str:
        """Say a value of an attribute."""
        if value is None or value == [] or value == "":
            return self._words.mine.unknown
        if isinstance(value, list):
            return ", ".join(self.value(name, each) for each in value)
        if isinstance(value, bool):
            return self._words.privacy_yes if value else self._words.privacy_no
        attribute = self._attribute(name)
        if isinstance(value, str):
            return self._text(name, attribute, value)
        if attribute.type is ValueType.TIME:
            try:
                return self.moment(int(value))
            except (ValueError, OverflowError, OSError):
                return str(value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _text(self, name: str, attribute: Attribute, value: str) -> str:
        workspace = self._plan.workspace
        if name == TRACES:
            kind, _, what = value.partition(" ")
            return self._words.mine.traces.get(kind, value).format(it=what)
        declared = workspace.attributes.get(name)
        if declared is not None and declared.predict is not None:
            return self._text(declared.predict.of, self._attribute(declared.predict.of), value)
        industry = workspace.industries.get(value)
        if declared and declared.values == "industries" and industry:
            return industry_label(industry, self._locale, self._plan)
        if name == "persona" and value in workspace.personas:
            return workspace.personas[value].label or value
        return value_text(attribute, value, self._locale, self._locales)

    def facts(self, known: Knowledge, *, editable: bool) -> tuple[FactView, ...]:
        """Say every fact, first what the visitor declared themselves."""
        ordered = sorted(known.facts, key=lambda fact: _ORDER.index(fact.source))
        return tuple(self._fact(fact, editable=editable) for fact in ordered)

    def _fact(self, fact: KnownFact, *, editable: bool) -> FactView:
        said = self._words
        sources = {
            Source.DECLARED: said.privacy_declared,
            Source.COMPUTED: said.privacy_computed,
            Source.DERIVED: said.privacy_derived,
            Source.PREDICTED: said.privacy_predicted,
            Source.CONTEXTUAL: said.privacy_contextual,
        }
        purposes = {
            Purpose.NECESSARY: said.privacy_necessary,
            Purpose.ANALYTICS: said.privacy_analytics,
            Purpose.PERSONALIZATION: said.privacy_personalization,
            Purpose.MARKETING: said.privacy_marketing,
        }
        declared = fact.source is Source.DECLARED
        since = ""
        if fact.at is not None:
            how = said.mine.since if declared else said.mine.newest
            since = how.format(date=self.date(fact.at))
        if fact.guess is not None:
            since = said.mine.sure.format(percent=int(100 * fact.guess.confidence))
        return FactView(
            name=fact.name if fact.guess is None else fact.guess.of,
            label=self.label(fact.name),
            value=self.value(fact.name, fact.value),
            source=sources[fact.source],
            purpose=purposes[fact.purpose],
            since=since,
            used=fact.used,
            uses=self._uses(fact.uses),
            blocks=fact.uses.blocks,
            edit=self._edit(fact) if editable and self._declarable(fact) else None,
            guessed=fact.guess is not None,
        )

    def _declarable(self, fact: KnownFact) -> bool:
        """Tell whether the visitor can say it themselves: a guess by saying what is guessed."""
        name = fact.name if fact.guess is None else fact.guess.of
        attribute = self._plan.attributes.get(name)
        if fact.name == INDUSTRY:
            # Hinted at by a link or a network perhaps: they say what is right.
            return True
        return attribute is not None and attribute.source is Source.DECLARED

    def _uses(self, uses: Uses) -> tuple[str, ...]:
        said, workspace = self._words.mine, self._plan.workspace
        found = []
        if uses.blocks:
            titles = [
                text_of(workspace.pages[name], "navigation", self._locale, self._locales)
                or text_of(workspace.pages[name], "title", self._locale, self._locales)
                for name in uses.pages
            ]
            told = said.uses_pages if len(uses.blocks) > 1 else said.uses_page
            found.append(told.format(count=len(uses.blocks), pages=_some(titles)))
        if uses.persona:
            found.append(said.uses_persona)
        if uses.audiences:
            found.append(said.uses_audiences.format(audiences=_some(uses.audiences)))
        if uses.experiments:
            found.append(said.uses_experiments.format(experiments=_some(uses.experiments)))
        if uses.questions:
            asked = _some([self.label(name) for name in uses.questions])
            found.append(said.uses_questions.format(facts=asked))
        return tuple(found or [said.uses_nothing])

    def _edit(self, fact: KnownFact) -> EditView:
        attribute = self._plan.attributes[fact.name if fact.guess is None else fact.guess.of]
        if attribute.name in ON_START:
            return EditView(kind="start")
        chosen = fact.value if isinstance(fact.value, list) else [fact.value]
        values: Iterable[str] = attribute.values
        if attribute.type is ValueType.BOOLEAN:
            options = tuple(
                Option(value=value, label=label, selected=fact.value is (value == "yes"))
                for value, label in (
                    ("yes", self._words.privacy_yes), ("no", self._words.privacy_no),
                )
            )  # fmt: skip
            return EditView(kind="one", options=options)
        if attribute.values:
            many = attribute.type is ValueType.STRINGS
            options = tuple(
                Option(value=each, label=self.value(fact.name, each), selected=each in chosen)
                for each in values
            )
            return EditView(kind="many" if many else "one", options=options)
        if attribute.type is ValueType.STRINGS:
            return EditView(kind="lines", value="\n".join(map(str, chosen)))
        if attribute.type is ValueType.TIME:
            return EditView(kind="none")
        return EditView(kind="text", value=str(fact.value))

    def audiences(self, names: Iterable[str]) -> tuple[AudienceView, ...]:
        """Say the audiences that a visitor is in."""
        audiences = self._plan.workspace.audiences
        return tuple(
            AudienceView(name=name, description=audiences[name].description) for name in names
        )

    def persona(self, name: str | None) -> PersonaView | None:
        """Say the persona that a visitor is taken for."""
        persona = self._plan.workspace.personas.get(name or "")
        if persona is None:
            return None
        return PersonaView(label=persona.label or persona.name, description=persona.description)

    def page(self, receipt: Receipt, rulebook: Rulebook | None, *, own: bool) -> PageWhyView:
        """Say why a page was as it was, to the visitor themselves or to somebody else."""
        page = self._plan.workspace.pages.get(receipt.page)
        title = self._words.mine.other_page
        if page is not None:
            title = text_of(page, "navigation", self._locale, self._locales)
            title = title or text_of(page, "title", self._locale, self._locales)
        return PageWhyView(
            href=f"/v1/decisions/{receipt.id}" if own else "",
            title=title,
            when=self.moment(receipt.at),
            blocks=tuple(
                self._block(name, block, rulebook) for name, block in receipt.blocks.items()
            ),
        )

    def _block(self, name: str, block: BlockReceipt, rulebook: Rulebook | None) -> BlockWhyView:
        why, facts = self.reason(block)
        return BlockWhyView(
            name=name,
            title=self._title(name, block.variant, rulebook),
            variant=block.variant,
            reason=block.reason.value,
            why=why,
            facts=(*facts, *(_said_of(each) for each in block.items)),
            rule=block.rule,
        )

    def reason(self, block: BlockReceipt) -> tuple[str, tuple[str, ...]]:
        """Say why a block showed what it showed, and the facts on which that hung."""
        said = self._words.mine
        why, facts = self._reason(block)
        if block.learning == HELD_OUT:
            return why, (*facts, said.learned_held_out)
        if block.learning in ("alone", "unused"):
            return why, (*facts, said.learned_unused)
        return why, facts

    def _reason(self, block: BlockReceipt) -> tuple[str, tuple[str, ...]]:
        said = self._words.mine
        match block.reason:
            case Reason.LEARNED:
                percent = f"{100 * block.propensity:.0f}"
                return said.learned, (said.learned_chance.format(percent=percent),)
            case Reason.TARGETED if block.rule:
                return said.targeted, self._read(block.clauses)
            case Reason.TARGETED if block.variant == "default":
                return said.ordered, ()
            case Reason.TARGETED:
                return said.targeted_always, ()
            case Reason.ARM:
                return said.arm.format(arm=block.arm), ()
            case Reason.UNKNOWN_VISITOR | Reason.NO_CONSENT:
                missing = self._missing(block)
                return getattr(said, block.reason.value), missing
            case Reason.NO_MATCH:
                return (said.no_match if block.alternatives else said.only_one), ()
            case Reason.INVALID | Reason.ERROR:
                return said.failed, ()
            case _:
                return getattr(said, block.reason.value), ()

    def _read(self, clauses: Iterable[Clause]) -> tuple[str, ...]:
        found: dict[str, Value] = {}
        for clause in clauses:
            found.update(clause.attributes)
        return tuple(self._marked(name, it) for name, it in found.items())

    def _marked(self, name: str, value: Value) -> str:
        """Say a value that a rule read; of a guess that it is one."""
        said = f"{self.label(name)}: {self.value(name, value)}"
        guessed = self._attribute(name).source is Source.PREDICTED and value is not None
        return self._words.mine.guessed.format(fact=said) if guessed else said

    def _missing(self, block: BlockReceipt) -> tuple[str, ...]:
        names = dict.fromkeys(
            name
            for other in block.alternatives
            for clause in other.clauses
            for name, value in clause.attributes.items()
            if value is None
        )
        if not names:
            return ()
        return (self._words.mine.asked_for.format(facts=_some([self.label(it) for it in names])),)

    def _title(self, name: str, variant: str, rulebook: Rulebook | None) -> str:
        """Return the words by which a visitor recognises a block: its headline, as shown then."""
        block = rulebook.workspace.blocks.get(name) if rulebook else None
        if rulebook is None or block is None:
            return name
        chosen = next((each for each in block.variants if each.name == variant), None)
        content = localized(block, chosen, self._locale, rulebook.workspace.locales)
        return _headline(content) or name

    def _attribute(self, name: str) -> Attribute:
        found = self._plan.attributes.get(name) or self._contextual.get(name)
        return found or Attribute(name=name)


def _said_of(item: LoggedItem) -> str:
    """Say which item was recommended, and why."""
    return f"{item.title or item.item}: {item.why}" if item.why else item.title or item.item


def _headline(content: Mapping[str, Any]) -> str:
    for field in ("headline", "title", "quote", "text"):
        text = content.get(field)
        if isinstance(text, str) and text.strip():
            text = " ".join(text.split())
            return text if len(text) <= 90 else text[:89] + "…"
    return ""


def _some(names: Sequence[str] | Collection[str]) -> str:
    """Name a few of many."""
    shown = list(dict.fromkeys(names))
    more = len(shown) - _MOST_NAMED
    return ", ".join(shown[:_MOST_NAMED]) + (f" … (+{more})" if more > 0 else "")
