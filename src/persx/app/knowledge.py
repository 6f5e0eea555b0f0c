"""Knowledge: all that is known of one visitor, where it comes from, and what it is used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from persx.app.services import Services
from persx.app.visiting import Visitor, known_of, states_of
from persx.decide.plan import Plan
from persx.decide.uses import Uses, uses
from persx.model.attribute import Attribute, Purpose, Source, Value
from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.model.visitor import Guess, IdentityState, Profile
from persx.storage.scope import Bearer
from persx.visitors.dating import changed_at, fact_of
from persx.visitors.preferences import GENERIC_CONTENT, is_preference


class KnownFact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that is held on a visitor.

    Attributes:
        at: When it was declared, or about when its newest event happened; None if not known.
        used: Whether the visitor allows its purpose; what they do not allow decides nothing.
        uses: What it decides about.
        guess: How sure it is, where a model says so and not the visitor.
    """

    name: str
    value: Value
    source: Source
    at: Millis | None
    purpose: Purpose
    used: bool
    uses: Uses
    guess: Guess | None = None


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a visitor now.

    Attributes:
        identity: The one that was asked for; of its own it may have nothing.
        scope: As far as which it was read, and their events and decisions may be.
        profile: What decisions see of it.
        states: All that is kept, by identity.
        audiences: Those that the visitor is in, with what they bring along now.
        generic: Whether they want generic content.
    """

    identity: IdentityKey
    scope: Bearer
    profile: Profile
    states: Sequence[IdentityState]
    facts: Sequence[KnownFact]
    audiences: Sequence[str]
    persona: str | None
    generic: bool

    @property
    def identities(self) -> frozenset[IdentityKey]:
        """The identities whose facts these are, the one that was asked for among them."""
        return frozenset({self.identity, *(state.identity for state in self.states)})


async def knowledge_of(
    services: Services, plan: Plan, visitor: Visitor, context: Mapping[str, Value]
) -> Knowledge:
    """Return all that is known of a visitor, what they did not allow to be used included.

    Args:
        context: Contextual attributes of the request that asks.
    """
    now = services.clock()
    states = await states_of(services, visitor)
    profile = await known_of(services, plan, visitor)
    held = plan.assembler.assemble(
        states,
        now,
        granted=frozenset(Purpose),
        ready=services.publication.ready,
        declared=newer_declared(visitor, states),
    )
    usage = uses(plan)
    facts = [
        KnownFact(
            name=name,
            value=value,
            source=held.sources[name],
            at=known_at(plan.attributes[name], visitor, states),
            purpose=plan.attributes[name].purpose,
            used=name in profile.attributes,
            uses=usage[name],
        )
        for name in plan.attributes
        if not is_preference(name)
        and (value := held.attributes.get(name)) not in (None, [], "")
        # Of somebody who was never here nothing is held, not even that they did nothing.
        and (states or held.sources[name] is Source.DECLARED)
    ]
    facts += [
        KnownFact(
            name=name,
            value=guess.value,
            source=Source.PREDICTED,
            at=None,
            purpose=plan.attributes[name].purpose,
            used=True,
            uses=usage[name],
            guess=guess,
        )
        for name, guess in profile.guesses.items()
    ]
    facts += [
        KnownFact(
            name=name,
            value=profile.attributes[name],
            source=source,
            at=None,
            purpose=_purpose(plan, name),
            used=True,
            uses=usage.get(name, Uses()),
        )
        for name, source in profile.sources.items()
        # Hints of this very request: nothing is held of them.
        if source is Source.CONTEXTUAL
    ]
    seen = with_moment(plan, {**profile.attributes, **context}, profile, now)
    return Knowledge(
        identity=visitor.identity,
        scope=visitor.scope,
        profile=profile,
        states=states,
        facts=facts,
        audiences=[
            name
            for name in plan.workspace.audiences
            if plan.program.in_audience(name, seen, now, {})
        ],
        persona=_text(profile.attributes.get("persona")),
        generic=held.attributes.get(GENERIC_CONTENT) is True,
    )


def newer_declared(visitor: Visitor, states: Sequence[IdentityState]) -> Mapping[str, Value]:
    """Return what the visitor's cookie declares that the store does not know better."""
    return {
        name: value
        for name, value in visitor.declared.items()
        if (fact := fact_of(states, name)) is None or fact.at < visitor.declared_at
    }


def known_at(
    attribute: Attribute, visitor: Visitor, states: Sequence[IdentityState]
) -> Millis | None:
    """Return when a fact was said. The cookie says one time for all that it holds, so that the
    store's is right for what both say alike.
    """
    at = changed_at(states, attribute)
    name = attribute.name
    if attribute.source is not Source.DECLARED or name not in visitor.declared:
        return at
    fact = fact_of(states, name)
    same = fact is not None and fact.value == visitor.declared[name]
    return at if same or (at is not None and at >= visitor.declared_at) else visitor.declared_at


def with_moment(
    plan: Plan, attributes: Mapping[str, Value], profile: Profile, now: Millis
) -> dict[str, Value]:
    """Return attributes with what follows from the clock and the profile, as rules read them."""
    local = datetime.fromtimestamp(now / 1_000, plan.zone)
    return {
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "identified": any(each.startswith("u:") for each in profile.identities),
        **attributes,
    }


def _purpose(plan: Plan, name: str) -> Purpose:
    attribute = plan.attributes.get(name)
    return attribute.purpose if attribute else Purpose.PERSONALIZATION


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
