"""Known then: what was known of visitors at moments of the past, from their events before them.

The log has what attributes are folded from, with its times. So what a visitor had declared and
done by a moment can be folded again, by the same fold and the same rules that serve. What follows
from the request alone, from a model or from an account is not in it: that stays unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from persx.app.interactions_of_log import bucketing
from persx.app.services import Services
from persx.app.visiting import with_persona
from persx.app.withdrawals import KIND, withheld_until
from persx.audience.schema import contextual_attributes
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Source
from persx.model.event import Event, EventType, IdentityKey
from persx.model.pipeline import Pipeline
from persx.model.visitor import IdentityState, Profile
from persx.model.workspace import OnWithdrawal
from persx.recommend.evaluation.moments import Moment
from persx.recommend.interactions import Interactions
from persx.recommend.ranking.plan import PipelinePlan, RulePlan
from persx.recommend.sql import query
from persx.storage.ports import Rows
from persx.storage.scope import System
from persx.visitors.consent import answers_of, granted
from persx.visitors.fold import ACCOUNT, Fold

_SCOPE: Final = System("judging by what was known at a time")

_OF_THE_REQUEST: Final = frozenset({"hour", "weekday", "device", "identified"})
"""What is known of a request of the past, of all that follows from requests."""

_CONTEXTUAL: Final = contextual_attributes()

_FOLDED: Final = frozenset({Source.DECLARED, Source.COMPUTED, Source.DERIVED})

_ALLOWED: Final = frozenset({Purpose.ANALYTICS, Purpose.PERSONALIZATION})
"""Who is asked about allows both, as they say now."""

_PERSONA: Final = "persona"

_NAMES: Final = (
    "type", "message_id", "anonymous_id", "user_id", "name", "group_id", "previous_id",
    "timestamp", "received", "sequence", "verified", "properties", "traits", "context",
)  # fmt: skip
_DOCUMENTS: Final = ("properties", "traits", "context")
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class RuleLeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A ranking rule that was not applied, because what it reads was not known then.

    Attributes:
        rule: Its place in the pipeline's rules, from 0.
        do: What it does.
        when: When it would.
        unknown: The attributes that nobody knows of the past.
    """

    rule: int
    do: str
    when: str
    unknown: tuple[str, ...]


class Past(NamedTuple):
    """What of a workspace can be known of the past.

    Attributes:
        plan: A pipeline, without the rules that cannot.
        left_out: Those rules.
        audiences: Names of audiences that a visitor can be told to have been in.
        unknown_audiences: Those of which that cannot be told.
        persona: Whether the persona of then can be told.
    """

    plan: PipelinePlan
    left_out: tuple[RuleLeftOut, ...]
    audiences: tuple[str, ...]
    unknown_audiences: tuple[str, ...]
    persona: bool


def past_of(plan: Plan, pipeline: PipelinePlan) -> Past:
    """Tell what of a pipeline and its workspace can be known of the past."""
    kept: list[RulePlan] = []
    left_out: list[RuleLeftOut] = []
    for place, rule in enumerate(pipeline.rules):
        of_items = {reading.name for reading in rule.anchor}
        unknown = _unknown(plan, [name for name in rule.others if name not in of_items])
        if unknown:
            told = RuleLeftOut(
                rule=place, do=rule.rule.do, when=rule.rule.when, unknown=tuple(unknown)
            )
            left_out.append(told)
        else:
            kept.append(rule)
    audiences: list[str] = []
    unknown_audiences: list[str] = []
    for name, audience in plan.workspace.audiences.items():
        known = not _unknown(plan, plan.program.reads(audience.when))
        (audiences if known else unknown_audiences).append(name)
    document: Pipeline = msgspec.structs.replace(
        pipeline.pipeline, rules=tuple(rule.rule for rule in kept)
    )
    reads = frozenset[str]().union(*(rule.others for rule in kept))
    return Past(
        plan=PipelinePlan(
            pipeline=document,
            rules=tuple(kept),
            reads=reads & pipeline.reads,
            personal=reads & pipeline.personal,
            bought_within=pipeline.bought_within,
            viewed_within=pipeline.viewed_within,
        ),
        left_out=tuple(left_out),
        audiences=tuple(audiences),
        unknown_audiences=tuple(unknown_audiences),
        persona=bool(plan.workspace.personas) and not _unknown(plan, [_PERSONA]),
    )


