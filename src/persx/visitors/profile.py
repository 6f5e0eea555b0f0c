"""The profile: what is known of a visitor now, merged from the states of linked identities."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from typing import NamedTuple

from persx.model.attribute import Attribute, Purpose, Source, State, Value
from persx.model.clock import Millis, parse_duration
from persx.model.item import Touch
from persx.model.visitor import Fact, IdentityState, Profile
from persx.visitors.computed.touches import Touches, touches_of
from persx.visitors.consent import answers_of, storable
from persx.visitors.derivation import Derivation, Derived
from persx.visitors.fold import ACCOUNT, Definition, definitions, later
from persx.visitors.values import conform


class _Known(NamedTuple):
    """An attribute ready to be evaluated."""

    name: str
    attribute: Attribute
    expires: Millis | None
    definition: Definition | None
    touches: bool = False


class Assembler:
    """Makes profiles for one set of attributes; what depends on those alone is done once.

    Args:
        derivations: Of those derived attributes that shall be evaluated; what they are made from
            has to be among the attributes.
    """

    def __init__(
        self, attributes: Mapping[str, Attribute], derivations: Sequence[Derivation] = ()
    ) -> None:
        computed = {attribute.name: it for attribute, it in definitions(attributes)}
        self._known = tuple(
            _Known(
                name,
                attribute,
                parse_duration(attribute.expires) if attribute.expires else None,
                it := computed.get(attribute.name),
                it is not None and isinstance(it.kind, Touches),
            )
            for name, attribute in attributes.items()
            if attribute.source in (Source.DECLARED, Source.COMPUTED)
        )
        keys = {name: definition.key for name, definition in computed.items()}
        self._derived = Derived(derivations, keys) if derivations else None
        self.reads_account = any(
            each.definition is None and each.name.startswith(ACCOUNT) for each in self._known
        )
        """Whether facts of the visitor's account are among the attributes."""

    def assemble(
        self,
        states: Collection[IdentityState],
        now: Millis,
        *,
        granted: frozenset[Purpose],
        ready: Container[str] | None = None,
        declared: Mapping[str, Value] | None = None,
        account: IdentityState | None = None,
    ) -> Profile:
        """Return the profile; see `assemble`."""
        ordered = sorted(states, key=lambda state: (state.first_seen, state.identity))
        attributes: dict[str, Value] = {}
        sources: dict[str, Source] = {}
        withheld: dict[str, Purpose] = {}
        declared = declared or {}
        touches: tuple[Touch, ...] = ()
        for name, attribute, expires, definition, touching in self._known:
            state: State = None
            if definition is None:
                value = conform(declared.get(name), attribute)
                if value is None and account is not None and name.startswith(ACCOUNT):
                    value = _fact((account,), name, attribute, now, expires)
                if value is None:
                    value = _fact(ordered, name, attribute, now, expires)
            elif ready is None or definition.key in ready:
                value, state = _computed(ordered, definition, now, expires)
                value = conform(value, attribute)
            else:
                continue
            if value is None:
                continue
            purpose = attribute.purpose
            if purpose is Purpose.NECESSARY or purpose in granted:
                attributes[name] = value
                sources[name] = attribute.source
                if touching:
                    touches = touches_of(state)
            else:
                withheld[name] = purpose
        if self._derived is not None:
            self._derived.add(attributes, sources, withheld, now, granted=granted, ready=ready)
        return Profile(
            identities=tuple(state.identity for state in ordered),
            bucketing_id=ordered[0].identity if ordered else "",
            attributes=attributes,
            sources=sources,
            withheld=withheld,
            storable=storable(granted),
            measurable=Purpose.ANALYTICS in granted,
            granted=granted,
            consent=answers_of(ordered),
            first_seen=ordered[0].first_seen if ordered else 0,
            touches=touches,
        )


def assemble(
    states: Collection[IdentityState],
    attributes: Mapping[str, Attribute],
    now: Millis,
    *,
    granted: frozenset[Purpose],
    ready: Container[str] | None = None,
    declared: Mapping[str, Value] | None = None,
    account: IdentityState | None = None,
) -> Profile:
    """Merge the states of one visitor's identities into what is known of them at `now`.

    Args:
        states: The states of all identities joined by verified edges, in any order.
        attributes: The declared attributes, closed sets resolved. Names like
            ``count("Order Completed", "30d")`` are attributes too.
        granted: The purposes that the visitor has granted; `necessary` needs no grant.
        ready: The `computed_key`s that are folded from all retained events; other computed
            attributes are unknown. None means all are ready.
        declared: Facts of the session cookie that lie over those kept, by attribute.
        account: The state of the visitor's account, for attributes named ``account.…``.

    Returns:
        The profile. A value that does not fit its attribute's type or closed set is not known.
        A fact expires `expires` after it was said, a computed value after its newest event.
        Known values without a grant are not in it, their names are in `withheld`. Where neither
        personalization nor analytics is granted, it is not `storable`.
    """
    return Assembler(attributes).assemble(
        states, now, granted=granted, ready=ready, declared=declared, account=account
    )


def _fact(
    states: Sequence[IdentityState],
    name: str,
    attribute: Attribute,
    now: Millis,
    expires: Millis | None,
) -> Value:
    found: Fact | None = None
    for state in states:
        fact = state.facts.get(name)
        if fact is not None:
            found = fact if found is None else later(found, fact)
    if found is None or (expires is not None and found.at + expires <= now):
        return None
    return conform(found.value, attribute)


def _computed(
    states: Sequence[IdentityState], definition: Definition, now: Millis, expires: Millis | None
) -> tuple[Value, State]:
    """Return a computed value, and the state that it follows from."""
    key, kind, computation = definition.key, definition.kind, definition.computation
    merged: State = None
    for state in states:
        kept = state.computed.get(key)
        if kept is not None:
            merged = kept if merged is None else kind.merge(merged, kept, computation)
    if merged is None:
        merged = kind.zero()
    if expires is not None:
        changed = kind.changed(merged, computation)
        if changed is None:
            changed = max((state.last_seen for state in states), default=now)
        if changed + expires <= now:
            return None, None
    return kind.value(merged, now, computation), merged
