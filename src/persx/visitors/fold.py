"""The fold: what events say about identities, by the attributes that a workspace declares.

Pure, and a commutative monoid: folding events in any batches and any order, and merging what
comes out, gives equal states. State belongs to `Event.identity`: what is said of a user with
the public key never reaches that user's own state (see
``docs/adr/0005-claimed-and-verified-identity.md``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from persx.model.attribute import Attribute, Computation, Purpose, Source, State
from persx.model.clock import Millis
from persx.model.event import CONSENT_CHANGED, Event, EventType, IdentityKey
from persx.model.visitor import Edge, Fact, IdentityState
from persx.storage.ports import Projection
from persx.visitors import consent
from persx.visitors.computed import COMPUTED, ComputedKind
from persx.visitors.computed.kind import events_of
from persx.visitors.computed.properties import matches
from persx.visitors.identity import combined, edges_of

LONGEST_TEXT: Final = 1_000
"""A trait with a longer text is not kept as a fact; the event log has it."""

MOST_TEXTS: Final = 100
"""A trait with a longer list is not kept as a fact."""

ANSWERS: Final = "answers@1"
"""The key by which it is noted since when the history of answers is kept."""

ACCOUNT: Final = "account."
"""Declared attributes whose names begin so are facts of the account, told by `group` calls."""

_ABSENT: Final = object()
_LINKING: Final = frozenset({EventType.IDENTIFY, EventType.GROUP})

Withdrawn: TypeAlias = Mapping[IdentityKey, Mapping[Purpose, Millis]]
"""Identity → purpose → up to when its events tell nothing of attributes of that purpose."""

_Step: TypeAlias = tuple[
    str, Callable[[State, Event, Computation], State], Callable[[], State], Computation
]


def computed_key(attribute: Attribute) -> str:
    """Return the key under which a computed attribute's states are kept.

    It holds a digest of the definition, so that a changed definition starts anew and is
    backfilled, while the label or the purpose may change.
    """
    definition = msgspec.json.encode(attribute.compute, order="deterministic")
    return f"{attribute.name}@{hashlib.sha256(definition).hexdigest()[:8]}"


def fact_key(attribute: Attribute) -> str:
    """Return the key by which it is noted since when a declared attribute's facts are kept."""
    return f"{attribute.name}=declared"


def consent_key(categories: consent.Categories) -> str:
    """Return the key by which it is noted since when a consent manager's answers are kept.

    It holds a digest of the categories: what they stand for now is folded from all events anew.
    """
    digest = hashlib.sha256(msgspec.json.encode((ANSWERS, categories), order="deterministic"))
    return f"consent@{digest.hexdigest()[:8]}"


class Definition(msgspec.Struct, frozen=True):
    """A computed attribute ready to be folded: its state's key, its kind, and how."""

    key: str
    kind: ComputedKind
    computation: Computation


def definitions(attributes: Mapping[str, Attribute]) -> list[tuple[Attribute, Definition]]:
    """Return the computed attributes with their definitions."""
    return [
        (attribute, Definition(computed_key(attribute), COMPUTED[compute.kind], compute))
        for attribute in attributes.values()
        if (compute := attribute.compute) is not None
    ]


