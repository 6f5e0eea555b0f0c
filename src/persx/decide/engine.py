"""The decision engine: snapshot, profile and context in, decisions out; nothing else happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from persx.decide.allocation import bucket
from persx.decide.learned import NOTHING_LEARNED, BlockProbabilities, Draw
from persx.decide.plan import (
    DEFAULT_CHOICE,
    GENERIC,
    NO_ARMS,
    POLICY,
    TARGETED_ARMS,
    BlockPlan,
    ExperimentPlan,
    Fallbacks,
    PagePlan,
    Plan,
    Show,
    Texts,
)
from persx.model.artifact import PREDICTION, artifact_key
from persx.model.attribute import Value
from persx.model.clock import Millis
from persx.model.decision import Assignment, Decision, PageDecision, Reason
from persx.model.learning import LEARNED
from persx.model.visitor import Profile
from persx.model.workspace import DEFAULT, HOLDOUT
from persx.visitors.preferences import GENERIC_CONTENT

Enrolled = tuple[ExperimentPlan, int]
NOTHING_ASKED: Final[Mapping[str, int]] = {}
_NOBODY: Final[Sequence[Enrolled]] = ()


def decide(
    plan: Plan,
    page: PagePlan,
    profile: Profile,
    context: Mapping[str, Value],
    now: Millis,
    *,
    id: str = "",
    forced: Mapping[str, str] | None = None,
    learned: Mapping[str, BlockProbabilities] = NOTHING_LEARNED,
) -> PageDecision:
    """Decide every block of a page for a visitor.

    Pure: the same arguments give the same decisions. Cannot raise for a validated snapshot; a
    block that fails all the same shows its default content with the reason `error`.

    Args:
        plan: The compiled snapshot.
        page: One of `plan.pages`, or `plan.page_of(names)`.
        profile: What may be known of the visitor; its bucketing id decides the arms.
        context: Contextual attributes of this request; `locale` chooses the texts.
        now: When, in epoch milliseconds.
        id: Identifies this decision in logs and receipts.
        forced: For previews: block → variant. Given at all, even empty, no experiment applies
            and nothing may be counted.
        learned: Block → the probabilities that it draws by; a block that learns and is not among
            them shows its first eligible variant.
    """
    attributes: dict[str, Any] = {**profile.attributes, **context}
    if forced is None and attributes.get(GENERIC_CONTENT) is True:
        return _generic(plan, page, profile, attributes, id)
    memo: dict[Any, Any] = {}
    if page.clock:
        local = datetime.fromtimestamp(now / 1_000, plan.zone)
        attributes["hour"], attributes["weekday"] = local.hour, local.isoweekday()
    if page.persona and "persona" not in attributes:
        found = plan.personas.detect(attributes, now)
        if found is not None:
            attributes["persona"] = found.name
    locale = attributes.get("locale", "")

    counted: set[str] = set()
    drawn: list[Assignment] = []
    used: dict[str, int] = {}
    holdout = plan.holdout
    held, arms, enrolled = False, NO_ARMS, _NOBODY
    if forced is not None or not (profile.storable and profile.measurable):
        learned = NOTHING_LEARNED
    else:
        if holdout is not None:
            arm = holdout.ranges.arm(bucket(holdout.seed, profile.bucketing_id))
            held = holdout.arms[arm] == GENERIC
            arms = {HOLDOUT: GENERIC} if held else TARGETED_ARMS
        if page.experiments and not held:
            enrolled = _enroll(page.experiments, attributes, now, memo, profile.bucketing_id)
    # For most visitors nothing but the block's own policy decides: that is looked up.
    plain = forced is None and not enrolled and arms is plan.arms
    visit: _Visit | None = None
    all_texts = page.texts.get(locale) or page.texts[""]
    try:
        choices: Sequence[int | None] = page.choose(attributes, now, memo)
    except Exception:
        # Each block for itself, so that one alone fails.
        choices = (None,) * len(all_texts)

    decisions: list[Decision] = []
    errors: dict[str, str] = {}
    for block, texts, own in zip(page.blocks, all_texts, choices, strict=True):
        try:
            if own is None:
                own = block.choose(attributes, now, memo)
            draw: Draw | None = None
            if learned and own != DEFAULT_CHOICE and (published := learned.get(block.name)):
                used[published.key] = published.number
                draw = published.draw(texts, own, attributes, now, memo, profile.bucketing_id)
            if plain and texts.arrange is None:
                if draw is not None:
                    own, decision = draw.choice, draw.plain
                    drawn.append(draw.assignment)
                elif own != DEFAULT_CHOICE:
                    decision = texts.targeted[own]
                else:
                    decision = _fallback(texts.fallbacks, block, profile, attributes)
                if texts.differs[own]:
                    counted.add(HOLDOUT)
            else:
                visit = visit or _Visit(
                    profile, attributes, now, memo, held, enrolled, arms, counted, forced, drawn
                )
                decision = _decide_block(visit, block, texts, own, draw)
        except Exception as error:
            errors[block.name] = f"{type(error).__name__}: {error}"
            decision = _decision(block, texts.contents, DEFAULT_CHOICE, Reason.ERROR, arms)
        decisions.append(decision)

    assignments = [each.assignments[arm][each.key in counted] for each, arm in enrolled]
    assignments += drawn
    if holdout is not None and arms:
        assignments.insert(0, holdout.assignments[0 if held else 1][HOLDOUT in counted])
    return PageDecision(
        id=id,
        page=page.name,
        snapshot=plan.snapshot.number,
        bucketing_id=profile.bucketing_id,
        decisions=tuple(decisions),
        assignments=tuple(assignments),
        attributes=attributes,
        forced=forced is not None,
        artifacts={**_asked(page, profile), **used} if page.guesses else used or NOTHING_ASKED,
        errors=errors,
    )


def _generic(
    plan: Plan, page: PagePlan, profile: Profile, attributes: dict[str, Any], id: str
) -> PageDecision:
    """Return the page as everybody gets it, for a visitor who wants that: nothing counts."""
    all_texts = page.texts.get(attributes.get("locale", "")) or page.texts[""]
    return PageDecision(
        id=id,
        page=page.name,
        snapshot=plan.snapshot.number,
        bucketing_id=profile.bucketing_id,
        decisions=tuple(
            _decision(
                block,
                texts.contents,
                DEFAULT_CHOICE,
                Reason.INVALID if DEFAULT_CHOICE in texts.broken else Reason.DISABLED,
                NO_ARMS,
            )
            for block, texts in zip(page.blocks, all_texts, strict=True)
        ),
        assignments=(),
        attributes=attributes,
    )


def _asked(page: PagePlan, profile: Profile) -> Mapping[str, int]:
    """Return the numbers of the models whose answers the page's rules could read."""
    return {
        artifact_key(PREDICTION, name): profile.models[name]
        for name in page.guesses
        if name in profile.models
    }


