"""Visiting: who a request comes from, and what may be known of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Final

import msgspec

from persx.app.hints import with_hints
from persx.app.services import KEPT_PROFILES, KeptProfile, Services
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Value
from persx.model.clock import SECOND, Millis
from persx.model.event import IdentityKey, anonymous_key, user_key
from persx.model.visitor import Grant, IdentityState, Profile
from persx.storage.scope import Bearer
from persx.visitors.consent import add, answers_of, granted
from persx.visitors.prediction.guessing import with_guesses
from persx.visitors.profile import Assembler

_NO_ANSWERS: Final[Mapping[Purpose, Grant]] = {}


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from.

    Attributes:
        trusted: The id was signed by us, or vouched for with the server key: what verified
            edges join may be read. Otherwise only the anonymous id's own facts are.
        declared: Facts that the visitor's own signed cookie carries, with the time it was set.
        new: The id was made for this request; nothing can be known under it.
        answers: What the visitor's own signed cookie says of their consent; newer answers that
            are kept for them, from another device perhaps, win over it.
        gpc: Their browser asks not to have their data sold or shared (``Sec-GPC: 1``).
        link: The industry that the link they followed names; it holds where none is known.
        address: Where their request comes from, to be looked up where they allow it, never kept.
    """

    anonymous_id: str = ""
    user_id: str = ""
    trusted: bool = False
    declared: Mapping[str, Value] = {}
    declared_at: Millis = 0
    new: bool = False
    answers: Mapping[Purpose, Grant] = _NO_ANSWERS
    gpc: bool = False
    link: str = ""
    address: str = ""

    @property
    def identity(self) -> IdentityKey:
        """The identity under which the visitor's state is found."""
        return user_key(self.user_id) if self.user_id else anonymous_key(self.anonymous_id)

    @property
    def scope(self) -> Bearer:
        """What may be read of them: all that storage joins to a proven id, else the id's own."""
        return Bearer(self.identity, self.trusted)


def new_id() -> str:
    """Return a new random id: 128 bits, safe in URLs."""
    return secrets.token_hex(16)


async def profile_of(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    now: Millis,
    assembler: Assembler | None = None,
    kept: dict[tuple[str, bool], KeptProfile] | None = None,
) -> Profile:
    """Return what may be known of the visitor now, hints of their request included.

    Args:
        assembler: Evaluates the attributes that are needed; all of the plan's unless given.
        kept: Where profiles of this kind are kept between requests; with all others unless given.
    """
    kept = services.profiles if kept is None else kept
    profile = await _profile_of(services, plan, visitor, now, assembler, kept)
    if visitor.link or visitor.address:
        return with_hints(services, plan, profile, now, link=visitor.link, address=visitor.address)
    return profile


async def _profile_of(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    now: Millis,
    assembler: Assembler | None,
    profiles: dict[tuple[str, bool], KeptProfile],
) -> Profile:
    scope = visitor.scope
    reader = services.store.seen_by(scope)
    states = () if visitor.new else await reader.states(scope.identity)
    assembler = assembler or plan.assembler
    purposes = granted(
        answers_for(visitor, states), plan.workspace.settings.consent.mode, gpc=visitor.gpc
    )
    account = None
    if assembler.reads_account and not visitor.new:
        account = await reader.account(scope.identity)
    ready = services.publication.ready
    if visitor.declared:
        newer = _newer(visitor, states)
        return _assembled(visitor, states, assembler, now, purposes, ready, newer, account)
    # What depends on time is evaluated for whole seconds: several requests for one page are
    # answered from one evaluation.
    same = (now // SECOND, states, assembler, purposes, ready, account)
    key = (visitor.identity, visitor.trusted)
    kept = profiles.get(key)
    if kept is not None and all(map(is_, kept.same[1:], same[1:])) and kept.same[0] == same[0]:
        return kept.profile
    profile = _assembled(visitor, states, assembler, now, purposes, ready, {}, account)
    if len(profiles) >= KEPT_PROFILES:
        profiles.clear()
    profiles[key] = KeptProfile(same, profile)
    return profile


def answers_for(visitor: Visitor, states: Sequence[IdentityState]) -> Mapping[Purpose, Grant]:
    """Return the newest answer by purpose, of the visitor's cookie and of what is kept."""
    kept = answers_of(states)
    if visitor.answers:
        add(kept, visitor.answers)
    return kept


async def states_of(services: Services, visitor: Visitor) -> Sequence[IdentityState]:
    """Return what is kept of a visitor's identities, as far as they may read it."""
    if visitor.new:
        return ()
    return await services.store.seen_by(visitor.scope).states(visitor.identity)


async def granted_to(services: Services, plan: Plan, visitor: Visitor) -> frozenset[Purpose]:
    """Return the purposes for which the visitor's facts may be used now."""
    states = await states_of(services, visitor)
    mode = plan.workspace.settings.consent.mode
    return granted(answers_for(visitor, states), mode, gpc=visitor.gpc)


def _newer(visitor: Visitor, states: Sequence[IdentityState]) -> Mapping[str, Value]:
    """Return what the visitor's cookie declares that the store does not know better."""
    return {
        name: value
        for name, value in visitor.declared.items()
        if not any(
            name in state.facts and state.facts[name].at >= visitor.declared_at for state in states
        )
    }


def _assembled(
    visitor: Visitor,
    states: Sequence[IdentityState],
    assembler: Assembler,
    now: Millis,
    purposes: frozenset[Purpose],
    ready: frozenset[str] | None,
    declared: Mapping[str, Value],
    account: IdentityState | None,
) -> Profile:
    profile = assembler.assemble(
        states, now, granted=purposes, ready=ready, declared=declared, account=account
    )
    if states:
        # A shared device comes first whatever its age: who signs in on it next changes no arm.
        first = states[0].identity
        if profile.bucketing_id == first:
            return profile
        return msgspec.structs.replace(profile, bucketing_id=first)
    return msgspec.structs.replace(
        profile, identities=(visitor.identity,), bucketing_id=visitor.identity
    )


async def known_of(services: Services, plan: Plan, visitor: Visitor) -> Profile:
    """Return the visitor's whole profile now, the best fitting persona and guesses included."""
    now = services.clock()
    profile = with_persona(plan, await profile_of(services, plan, visitor, now), {}, now)
    return with_guesses(profile, plan.guesses, services.models.active)


def with_persona(
    plan: Plan, profile: Profile, context: Mapping[str, Value], now: Millis
) -> Profile:
    """Return the profile with the persona that fits best; None where none does."""
    attributes = profile.attributes
    if "persona" in attributes:
        return profile
    if plan.personas_read_context:
        found = plan.personas.detect({**attributes, **context}, now)
        name = found.name if found else None
        return msgspec.structs.replace(profile, attributes={**attributes, "persona": name})
    # It follows from the profile alone, so it is kept with it.
    found = plan.personas.detect(attributes, now)
    attributes["persona"] = found.name if found else None
    return profile