class Fold:
    """Folds events into the states of identities.

    Args:
        attributes: The declared attributes by name; computed ones are folded, declared ones are
            taken from the traits of `identify`, others do not concern it.
        only: Fold just these keys, and count no events: what a backfill adds to states that
            have seen the events already.
        categories: What the categories of the site's own consent manager stand for.
        erasing: Of an identity that has denied a purpose nothing is folded into its attributes of
            that purpose: what was there is erased when it is withdrawn.
        withdrawn: Up to when events of an identity tell nothing of attributes, by purpose.
    """

    def __init__(
        self,
        attributes: Mapping[str, Attribute],
        *,
        only: Collection[str] | None = None,
        categories: consent.Categories | None = None,
        erasing: bool = False,
        withdrawn: Withdrawn | None = None,
    ) -> None:
        self._attributes = attributes
        self._erasing = erasing
        self._withdrawn = withdrawn or {}
        self._all_categories = categories or {}
        key = consent_key(self._all_categories)
        chosen_categories = only is None or key in only
        self._categories = self._all_categories if chosen_categories else {}
        self._counts = only is None
        chosen = [it for _, it in definitions(attributes) if only is None or it.key in only]
        self._by_key = {definition.key: definition for definition in chosen}
        self._purposes = {name: attribute.purpose for name, attribute in attributes.items()} | {
            it.key: attribute.purpose for attribute, it in definitions(attributes)
        }
        self._declared = [
            (attribute.name, tuple(attribute.name.split(".")))
            for attribute in attributes.values()
            if attribute.source is Source.DECLARED and (only is None or fact_key(attribute) in only)
        ]
        self._of_account = [
            (name, steps[1:]) for name, steps in self._declared if name.startswith(ACCOUNT)
        ]
        keys = {*self._by_key, *(fact_key(attributes[name]) for name, _ in self._declared)}
        if only is None or ANSWERS in only:
            keys.add(ANSWERS)
        self.keys: frozenset[str] = frozenset({*keys, key} if self._categories else keys)
        """Whatever this fold keeps, by `computed_key` and `fact_key`."""
        self._tracked: dict[str | None, tuple[_Step, ...]] = {
            name: _steps(chosen, EventType.TRACK.value, name)
            for name in {name for it in chosen for name in events_of(it.kind, it.computation)}
            - {EventType.TRACK.value}
        }
        self._of_type = {kind: _steps(chosen, kind.value) for kind in EventType}

    def fold(
        self, events: Sequence[Event], known: Mapping[IdentityKey, IdentityState] | None = None
    ) -> Projection:
        """Return the states of the identities that these events belong to, after them.

        Args:
            known: The states before them, which are changed in place; an identity that is not
                among them begins from nothing.
        """
        before = known or {}
        states: dict[IdentityKey, IdentityState] = {}
        edges: list[Edge] = []
        tracked = self._tracked
        categories = self._categories
        for event in events:
            identity = event.identity
            at = event.timestamp
            state = states.get(identity)
            if state is None:
                state = before.get(identity)
                if state is None:
                    # Fresh dicts: the struct's own empty ones would do, but cost a factory each.
                    state = IdentityState(identity=identity, facts={}, computed={}, consent={})
                states[identity] = state
            if not state.events:
                # New, or a state that a backfill has made; neither was ever seen.
                state.first_seen = state.last_seen = at
            elif at < state.first_seen:
                state.first_seen = at
            elif at > state.last_seen:
                state.last_seen = at
            state.events += 1
            kind = event.type
            chosen = tracked.get(event.name) if kind is EventType.TRACK else None
            if event.name == CONSENT_CHANGED or (
                categories and ("consent" in event.context or "consentManagement" in event.context)
            ):
                said = consent.said_by(event, categories)
                consent.add(state.consent, said)
                consent.note(state.answers, event, said)
            denied: Collection[Purpose] = ()
            if (self._erasing and state.consent) or self._withdrawn:
                denied = self._denied(state, event)
            computed = state.computed
            for key, add, zero, computation in self._of_type[kind] if chosen is None else chosen:
                if denied and self._purposes[key] in denied:
                    continue
                if not computation.where or matches(event, computation.where):
                    kept = computed.get(key)
                    after = add(zero() if kept is None else kept, event, computation)
                    if after is not None:
                        computed[key] = after
            if kind is EventType.IDENTIFY:
                self._declare(state, event, denied)
            elif kind is EventType.GROUP:
                self._account(states, before, state, event)
            if event.user_id or kind in _LINKING:
                edges += edges_of(event)
                if event.verified and self._counts:
                    for device in event.owners[1:]:
                        _seen(states, before, device, at)
        if not self._counts:
            return Projection(states=_uncounted(states))
        return Projection(states=states, edges=combined(edges))

    def filling(self, keys: Collection[str], withdrawn: Withdrawn | None = None) -> Fold:
        """Return the fold of these keys alone, which adds them to states that have the rest."""
        return Fold(
            self._attributes,
            only=keys,
            categories=self._all_categories,
            erasing=self._erasing,
            withdrawn=withdrawn,
        )

    def _denied(self, state: IdentityState, event: Event) -> Collection[Purpose]:
        """Return the purposes into whose attributes an event is not folded."""
        until = self._withdrawn.get(state.identity)
        found = {purpose for purpose, at in until.items() if event.timestamp <= at} if until else ()
        if not self._erasing:
            return found
        return {*found, *(name for name, grant in state.consent.items() if not grant.granted)}

    def merge(self, left: IdentityState, right: IdentityState) -> IdentityState:
        """Return the state of one identity after both; neither argument is changed."""
        computed = dict(left.computed)
        for key, state in right.computed.items():
            kept = computed.get(key)
            if kept is None:
                computed[key] = state
            elif (it := self._by_key.get(key)) is not None:
                computed[key] = it.kind.merge(kept, state, it.computation)
            # Else it is not published now: no event adds to it any more.
        facts = left.facts
        if right.facts:
            facts = dict(facts)
            for name, fact in right.facts.items():
                facts[name] = later(facts[name], fact) if name in facts else fact
        granted, answers = left.consent, left.answers
        if right.consent:
            granted, answers = dict(granted), dict(answers)
            consent.add(granted, right.consent)
            consent.combine(answers, right.answers)
        first, last = left.first_seen, left.last_seen
        if right.events:
            # A state without events is what a backfill adds; it was never seen.
            first = min(first, right.first_seen) if left.events else right.first_seen
            last = max(last, right.last_seen) if left.events else right.last_seen
        return IdentityState(
            identity=left.identity,
            first_seen=first,
            last_seen=last,
            events=left.events + right.events,
            facts=facts,
            computed=computed,
            consent=granted,
            answers=answers,
        )

    def _declare(self, state: IdentityState, event: Event, denied: Collection[Purpose]) -> None:
        traits = event.context.get("traits")
        told = {**traits, **event.traits} if isinstance(traits, dict) else event.traits
        if not told:
            return
        for name, steps in self._declared:
            if denied and self._purposes[name] in denied:
                continue
            value = told.get(name, _ABSENT)
            if value is _ABSENT and len(steps) > 1:
                value = _nested(told, steps)
            _keep(state, name, value, event)

    def _account(
        self,
        states: dict[IdentityKey, IdentityState],
        before: Mapping[IdentityKey, IdentityState],
        own: IdentityState,
        event: Event,
    ) -> None:
        """Keep what a `group` call tells: of the account, or, unverified, of its sender alone."""
        if not self._of_account and not event.account:
            return
        state = own
        if (account := event.account) is not None:
            state = _seen(states, before, account, event.timestamp)
        told = {"id": event.group_id, **event.traits}
        for name, steps in self._of_account:
            value = told.get(".".join(steps), _ABSENT)
            if value is _ABSENT and len(steps) > 1:
                value = _nested(told, steps)
            _keep(state, name, value, event)


