"""Visiting: who a request comes from, and what may be known of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from persx.app.services import Services
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Value
from persx.model.clock import Millis
from persx.model.event import IdentityKey, anonymous_key, user_key
from persx.model.visitor import IdentityState, Profile
from persx.visitors.profile import Assembler

ALL_PURPOSES: Final = frozenset(Purpose)
WITHOUT_MARKETING: Final = ALL_PURPOSES - {Purpose.MARKETING}


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from.

    Attributes:
        trusted: The id was signed by us, or vouched for with the server key: what verified
            edges join may be read. Otherwise only the anonymous id's own facts are.
        declared: Facts that the visitor's own signed cookie carries, with the time it was set.
        new: The id was made for this request; nothing can be known under it.
        granted: Purposes for which facts may be used.
    """

    anonymous_id: str = ""
    user_id: str = ""
    trusted: bool = False
    declared: Mapping[str, Value] = {}
    declared_at: Millis = 0
    new: bool = False
    granted: frozenset[Purpose] = ALL_PURPOSES

    @property
    def identity(self) -> IdentityKey:
        """The identity under which the visitor's state is found."""
        return user_key(self.user_id) if self.user_id else anonymous_key(self.anonymous_id)


def new_id() -> str:
    """Return a new random id: 128 bits, safe in URLs."""
    return secrets.token_hex(16)


async def profile_of(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    now: Millis,
    assembler: Assembler | None = None,
) -> Profile:
    """Return what may be known of the visitor now.

    Args:
        assembler: Evaluates the attributes that are needed; all of the plan's unless given.
    """
    states: Sequence[IdentityState] = ()
    if not visitor.new:
        states = await services.store.states(visitor.identity)
        if not visitor.trusted:
            states = [state for state in states if state.identity == visitor.identity]
    declared = visitor.declared
    if declared:
        declared = {
            name: value
            for name, value in declared.items()
            if not any(
                name in state.facts and state.facts[name].at >= visitor.declared_at
                for state in states
            )
        }
    profile = (assembler or plan.assembler).assemble(
        states,
        now,
        granted=visitor.granted,
        ready=services.publication.ready,
        declared=declared,
    )
    if not profile.bucketing_id:
        profile = msgspec.structs.replace(
            profile, identities=(visitor.identity,), bucketing_id=visitor.identity
        )
    return profile


async def known_of(services: Services, plan: Plan, visitor: Visitor) -> Profile:
    """Return the visitor's whole profile now, the persona that fits best included."""
    now = services.clock()
    profile = await profile_of(services, plan, visitor, now)
    persona = plan.personas.detect(dict(profile.attributes), now)
    profile.attributes["persona"] = persona.name if persona else None
    return profile
