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

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import msgspec

from persx.audience.program import Memo, Predicate, Program
from persx.audience.values import present
from persx.model.attribute import Value, ValueType
from persx.model.clock import Millis
from persx.model.workspace import Persona, PersonaSettings

PARTS: Final = ("industry", "goals", "tools", "behaviour")

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


class _Wanted(NamedTuple):
    name: str
    industry: str
    goals: frozenset[str]
    tools: frozenset[str]
    behaviour: tuple[Predicate, ...]
    most: tuple[float, ...]


class PersonaScorer:
    """The personas of a workspace, made ready for scoring many visitors.

    Args:
        personas: Name → persona, in the document's order.
        settings: Weights and threshold; weights that are no positive number count 0.
        program: Compiles the behaviour rules.

    Raises:
        BadInput: A behaviour rule is faulty.
    """

    def __init__(
        self, personas: Mapping[str, Persona], settings: PersonaSettings, program: Program
    ) -> None:
        self._threshold = settings.threshold
        self._weights = tuple(
            weight if 0 < weight < math.inf else 0.0
            for weight in (settings.industry, settings.goals, settings.tools, settings.behaviour)
        )
        self._total = sum(self._weights)
        self._personas = [
            self._wanted(name, persona, tuple(map(program.predicate, persona.behaviour)))
            for name, persona in personas.items()
        ]
        self.reads: Final = frozenset({"industry", "goals", "tools"}).union(
            *(program.reads(rule) for persona in personas.values() for rule in persona.behaviour)
        )
        """The attributes that detection reads."""

    def score(self, attributes: dict[str, Value], now: Millis) -> list[PersonaScore]:
        """Return every persona's score, best first; equal ones in the document's order."""
        visitor = _visitor(attributes)
        # Audiences that read `persona` are asked before it is known, so their answers must
        # not be remembered for the rules that come after: the memo is this function's own.
        memo: Memo = {}
        scores = [
            self._score(each, _facts(each, visitor), attributes, now, memo)
            for each in self._personas
        ]
        scores.sort(key=lambda score: -score.score)
        return scores

    def detect(self, attributes: dict[str, Value], now: Millis) -> PersonaScore | None:
        """Return the best persona where its score reaches the threshold.

        The same as the first of `score`, but personas that cannot come first are left early.
        """
        visitor = _visitor(attributes)
        known = 2 * bool(visitor.goals) + bool(visitor.tools)
        memo: Memo = {}
        found, best = None, 0.0
        for persona in self._personas:
            same = not persona.industry or persona.industry == visitor.industry
            most = persona.most[4 * same + known]
            if most <= best or most < self._threshold:
                continue
            score = self._score(persona, _facts(persona, visitor), attributes, now, memo)
            if score.score > best:
                found, best = score, score.score
        return found if best >= self._threshold else None

    def _wanted(self, name: str, persona: Persona, behaviour: tuple[Predicate, ...]) -> _Wanted:
        industry = _plain(persona.industry)
        goals = frozenset(map(_plain, persona.goals))
        tools = frozenset(map(_plain, persona.tools))

        def most(same: bool, some_goals: bool, some_tools: bool) -> float:
            """The greatest score among visitors of whom so much is known."""
            return self._mean(
                (
                    float(same) if industry else SAYS_NOTHING,
                    float(some_goals) if goals else SAYS_NOTHING,
                    float(some_tools) if tools else SAYS_NOTHING,
                    1.0 if behaviour else SAYS_NOTHING,
                )
            )

        flags = (False, True)
        bounds = tuple(most(*each) for each in product(flags, flags, flags))
        return _Wanted(name, industry, goals, tools, behaviour, bounds)

    def _score(
        self,
        persona: _Wanted,
        facts: tuple[float, float, float],
        attributes: dict[str, Value],
        now: Millis,
        memo: Memo,
    ) -> PersonaScore:
        true = 0
        for rule in persona.behaviour:
            true += rule(attributes, now, memo)
        behaviour = true / len(persona.behaviour) if persona.behaviour else SAYS_NOTHING
        parts = (*facts, behaviour)
        says = persona.industry or persona.goals or persona.tools or persona.behaviour
        return PersonaScore(
            name=persona.name,
            score=self._mean(parts) if says else 0.0,
            parts=dict(zip(PARTS, parts, strict=True)),
        )

    def _mean(self, parts: Sequence[float]) -> float:
        """Return the weighted mean; more of a part is never less."""
        if self._total <= 0:
            return 0.0
        a, b, c, d = self._weights
        total = a * parts[0] + b * parts[1] + c * parts[2] + d * parts[3]
        # Rounded, so that 0.6 reaches a threshold of 0.6 whatever the order of adding up.
        return round(total / self._total, 9)


class _Visitor(NamedTuple):
    industry: str
    goals: frozenset[str]
    tools: frozenset[str]


def _visitor(attributes: Mapping[str, Value]) -> _Visitor:
    industry = present(attributes.get("industry"), ValueType.STRING)
    return _Visitor(
        _plain(industry) if isinstance(industry, str) else "",
        _folded(attributes.get("goals")),
        _folded(attributes.get("tools")),
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


def _facts(persona: _Wanted, visitor: _Visitor) -> tuple[float, float, float]:
    """Return the parts that are not behaviour."""
    industry = float(persona.industry == visitor.industry) if persona.industry else SAYS_NOTHING
    goals, tools = persona.goals, persona.tools
    return (
        industry,
        len(goals & visitor.goals) / len(goals) if goals else SAYS_NOTHING,
        len(tools & visitor.tools) / len(tools) if tools else SAYS_NOTHING,
    )


def _plain(text: str) -> str:
    return text.strip().casefold()


def _folded(raw: Any) -> frozenset[str]:
    strings = present(raw, ValueType.STRINGS)
    if not isinstance(strings, (list, tuple)):
        return frozenset()
    return frozenset(_plain(item) for item in strings if isinstance(item, str))
