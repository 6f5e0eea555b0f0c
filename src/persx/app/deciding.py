"""Deciding for a visitor: profile and context gathered, decisions made, logged and counted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Final

import msgspec

from persx.app.carried import carry
from persx.app.plans import current_plan as current_plan
from persx.app.recommended import Listed, logged_list, with_recommendations
from persx.app.services import Services
from persx.app.visiting import Visitor, profile_of, with_persona
from persx.audience.schema import contextual_attributes
from persx.decide.engine import decide, missing
from persx.decide.plan import PagePlan, Plan
from persx.model.attribute import Source, Value, ValueType
from persx.model.clock import Millis
from persx.model.decision import Decision, DecisionRecord, PageDecision
from persx.model.errors import BadInput, NotFound, did_you_mean
from persx.model.network import NETWORK_INDUSTRY
from persx.model.question import INDUSTRY
from persx.model.visitor import Guess, Profile
from persx.visitors.prediction.guessing import with_guesses

_log = logging.getLogger("persx")

MAX_BLOCKS: Final = 100

NO_GUESSES: Final[Mapping[str, Guess]] = {}

_DERIVED: Final = frozenset({"persona", "identified", "hour", "weekday", NETWORK_INDUSTRY})
"""Contextual attributes that no request may set: they follow from profile, clock and network."""

_SENDABLE: Final = {
    name: each for name, each in contextual_attributes().items() if name not in _DERIVED
}

_PYTHON_TYPES: Final[Mapping[ValueType, type | tuple[type, ...]]] = {
    ValueType.STRING: str,
    ValueType.NUMBER: (int, float),
    ValueType.BOOLEAN: bool,
    ValueType.TIME: (int, float),
    ValueType.STRINGS: list,
}


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of the team looks at: attributes laid over the profile, variants forced."""

    attributes: dict[str, Value] = {}
    variants: dict[str, str] = {}


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A page's decisions, with the profile they were made for and the plan they came from.

    Attributes:
        page: What was decided.
        at: When.
        lists: What its blocks recommended.
    """

    decision: PageDecision
    profile: Profile
    plan: Plan
    page: PagePlan
    at: Millis
    lists: tuple[Listed, ...] = ()


def page_plan(plan: Plan, page: str, blocks: Sequence[str]) -> PagePlan:
    """Return what to decide: a page by name or path, or a set of blocks.

    Raises:
        NotFound: There is no such page.
        BadInput: Neither is named, or far too many blocks.
    """
    if page:
        found = plan.pages.get(page)
        if found is None and page in plan.paths:
            found = plan.pages[plan.paths[page].name]
        if found is None:
            raise NotFound(f"Unknown page '{page}'.", hint=did_you_mean(page, plan.pages))
        return found
    if not blocks:
        raise BadInput("Neither a page nor blocks are named.", hint="Send 'page' or 'blocks'.")
    if len(blocks) > MAX_BLOCKS:
        raise BadInput(f"{len(blocks)} blocks are too many at once; {MAX_BLOCKS} are allowed.")
    return plan.page_of(tuple(dict.fromkeys(name for name in blocks if name in plan.blocks)))


def contextual(plan: Plan, given: Mapping[str, object]) -> dict[str, Value]:
    """Return those of a request's values that are contextual attributes of the right type."""
    context: dict[str, Value] = {}
    for name, value in given.items():
        attribute = plan.attributes.get(name) or _SENDABLE.get(name)
        if attribute is None or attribute.source is not Source.CONTEXTUAL or name in _DERIVED:
            continue
        wanted = _PYTHON_TYPES[attribute.type]
        fits = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
        if fits and (wanted is not list or all(isinstance(item, str) for item in value)):  # type: ignore[attr-defined]
            context[name] = value  # type: ignore[assignment]
    return context