def missing(block: str) -> Decision:
    """Return the decision for a block that the snapshot does not have: no content, `invalid`."""
    return Decision(
        block=block, type="", variant=DEFAULT, content={}, reason=Reason.INVALID, arms={}
    )


def _enroll(
    experiments: Sequence[ExperimentPlan],
    attributes: dict[str, Any],
    now: Millis,
    memo: dict[Any, Any],
    visitor: str,
) -> Sequence[Enrolled]:
    found = []
    for experiment in experiments:
        if experiment.target is not None and not experiment.target(attributes, now, memo):
            continue
        if not experiment.whole:
            point = bucket(experiment.layer, visitor)
            if not experiment.start <= point < experiment.end:
                continue
        found.append((experiment, experiment.ranges.arm(bucket(experiment.seed, visitor))))
    return found


class _Visit(NamedTuple):
    """What is the same for all blocks of a request.

    `counted` gathers experiments that count, `drawn` the assignments of blocks that learn.
    """

    profile: Profile
    attributes: dict[str, Any]
    now: Millis
    memo: dict[Any, Any]
    held: bool
    enrolled: Sequence[Enrolled]
    arms: Mapping[str, str]
    counted: set[str]
    forced: Mapping[str, str] | None
    drawn: list[Assignment]


def _decide_block(
    visit: _Visit, block: BlockPlan, texts: Texts, own: int, draw: Draw | None
) -> Decision:
    contents, attributes = texts.contents, visit.attributes
    if draw is not None:
        own = draw.choice
    content, differs = contents[own], texts.differs[own]
    if texts.arrange is not None and own not in texts.broken:
        content = texts.arrange(content, attributes)
        differs = content != contents[DEFAULT_CHOICE]
    if differs:
        visit.counted.add(HOLDOUT)

    shown, arms = _Shown(own, content), visit.arms
    by_arm: Reason | None = None
    for experiment, arm in visit.enrolled:
        shows = block.shows.get(experiment.key)
        if shows is None:
            continue
        arms = {**arms, experiment.key: experiment.arms[arm]}
        # An experiment that comes first and names the content leaves the later ones nothing.
        if by_arm is None:
            by_show = {
                show: shown if show == POLICY else _shown(visit, texts, show) for show in set(shows)
            }
            # Alike in every arm: who would see different things in two of them counts.
            first, *others = (each.content for each in by_show.values())
            if experiment.same or any(other != first for other in others):
                visit.counted.add(experiment.key)
            if shows[arm] != POLICY:
                shown, by_arm = by_show[shows[arm]], experiment.reason
    if draw is not None and by_arm is None and not visit.held:
        # Whose content somebody else names, no arm of learning can show them anything else.
        visit.drawn.append(draw.assignment)
        arms = {**arms, draw.assignment.experiment: draw.arm}
        if draw.arm == LEARNED:
            return Decision(
                block=block.name,
                type=block.type,
                variant=block.names[own],
                content=content,
                reason=Reason.LEARNED,
                arms=arms,
                propensity=draw.propensity,
            )

    if visit.held:
        shown, reason = _shown(visit, texts, DEFAULT_CHOICE), Reason.HOLDOUT
    elif visit.forced is not None and (name := _forced(visit.forced, block)) is not None:
        shown, reason = _shown(visit, texts, block.choice(name)), Reason.FORCED
    elif by_arm is not None:
        reason = by_arm
    elif own in texts.broken:
        reason = Reason.INVALID
    elif differs or own != DEFAULT_CHOICE:
        return _decision(block, contents, own, Reason.TARGETED, arms, content)
    else:
        reason = _fallback(texts.fallbacks, block, visit.profile, attributes).reason
    if shown.choice in texts.broken:
        return _decision(block, contents, DEFAULT_CHOICE, Reason.INVALID, arms)
    return _decision(block, contents, shown.choice, reason, arms, shown.content)