def _unknown(plan: Plan, names: Collection[str]) -> list[str]:
    """Return which of these attributes nobody knows of the past."""
    read = set(plan.program.sources_of(names))
    if _PERSONA in read:
        read.remove(_PERSONA)
        read |= plan.program.sources_of(plan.personas.reads)
    return sorted(name for name in read if not _is_known(plan, name))


def _is_known(plan: Plan, name: str) -> bool:
    if name in _OF_THE_REQUEST or name == _PERSONA:
        return True
    attribute = plan.attributes.get(name)
    if attribute is None:
        # What nobody has declared is unknown now, too.
        return name not in _CONTEXTUAL
    return attribute.source in _FOLDED and not name.startswith(ACCOUNT) and not attribute.predict


async def known_then(
    services: Services,
    plan: Plan,
    past: Past,
    data: Interactions,
    cases: Sequence[Moment],
    as_of: int,
) -> list[Moment]:
    """Return cases with what was known of each visitor at their moment.

    Identities that belong together now are one visitor. Consent for personalization and analytics
    holds as it does for what is learned from: as the visitor says now; for all else as they had
    said by then. Attributes of a purpose that was withdrawn stay as unknown as they are.

    Args:
        data: What the cases are of, of each visitor one.
        as_of: Events up to this sequence.
    """
    if not cases or not (past.plan.reads or past.audiences or past.persona):
        return list(cases)
    reader = services.store.seen_by(_SCOPE)
    withdrawn = await withheld_until(services, (await reader.values_of(KIND)).keys())
    consent = plan.workspace.settings.consent
    folding = _Folding(
        Fold(
            plan.attributes,
            categories=consent.categories,
            erasing=consent.on_withdrawal is OnWithdrawal.ERASE,
            withdrawn=withdrawn,
        )
    )
    asked = [(str(data.units[case.user]), case.at) for case in cases]
    tables = {
        "bucketing": await bucketing(reader),
        "asked": Rows(columns=("unit", "before"), rows=asked),
    }
    await services.warehouse.seen_by(_SCOPE).hand_rows(
        folding.take, query("events_before"), tables=tables, as_of=as_of
    )
    return await asyncio.to_thread(
        lambda: [_then(plan, past, case, folding.of(int(data.units[case.user]))) for case in cases]
    )


class _Folding:
    """Folds events portion by portion, and knows whose states came of them."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._states: dict[IdentityKey, IdentityState] = {}
        self._identities: dict[int, set[IdentityKey]] = {}

    def take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Fold a portion."""
        events = []
        for unit, *fields in rows:
            event = _event(dict(zip(_NAMES, fields, strict=True)))
            self._identities.setdefault(int(unit), set()).update(event.owners)
            events.append(event)
        self._states |= self._fold.fold(events, self._states).states

    def of(self, unit: int) -> list[IdentityState]:
        """Return the states of a visitor."""
        identities = self._identities.get(unit, set())
        return [self._states[each] for each in sorted(identities) if each in self._states]


def _event(fields: dict[str, Any]) -> Event:
    documents = {name: _decode(fields[name]) for name in _DOCUMENTS}
    return Event(**{**fields, **documents, "type": EventType(fields["type"])})


def _then(plan: Plan, past: Past, case: Moment, states: Sequence[IdentityState]) -> Moment:
    mode = plan.workspace.settings.consent.mode
    profile = plan.assembler.assemble(
        states, case.at, granted=granted(answers_of(states), mode) | _ALLOWED
    )
    local = datetime.fromtimestamp(case.at / 1_000, plan.zone)
    request: dict[str, Any] = {"weekday": local.isoweekday(), **case.context}
    if past.persona:
        profile = with_persona(plan, profile, request, case.at)
    attributes: dict[str, Any] = {
        **profile.attributes,
        **request,
        "identified": any(each.startswith("u:") for each in profile.identities),
    }
    memo: dict[Any, Any] = {}
    return case._replace(
        attributes=attributes,
        audiences=tuple(
            name
            for name in past.audiences
            if plan.program.in_audience(name, attributes, case.at, memo)
        ),
        persona=_persona(profile),
    )


def _persona(profile: Profile) -> str:
    found = profile.attributes.get(_PERSONA)
    return found if isinstance(found, str) else ""
