"""Persona detection: how well each persona fits a visitor, by a formula that can be checked.

A persona's score is the weighted mean of four parts, each from 0 to 1::

    score = (w_industry · I + w_goals · G + w_tools · T + w_behaviour · B) / (sum of weights)

I is 1 where the visitor's `industry` is the persona's, else 0; G is the share of the persona's
goals that are among the visitor's `goals`; T the share of its tools among the visitor's `tools`;
B the share of its behaviour rules that are true. Texts are compared without regard to case.

A part about which the persona says nothing counts ½: it speaks neither for nor against. So a
persona that only names an industry is found for visitors of whom nothing else is known, and one
that says more, and fits, still comes before it. A persona that says nothing at all scores 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from persx.audience.program import Memo, Predicate, Program
from persx.audience.values import present
from persx.model.attribute import Value, ValueType
from persx.model.clock import Millis
from persx.model.workspace import Persona, PersonaSettings

SAYS_NOTHING: Final = 0.5
"""What a part counts about which a persona says nothing."""


class PersonaScore(msgspec.Struct, frozen=True, kw_only=True):
    """How well a persona fits.

    Attributes:
        score: From 0 to 1.
        parts: ``industry``, ``goals``, ``tools``, ``behaviour`` → from 0 to 1.
    """

    name: str
    score: float
    parts: Mapping[str, float]


class _Wanted(msgspec.Struct, frozen=True):
    name: str
    industry: str
    goals: frozenset[str]
    tools: frozenset[str]
    behaviour: tuple[Predicate, ...]


class PersonaScorer:
    """The personas of a workspace, made ready for scoring many visitors.

    Args:
        personas: Name → persona, in the document's order.
        settings: Weights and threshold; weights below 0 count as 0.
        program: Compiles the behaviour rules.

    Raises:
        BadInput: A behaviour rule is faulty.
    """

    def __init__(
        self, personas: Mapping[str, Persona], settings: PersonaSettings, program: Program
    ) -> None:
        self._threshold = settings.threshold
        self._weights = tuple(
            max(weight, 0.0)
            for weight in (settings.industry, settings.goals, settings.tools, settings.behaviour)
        )
        self._total = sum(self._weights)
        self._personas = [
            _Wanted(
                name,
                _plain(persona.industry),
                frozenset(map(_plain, persona.goals)),
                frozenset(map(_plain, persona.tools)),
                tuple(program.predicate(rule) for rule in persona.behaviour),
            )
            for name, persona in personas.items()
        ]
        self.reads: Final = frozenset({"industry", "goals", "tools"}).union(
            *(program.reads(rule) for persona in personas.values() for rule in persona.behaviour)
        )
        """The attributes that detection reads."""

    def score(self, attributes: dict[str, Value], now: Millis) -> list[PersonaScore]:
        """Return every persona's score, best first; equal ones in the document's order."""
        industry = present(attributes.get("industry"), ValueType.STRING)
        visitor = _plain(industry) if isinstance(industry, str) else ""
        goals = _folded(attributes.get("goals"))
        tools = _folded(attributes.get("tools"))
        # Audiences that read `persona` are asked before it is known, so their answers must
        # not be remembered for the rules that come after: the memo is this function's own.
        memo: Memo = {}
        scores = [
            self._score(persona, visitor, goals, tools, attributes, now, memo)
            for persona in self._personas
        ]
        scores.sort(key=lambda score: -score.score)
        return scores

    def detect(self, attributes: dict[str, Value], now: Millis) -> PersonaScore | None:
        """Return the best persona where its score reaches the threshold."""
        scores = self.score(attributes, now)
        if not scores or scores[0].score <= 0 or scores[0].score < self._threshold:
            return None
        return scores[0]

    def _score(
        self,
        persona: _Wanted,
        industry: str,
        goals: frozenset[str],
        tools: frozenset[str],
        attributes: dict[str, Value],
        now: Millis,
        memo: Memo,
    ) -> PersonaScore:
        true = sum(rule(attributes, now, memo) for rule in persona.behaviour)
        said = (persona.industry, persona.goals, persona.tools, persona.behaviour)
        parts = (
            float(persona.industry == industry) if persona.industry else SAYS_NOTHING,
            _share(len(persona.goals & goals), len(persona.goals)),
            _share(len(persona.tools & tools), len(persona.tools)),
            _share(true, len(persona.behaviour)),
        )
        score = 0.0
        if self._total > 0 and any(said):
            weighted = zip(self._weights, parts, strict=True)
            # Rounded, so that 0.6 reaches a threshold of 0.6 whatever the order of adding up.
            score = round(sum(weight * part for weight, part in weighted) / self._total, 9)
        names = ("industry", "goals", "tools", "behaviour")
        return PersonaScore(
            name=persona.name, score=score, parts=dict(zip(names, parts, strict=True))
        )


def score_personas(
    personas: Mapping[str, Persona],
    settings: PersonaSettings,
    program: Program,
    attributes: dict[str, Value],
    now: Millis,
) -> list[PersonaScore]:
    """Return every persona's score for one visitor, best first (see `PersonaScorer`)."""
    return PersonaScorer(personas, settings, program).score(attributes, now)


def detect_persona(
    personas: Mapping[str, Persona],
    settings: PersonaSettings,
    program: Program,
    attributes: dict[str, Value],
    now: Millis,
) -> PersonaScore | None:
    """Return the best persona that reaches the threshold (see `PersonaScorer`)."""
    return PersonaScorer(personas, settings, program).detect(attributes, now)


def _share(found: int, wanted: int) -> float:
    return found / wanted if wanted else SAYS_NOTHING


def _plain(text: str) -> str:
    return text.strip().casefold()


def _folded(raw: Any) -> frozenset[str]:
    strings = present(raw, ValueType.STRINGS)
    if not isinstance(strings, (list, tuple)):
        return frozenset()
    return frozenset(_plain(item) for item in strings if isinstance(item, str))