def _forced(forced: Mapping[str, str], block: BlockPlan) -> str | None:
    return forced.get(block.name, forced.get("*"))


def _fallback(
    fallbacks: Fallbacks, block: BlockPlan, profile: Profile, attributes: Mapping[str, Any]
) -> Decision:
    if profile.withheld and not profile.withheld.keys().isdisjoint(block.facts):
        return fallbacks.no_consent
    if block.facts and block.facts.isdisjoint(attributes):
        return fallbacks.unknown_visitor
    return fallbacks.no_match


class _Shown(NamedTuple):
    """Content that may be shown, and its place among the block's."""

    choice: int
    content: Mapping[str, Any]


def _shown(visit: _Visit, texts: Texts, show: Show) -> _Shown:
    """Return the content that is named, or that a strategy chooses and arranges."""
    attributes = visit.attributes
    if isinstance(show, int):
        choice, allowed = show, attributes
    else:
        choice = show.choose(attributes, visit.now, visit.memo)
        allowed = {name: each for name, each in attributes.items() if name in show.attributes}
    content = texts.contents[choice]
    # A default that somebody names is meant as it is written; what cannot be shown has no form.
    plain = show == DEFAULT_CHOICE or choice in texts.broken
    if texts.arrange is not None and not plain:
        content = texts.arrange(content, allowed)
    return _Shown(choice, content)


def _decision(
    block: BlockPlan,
    contents: Sequence[Mapping[str, Any]],
    choice: int,
    reason: Reason,
    arms: Mapping[str, str],
    content: Mapping[str, Any] | None = None,
) -> Decision:
    return Decision(
        block=block.name,
        type=block.type,
        variant=block.names[choice],
        content=contents[choice] if content is None else content,
        reason=reason,
        arms=arms,
    )