def _seen(
    states: dict[IdentityKey, IdentityState],
    before: Mapping[IdentityKey, IdentityState],
    identity: IdentityKey,
    at: Millis,
) -> IdentityState:
    """Count an event for an identity beside the event's own; return its state."""
    state = states.get(identity) or before.get(identity)
    if state is None:
        state = IdentityState(identity=identity, facts={}, computed={}, consent={})
    states[identity] = state
    state.first_seen = min(state.first_seen, at) if state.events else at
    state.last_seen = max(state.last_seen, at) if state.events else at
    state.events += 1
    return state


def later(left: Fact, right: Fact) -> Fact:
    """Return the fact that holds: the later one, then the one with the greater message id."""
    if left.at != right.at:
        return left if left.at > right.at else right
    if left.message_id != right.message_id:
        return left if left.message_id > right.message_id else right
    return max(left, right, key=lambda fact: msgspec.json.encode(fact.value))


def _keep(state: IdentityState, name: str, value: Any, event: Event) -> None:
    """Keep a value as a fact where it is one that may be kept, and the latest."""
    if value is not _ABSENT and _fits(value):
        fact = Fact(value, event.timestamp, event.message_id)
        facts = state.facts
        facts[name] = later(facts[name], fact) if name in facts else fact


def _steps(chosen: Iterable[Definition], *names: str | None) -> tuple[_Step, ...]:
    """Return how to add an event of these names to each definition that it concerns."""
    return tuple(
        (it.key, it.kind.add, it.kind.zero, it.computation)
        for it in chosen
        if not (wanted := events_of(it.kind, it.computation)) or not set(wanted).isdisjoint(names)
    )


def _uncounted(states: Mapping[IdentityKey, IdentityState]) -> dict[IdentityKey, IdentityState]:
    return {
        identity: IdentityState(
            identity=identity,
            facts=state.facts,
            computed=state.computed,
            consent=state.consent,
            answers=state.answers,
        )
        for identity, state in states.items()
        if state.facts or state.computed or state.consent
    }


def _nested(told: Mapping[str, Any], steps: Sequence[str]) -> Any:
    value: Any = told
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return _ABSENT
        value = value[step]
    return value


def _fits(value: Any) -> bool:
    """Tell whether a trait is a value that may be kept: a null, which unsets, fits too."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, int | float):
        return math.isfinite(value) and -(2**53) <= value <= 2**53
    return (
        isinstance(value, list)
        and len(value) <= MOST_TEXTS
        and all(isinstance(text, str) and len(text) <= LONGEST_TEXT for text in value)
    )