async def decide_for(
    services: Services,
    visitor: Visitor,
    *,
    plan: Plan,
    page: PagePlan,
    context: Mapping[str, Value],
    preview: Preview | None = None,
    log: bool = True,
    whole: bool = True,
    settled: bool = True,
) -> Decided:
    """Decide a page for a visitor; count it, and write it to the decision log behind.

    Args:
        log: Keep a line for replay.
        whole: Evaluate all that is known, the persona too; else what the decisions need.
        settled: Neither is done yet: whoever shows the page calls `settle` with what was shown.
    """
    now, recommending = services.clock(), page.recommends
    # Ranking rules may read whatever is known.
    whole = whole or recommending
    profile = await profile_of(services, plan, visitor, now, None if whole else page.assembler)
    identified = any(each.startswith("u:") for each in profile.identities)
    if preview is not None:
        shown = {**profile.attributes, **preview.attributes}
        profile = msgspec.structs.replace(profile, attributes=shown)
    if whole or page.persona:
        # Found once, for the rules and for whoever is told of the visitor.
        profile = with_persona(plan, profile, context, now)
    if page.guesses or (whole and plan.guesses):
        profile = with_guesses(profile, plan.guesses, services.models.active)
    decision = decide(
        plan,
        page,
        profile,
        {**context, "identified": identified},
        now,
        id=services.decision_log.new_id(now),
        forced=preview.variants if preview is not None else None,
        learned=services.models.learned(plan),
    )
    lists: tuple[Listed, ...] = ()
    if recommending:
        decision, lists = await with_recommendations(
            services, visitor, plan, page, profile, decision
        )
    for block, error in decision.errors.items():
        _log.error("Block '%s' of snapshot %d failed: %s", block, decision.snapshot, error)
    decided = Decided(decision=decision, profile=profile, plan=plan, page=page, at=now, lists=lists)
    if settled:
        settle(services, decided, log=log)
    return decided


def settle(services: Services, decided: Decided, *, log: bool = True) -> None:
    """Count a page's decisions, and write them to the decision log behind.

    Without consent to storage they are counted, and nothing else is kept. Previews are neither
    logged nor counted.

    Args:
        decided: With the decisions that are shown after all.
        log: Keep a line for replay.
    """
    decision, storable = decided.decision, decided.profile.storable
    if decision.forced:
        return
    services.metrics.decided(decision.decisions, storable, person=log)
    for each in decided.lists:
        services.metrics.recommendations.add(each.pipeline, each.outcome, each.origins)
    if log:
        industry = decision.attributes.get(INDUSTRY)
        known = isinstance(industry, str) and industry in decided.plan.workspace.industries
        services.health.tally.decided(
            decision.decisions, str(industry) if known else "", storable=storable
        )
    if log and storable:
        services.decision_log.add(
            record(decision, decided.page, decided.at, decided.profile.guesses, decided.lists)
        )


def as_shown(decided: Decided, decisions: Sequence[Decision]) -> Decided:
    """Return what was decided with the decisions as they were shown: some may have failed."""
    if all(map(is_, decisions, decided.decision.decisions)):
        return decided
    decision = msgspec.structs.replace(decided.decision, decisions=tuple(decisions))
    return msgspec.structs.replace(decided, decision=decision)


def receipt_of(services: Services, decided: Decided, page: PagePlan) -> str:
    """Return what explains a page later: its id in the log, or a token where it is in none."""
    if decided.profile.storable:
        return decided.decision.id
    lists = {each.block: logged_list(each) for each in decided.lists}
    return carry(services.signer, decided.decision, page, decided.plan, services.clock(), lists)


def record(
    decision: PageDecision,
    page: PagePlan,
    now: int,
    guesses: Mapping[str, Guess] = NO_GUESSES,
    lists: Sequence[Listed] = (),
) -> DecisionRecord:
    """Return a page decision as it is kept: all but the contents, and attributes not read.

    Of what was recommended it tells the items, why, and with which probability.
    """
    visible = decision.attributes
    body: dict[str, object] = {
        "page": decision.page,
        "snapshot": decision.snapshot,
        "artifacts": decision.artifacts,
        "attributes": {name: visible[name] for name in page.reads if visible.get(name) is not None},
        "assignments": decision.assignments,
        "decisions": [
            [each.block, each.variant, each.reason, each.propensity] for each in decision.decisions
        ],
    }
    if guesses and (read := guesses.keys() & page.guesses):
        body["guesses"] = {name: guesses[name].confidence for name in sorted(read)}
    if lists:
        body["recommended"] = {each.block: logged_list(each) for each in lists}
    return DecisionRecord(
        id=decision.id,
        at=now,
        bucketing_id=decision.bucketing_id,
        page=decision.page,
        snapshot=decision.snapshot,
        body=msgspec.json.encode(body).decode(),
    )


def with_missing(decision: PageDecision, blocks: Sequence[str]) -> tuple[Decision, ...]:
    """Return the decisions in the order asked for, unknown blocks as `invalid`."""
    if not blocks:
        return decision.decisions
    found = {each.block: each for each in decision.decisions}
    return tuple(found.get(name) or missing(name) for name in dict.fromkeys(blocks))
