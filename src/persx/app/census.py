"""The census: for how many visitors each attribute is known, and how many each audience has."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec import structs

from persx.app.backfill import fold_of
from persx.app.deciding import current_plan
from persx.app.population import visitors as visitors_of
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, UseCase
from persx.app.visiting import with_persona
from persx.audience.schema import contextual_attributes
from persx.decide.compilation import compile_snapshot
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Source
from persx.model.errors import Fault
from persx.model.visitor import IdentityState
from persx.model.workspace import Workspace
from persx.storage.scope import System
from persx.visitors.fold import computed_key, fact_key
from persx.visitors.prediction.guessing import with_guesses
from persx.visitors.prediction.traced import PERSONA
from persx.workspace.attribute_uses import (
    CatalogueEntry,
    attribute_catalogue,
    checked_rules,
    reads_with_audiences,
)
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS
from persx.workspace.running import changed_while_running
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

    @property
    def never_filled(self) -> list[str]:
        """The attributes that are known for none of these visitors, where there are any.

        What comes with a request is not kept, and so says nothing.
        """
        return [
            each.name
            for each in self.entries
            if self.visitors and each.source is not Source.CONTEXTUAL and not self.known[each.name]
        ]


async def census(services: Services, request: CensusRequest) -> CensusResult:
    """Count what is known of visitors, in one pass over their states.

    Raises:
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    return await _counted(services, request, current_plan(services))


async def _counted(services: Services, request: CensusRequest, plan: Plan) -> CensusResult:
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

    Among them is what publishing would refuse, or do, under what runs and is measured.

    An audience is counted by its draft's rule, before it is published, where all that the rule
    reads is kept already. While there are fewer visitors than the smallest audience should have,
    that alone is told.
    """
    files = {path: draft.text for path, draft in (await services.store.drafts()).items()}
    workspace, faults = await asyncio.to_thread(check, files)
    if workspace is not None and await services.store.active_number():
        await services.refresh()
        served = current_plan(services)
        running = await asyncio.to_thread(
            changed_while_running, served.snapshot.workspace, workspace
        )
        drafted = structs.replace(served.snapshot, workspace=workspace)
        plan = await asyncio.to_thread(compile_snapshot, drafted)
        found = await _counted(services, CensusRequest(), plan)
        unkept = _unkept(served, plan, services.publication.ready)
        faults = [*faults, *running, *_too_small(workspace, found, unkept)]
    return CheckedDrafts(faults=tuple(faults))


def _unkept(served: Plan, plan: Plan, ready: frozenset[str] | None) -> set[str]:
    """Return the audiences that read what is not kept yet, themselves or through others."""
    ready = fold_of(served).keys if ready is None else ready
    missing = set()
    for name, attribute in plan.attributes.items():
        if attribute.compute is not None:
            kept = computed_key(attribute) in ready
        elif attribute.source is Source.DECLARED:
            kept = fact_key(attribute) in ready
        else:
            kept = attribute.predict is None or name in served.attributes
        if not kept:
            missing.add(name)
    rules = list(checked_rules(plan.workspace))
    audiences = {site.name: rule for site, rule in rules if site.kind == "audiences"}
    for _ in rules if missing else ():
        before = len(missing)
        missing |= {
            PERSONA if site.kind == "personas" else site.name
            for site, rule in rules
            if (site.kind == "personas" or site.path.startswith("cases."))
            and reads_with_audiences(rule, audiences) & missing
        }
        if len(missing) == before:
            break
    return {
        name for name, rule in audiences.items() if reads_with_audiences(rule, audiences) & missing
    }


def _too_small(workspace: Workspace, found: CensusResult, unkept: Collection[str]) -> list[Fault]:
    least = workspace.settings.smallest_audience
    subject = Subject(workspace)
    counted = {name: count for name, count in found.audiences.items() if name not in unkept}
    if found.visitors < least:
        some = {name: count for name, count in counted.items() if count}
        if not some:
            return []
        return [
            subject.fault(
                SETTINGS,
                "",
                "smallest_audience",
                f"There are {found.visitors:,} visitors, so that no audience has {least:,}: "
                "content for so few may tell who they are.",
                value=", ".join(f"{name}: {count}" for name, count in sorted(some.items())[:5]),
                hint="Wait for more visitors, or write a lower smallest_audience.",
                severity="warning",
            )
        ]
    return [
        subject.fault(
            "audiences",
            name,
            "when",
            f"The audience has {counted[name]:,} of {found.visitors:,} visitors: content "
            "for so few may tell who they are.",
            value=audience.when,
            hint=f"Widen the rule; settings.smallest_audience asks for {least}.",
            severity="warning",
        )
        for name, audience in workspace.audiences.items()
        if name in counted and counted[name] < least
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
