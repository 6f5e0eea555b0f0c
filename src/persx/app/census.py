"""The census: for how many visitors each attribute is known, and how many each audience has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from persx.app.deciding import current_plan
from persx.app.population import visitors as visitors_of
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, UseCase
from persx.app.visiting import with_persona
from persx.audience.schema import contextual_attributes
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.errors import Fault
from persx.model.visitor import IdentityState
from persx.model.workspace import Workspace
from persx.storage.scope import System
from persx.visitors.fold import computed_key
from persx.visitors.prediction.guessing import with_guesses
from persx.workspace.attribute_uses import (
    CatalogueEntry,
    attribute_catalogue,
    checked_rules,
    reads_with_audiences,
)
from persx.workspace.checks.subject import Subject
from persx.workspace.validation import check

_SCOPE: Final = System("the census")

_FROM_PROFILE: Final = frozenset({"persona", "identified"})
"""Contextual attributes that follow from what is kept of a visitor."""


class CensusRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How many visitors to look at, in the order of their keys, which is random; 0 means all."""

    most: int = 0


class CensusResult(msgspec.Struct, frozen=True, kw_only=True):
    """The attribute catalogue of what is served, with what is true of the visitors that are kept.

    Attributes:
        visitors: How many were looked at.
        whole: These are all.
        known: Attribute → visitors for whom it is known now, a computed one from some event.
        audiences: Audience → visitors in it; without those that depend on the request, such as
            on the hour or the device.
    """

    name: str
    snapshot: int
    entries: tuple[CatalogueEntry, ...]
    visitors: int
    whole: bool
    known: dict[str, int]
    audiences: dict[str, int]


async def census(services: Services, request: CensusRequest) -> CensusResult:
    """Count what is known of visitors, in one pass over their states.

    Raises:
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    known = dict.fromkeys(plan.workspace.attributes, 0)
    audiences = dict.fromkeys(_countable(plan.workspace), 0)
    visitors = 0
    whole = True
    async for states in visitors_of(services, _SCOPE):
        if request.most and visitors >= request.most:
            whole = False
            break
        visitors += 1
        account = None
        if plan.assembler.reads_account:
            account = await services.store.seen_by(_SCOPE).account(states[0].identity)
        _count(plan, services, states, account, known, audiences)
    return CensusResult(
        name=plan.workspace.settings.name,
        snapshot=plan.snapshot.number,
        entries=attribute_catalogue(plan.workspace),
        visitors=visitors,
        whole=whole,
        known=known,
        audiences=audiences,
    )


class CheckedDrafts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything wrong in the drafts, and audiences that are too small in truth."""

    faults: tuple[Fault, ...]


async def checked_drafts(services: Services, _request: CensusRequest) -> CheckedDrafts:
    """Return the faults of the drafts, with warnings for audiences that are too small in truth.

    An audience is counted where it is served with the rule that its draft has. Nothing is said
    of sizes while there are fewer visitors than the smallest audience should have.
    """
    files = {path: draft.text for path, draft in (await services.store.drafts()).items()}
    workspace, faults = await asyncio.to_thread(check, files)
    if workspace is not None and await services.store.active_number():
        found = await census(services, CensusRequest())
        faults = [*faults, *_too_small(current_plan(services).workspace, workspace, found)]
    return CheckedDrafts(faults=tuple(faults))


def _too_small(served: Workspace, workspace: Workspace, found: CensusResult) -> list[Fault]:
    least = workspace.settings.smallest_audience
    if found.visitors < least:
        return []
    subject = Subject(workspace)
    return [
        subject.fault(
            "audiences",
            name,
            "when",
            f"The audience has {found.audiences[name]:,} of {found.visitors:,} visitors: content "
            "for so few may tell who they are.",
            value=audience.when,
            hint=f"Widen the rule; settings.smallest_audience asks for {least}.",
            severity="warning",
        )
        for name, audience in workspace.audiences.items()
        if name in found.audiences
        and found.audiences[name] < least
        and served.audiences[name].when == audience.when
    ]


def _countable(workspace: Workspace) -> list[str]:
    """Return the audiences that do not depend on the request, themselves or through others."""
    rules = {site.name: rule for site, rule in checked_rules(workspace) if site.kind == "audiences"}
    of_request = contextual_attributes().keys() - _FROM_PROFILE
    of_request |= {
        name for name, each in workspace.attributes.items() if each.source.value == "contextual"
    }
    return [
        name for name, rule in rules.items() if not reads_with_audiences(rule, rules) & of_request
    ]


def _count(
    plan: Plan,
    services: Services,
    states: Sequence[IdentityState],
    account: IdentityState | None,
    known: dict[str, int],
    audiences: dict[str, int],
) -> None:
    now = services.clock()
    profile = plan.assembler.assemble(
        states,
        now,
        granted=frozenset(Purpose),
        ready=services.publication.ready,
        account=account,
    )
    profile = with_persona(plan, profile, {}, now)
    profile = with_guesses(profile, plan.guesses, services.models.active)
    for name, value in profile.attributes.items():
        if value is not None and name in known and _filled(plan, name, states):
            known[name] += 1
    identified = any(each.startswith("u:") for each in profile.identities)
    facts = {**profile.attributes, "identified": identified}
    memo: dict[str, bool] = {}
    for name in audiences:
        if plan.program.predicate(f'in_audience("{name}")')(facts, now, memo):
            audiences[name] += 1


def _filled(plan: Plan, name: str, states: Sequence[IdentityState]) -> bool:
    """Tell whether an event has filled an attribute: a count of nothing is known, and empty."""
    attribute = plan.attributes[name]
    if attribute.compute is None:
        return True
    key = computed_key(attribute)
    return any(key in state.computed for state in states)


CENSUS: Final = UseCase("census", CensusRequest, CensusResult, census, writes=False)
CHECK_DRAFTS: Final = UseCase(
    "check-drafts", CensusRequest, CheckedDrafts, checked_drafts, writes=False
)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (CENSUS, CHECK_DRAFTS)
"""What can be asked about everything that is kept."""
