"""Withdrawing: what was kept for a purpose goes once a visitor takes their consent back.

Where nothing may be kept any more, everything goes, as in an erasure; the answer itself is said
again, because without it the visitor's next event would be taken for somebody new who has not
objected. Where another purpose still allows to keep the visitor's events, the facts and computed
attributes of the purpose that was withdrawn go, and no late event or backfill brings them back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from persx.app import audit
from persx.app.collecting import collect
from persx.app.consenting import Answered, consent_event
from persx.app.erasing import ErasureReceipt, erase, noted
from persx.app.services import Services
from persx.app.visiting import Visitor, new_id, states_of
from persx.app.withdrawals import note_withdrawal
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.model.staff import Actor
from persx.model.visitor import Grant
from persx.model.workspace import OnWithdrawal
from persx.visitors.consent import answers_of, storable


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went because consent was withdrawn.

    Attributes:
        purposes: The purposes that are not granted any more.
        attributes: Facts and computed attributes that were removed, where other things stay.
        receipt: Of the erasure, where nothing may be kept any more.
    """

    purposes: tuple[Purpose, ...]
    attributes: int = 0
    receipt: ErasureReceipt | None = None


def erases(plan: Plan) -> bool:
    """Tell whether the workspace has withdrawn purposes erased by itself."""
    return plan.workspace.settings.consent.on_withdrawal is OnWithdrawal.ERASE


async def erase_withdrawn(
    services: Services, plan: Plan, visitor: Visitor, answered: Answered
) -> Withdrawn:
    """Erase what was kept for purposes that a visitor has just withdrawn.

    Raises:
        Conflict: The visitor's identities keep changing. The withdrawal holds; erase again.
        Unavailable: Too many ask at once, or old files are still read. The same.
    """
    purposes = tuple(sorted(answered.lost))
    identities = await services.store.seen_by(visitor.scope).visitor(visitor.identity)
    if visitor.new or not purposes or not identities:
        return Withdrawn(purposes=purposes)
    async with services.slow_reads.turn():
        if not storable(answered.granted):
            receipt = await _erase_all(services, plan, visitor, identities)
            return Withdrawn(purposes=purposes, receipt=receipt)
        removed = await _erase_attributes(services, plan, visitor, identities, purposes)
        return Withdrawn(purposes=purposes, attributes=removed)


async def _erase_all(
    services: Services, plan: Plan, visitor: Visitor, identities: Collection[IdentityKey]
) -> ErasureReceipt:
    answers = answers_of(await states_of(services, visitor))
    receipt = await erase(services, identities)
    await audit.note(services, Actor("visitor"), noted(receipt))
    # A later moment than the erasure's: what is older is turned away.
    at = max(services.clock(), receipt.at + 1)
    denied = {purpose: grant for purpose, grant in answers.items() if not grant.granted}
    await _say(services, identities, denied, at)
    # What was said counts as an event like others, in sessions for example.
    await services.store.forget_attributes(sorted(identities), set(plan.attributes))
    services.forget_profiles()
    return receipt


async def _erase_attributes(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    identities: Collection[IdentityKey],
    purposes: Collection[Purpose],
) -> int:
    names = {each.name for each in plan.attributes.values() if each.purpose in purposes}
    async with services.rewriting:
        states = await states_of(services, visitor)
        # Each identity by itself has to know: its own state decides what is folded into it.
        unaware = [
            state.identity
            for state in states
            if any(
                purpose not in state.consent or state.consent[purpose].granted
                for purpose in purposes
            )
        ]
        answers = answers_of(states)
        denied = {purpose: answers[purpose] for purpose in purposes if purpose in answers}
        now = services.clock()
        if denied:
            at = max(now, *(grant.at for grant in denied.values()))
            await _say(services, unaware, denied, at)
        for identity in sorted(identities):
            await note_withdrawal(services, identity, purposes, now)
        removed = await services.store.forget_attributes(sorted(identities), names)
        services.forget_profiles()
    return removed


async def _say(
    services: Services,
    identities: Collection[IdentityKey],
    answers: Mapping[Purpose, Grant],
    at: Millis,
) -> None:
    """Have each identity know of a denial, in the words in which it was given."""
    if not answers:
        return
    newest = max(answers.values(), key=lambda grant: grant.at)
    said = [
        consent_event(
            Visitor(
                anonymous_id=identity[2:] if identity.startswith("a:") else "",
                user_id=identity[2:] if identity.startswith("u:") else "",
                trusted=True,
            ),
            {purpose: grant.granted for purpose, grant in answers.items()},
            at,
            new_id(),
            newest.source,
            newest.version,
        )
        for identity in sorted(identities)
        if identity.startswith(("a:", "u:"))
    ]
    await collect(services, said)


class Offer(msgspec.Struct, frozen=True):
    """Who may have what was kept of them erased."""

    visitor: Visitor
    answered: Answered
