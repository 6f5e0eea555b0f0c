"""Learning: what visitors did becomes numbered probabilities, by which blocks draw what they show.

Every publication is kept with what it was learned from. Exploration holds in each of them, so
that one needs no test before it is used; what learning is worth, the held-out visitors tell.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from typing import Final

import msgspec

from persx.app import audit
from persx.app.deciding import current_plan
from persx.app.learnings import (
    LearnedFrom,
    LearningBlock,
    Learnings,
    LearnRequest,
    Publication,
)
from persx.app.services import Services
from persx.app.trials import Looks, looks, trials
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.decide.plan import Plan
from persx.experiments.learning import LEARNERS
from persx.experiments.learning.evidence import Trials, gather
from persx.experiments.learning.publishing import probabilities
from persx.experiments.live import learning_blocks
from persx.experiments.probabilities import Probabilities, decode, encode
from persx.model.artifact import PROBABILITIES, ArtifactHead, Origin
from persx.model.clock import HOUR, Millis, parse_duration
from persx.model.errors import BadInput, Conflict, NotFound, PersxError, did_you_mean
from persx.model.learning import LEARNED, LearnSettings, learning_key
from persx.model.staff import Actor

_LEASE_LENGTH: Final = HOUR
_TRIED: Final = "learning/tried/"
"""Small values: block → when a server last learned by itself, and what came of it."""

_STOPPED: Final = "learning/stopped/"
"""Small values: block → that somebody stopped its learning."""

_RETRY: Final = HOUR

_log = logging.getLogger("persx")


class _Tried(msgspec.Struct, frozen=True):
    at: Millis
    outcome: str


async def learn(services: Services, request: LearnRequest) -> Publication:
    """Learn from the log, and publish.

    Raises:
        Conflict: Somebody learns already; nothing is changed.
        NotFound: No block learns, or not this one.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    block, settings = _block(plan, request.block)
    found = await learn_block(services, plan, block, settings)
    await services.store.set_value(_STOPPED + block, None)
    return found


async def learn_block(
    services: Services, plan: Plan, block: str, settings: LearnSettings
) -> Publication:
    """Learn for a block of a plan, and publish.

    Raises:
        Conflict: Somebody learns for it already; nothing is changed.
    """
    now, holder = services.clock(), f"learn:{os.getpid()}:{id(settings)}"
    lease = f"learn/{block}"
    if not await services.store.lease(lease, holder, now + _LEASE_LENGTH, now):
        raise Conflict(
            f"Somebody learns for '{block}' already.", value=block, hint="Wait until it is done."
        )
    try:
        gathered, told, events = await _gathered(services, plan, block, settings)
        before = services.models.probabilities.get(block)
        found = await asyncio.to_thread(
            probabilities,
            gather(settings.by, _variants(plan, block), gathered),
            LEARNERS[settings.learner],
            block=block,
            exploration=settings.exploration,
            lanes=before[1].lanes if before else {},
        )
        number = await services.artifacts.put(
            PROBABILITIES,
            block,
            encode(found),
            origin=Origin(made=now, events=events, snapshot=plan.snapshot.number),
            meta=msgspec.to_builtins(told),
        )
        await services.artifacts.activate(PROBABILITIES, block, number, now=services.clock())
        await services.models.refresh(services)
    finally:
        await services.store.lease(lease, holder, 0, services.clock())
    head = (await services.artifacts.heads(PROBABILITIES, block))[0]
    return _told(head, found)


async def _gathered(
    services: Services, plan: Plan, block: str, settings: LearnSettings
) -> tuple[list[Trials], LearnedFrom, int]:
    """Return what may be learned from, what is told of it, and up to which event it is."""
    rows, events = await trials(services, plan.workspace, block, settings)
    now_looks = looks(plan.workspace.blocks[block])
    seen = Looks(services, block)
    left_out: Counter[str] = Counter()
    found: list[Trials] = []
    held_out = waiting = 0
    for row in rows:
        if row.arm != LEARNED:
            held_out += row.visitors
        elif not row.over:
            waiting += row.visitors
        elif row.variant is None or row.propensity is None or row.propensity <= 0:
            left_out["whose decision the log does not have"] += row.visitors
        elif row.variant not in now_looks:
            left_out["who saw what is no variant any more"] += row.visitors
        elif (await seen.of(row.snapshot)).get(row.variant) != now_looks[row.variant]:
            left_out["who saw a variant before it was edited"] += row.visitors
        else:
            found.append(Trials(row.context, row.variant, row.artifact, row.visitors, row.reached))
    told = LearnedFrom(
        goal=settings.goal,
        window=settings.window,
        visitors=round(sum(each.visitors for each in found)),
        reached=round(sum(each.reached for each in found)),
        waiting=waiting,
        held_out=held_out,
        left_out=dict(left_out),
    )
    return found, told, events


def _variants(plan: Plan, block: str) -> list[str]:
    return [variant.name for variant in plan.workspace.blocks[block].variants]


async def show_learning(services: Services, request: LearnRequest) -> Learnings:
    """Return the blocks that learn, with what was published for them.

    Raises:
        NotFound: No block learns, or not this one.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    names = [_block(plan, request.block)[0]] if request.block else learning_blocks(plan.workspace)
    return Learnings(blocks=tuple([await _shown(services, plan, name) for name in names]))


async def _shown(services: Services, plan: Plan, block: str) -> LearningBlock:
    settings = learning_blocks(plan.workspace)[block]
    used = services.models.probabilities.get(block)
    tried = await services.store.value(_TRIED + block)
    last = msgspec.json.decode(tried, type=_Tried) if tried else _Tried(0, "")
    return LearningBlock(
        block=block,
        learner=settings.learner,
        goal=settings.goal,
        every=settings.every,
        exploration=settings.exploration,
        held_out=settings.held_out,
        experiment=learning_key(block),
        active=used[0] if used else 0,
        stopped=await is_stopped(services, block),
        published=tuple(
            _told(head, used[1] if used and used[0] == head.number else None)
            for head in await services.artifacts.heads(PROBABILITIES, block)
        ),
        tried=last.outcome,
        tried_at=last.at,
    )


async def activate_learned(services: Services, request: LearnRequest) -> LearningBlock:
    """Draw by an earlier publication again, until the next one.

    Raises:
        Conflict: It tells contexts apart by other attributes than the block does now.
        NotFound: There is no such publication.
        Unreadable: It is no such artifact.
        Unavailable: It is damaged.
    """
    await services.refresh()
    plan = current_plan(services)
    block, settings = _block(plan, request.block)
    found = await services.artifacts.get(PROBABILITIES, block, request.number)
    if found is None:
        raise NotFound(
            f"Nothing was published for '{block}' under {request.number}.",
            value=request.number,
            hint="'persx learn show' lists what was.",
        )
    read = decode(found.body)
    if read.by != settings.by:
        raise Conflict(
            f"Number {request.number} tells visitors apart by {_listed(read.by)}, and '{block}' "
            f"does by {_listed(settings.by)} now.",
            value=request.number,
            hint="Train anew.",
        )
    await services.artifacts.activate(PROBABILITIES, block, request.number, now=services.clock())
    await services.store.set_value(_STOPPED + block, None)
    await services.models.refresh(services)
    return await _shown(services, plan, block)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"'{name}'" for name in names) or "nothing"


async def stop_learning(services: Services, request: LearnRequest) -> LearningBlock:
    """Let the rules alone choose again; what was published is kept, and nothing new is learned.

    Raises:
        NotFound: No block learns, or not this one.
    """
    await services.refresh()
    plan = current_plan(services)
    block, _ = _block(plan, request.block)
    await services.store.set_value(_STOPPED + block, b"1")
    await services.artifacts.activate(PROBABILITIES, block, None, now=services.clock())
    await services.models.refresh(services)
    return await _shown(services, plan, block)


async def learn_when_due(services: Services) -> None:
    """Learn what is due by now: by its schedule, or because the block's variants have changed."""
    plan = services.publication.plan
    for block, settings in (learning_blocks(plan.workspace) if plan else {}).items():
        if plan is None or not await _is_due(services, plan, block, settings):
            continue
        try:
            found = await learn_block(services, plan, block, settings)
            for each in _published(LearnRequest(block=block), found):
                await audit.note(services, Actor("persx"), each)
            outcome = in_words(block, found)
        except PersxError as error:
            outcome = str(error)
        tried = _Tried(services.clock(), outcome)
        await services.store.set_value(_TRIED + block, msgspec.json.encode(tried))
        _log.info("Learning: %s", outcome)


async def is_stopped(services: Services, block: str) -> bool:
    """Tell whether somebody stopped a block's learning."""
    return await services.store.value(_STOPPED + block) is not None


async def _is_due(services: Services, plan: Plan, block: str, settings: LearnSettings) -> bool:
    if await is_stopped(services, block):
        return False
    kept = await services.store.value(_TRIED + block)
    since = services.clock() - (msgspec.json.decode(kept, type=_Tried).at if kept else 0)
    if since >= parse_duration(settings.every):
        return True
    used = services.models.probabilities.get(block)
    fits = (
        used is not None
        and set(used[1].lanes) == set(_variants(plan, block))
        and used[1].by == settings.by
        and used[1].exploration == settings.exploration
        and used[1].learner == settings.learner
    )
    # What could not be learned is not tried again at once.
    return not fits and (used is not None or since >= _RETRY)


def in_words(block: str, found: Publication) -> str:
    """Return in one line what was published."""
    told = found.learned_from
    said = (
        f"'{block}' draws by number {found.number}: learned from {told.visitors:,} visitors, of "
        f"whom {told.reached:,} reached '{told.goal}' within {told.window}"
    )
    if told.waiting:
        said += f"; {told.waiting:,} more wait until that is over"
    return said + "."


def _block(plan: Plan, name: str) -> tuple[str, LearnSettings]:
    known = learning_blocks(plan.workspace)
    if not known:
        raise NotFound(
            "No block learns.",
            hint="Write policy: learn and learn: {goal: NAME} into a block with variants.",
        )
    if not name and len(known) > 1:
        raise BadInput(f"Several blocks learn: {', '.join(known)}.", hint="Name one of them.")
    name = name or next(iter(known))
    if name not in known:
        raise NotFound(f"'{name}' does not learn.", value=name, hint=did_you_mean(name, known))
    return name, known[name]


def _told(head: ArtifactHead, found: Probabilities | None) -> Publication:
    return Publication(
        number=head.number,
        made=head.origin.made,
        snapshot=head.origin.snapshot,
        events=head.origin.events,
        digest=head.digest,
        active=head.active,
        learned_from=msgspec.convert(head.meta, LearnedFrom),
        probabilities=found,
    )


def _published(request: LearnRequest, done: Publication) -> list[Noted]:
    block = done.probabilities.block if done.probabilities else request.block
    return [Noted("learning.publish", block, f"number {done.number}")]


def _chosen(_request: LearnRequest, done: LearningBlock) -> list[Noted]:
    if not done.active:
        return [Noted("learning.stop", done.block)]
    return [Noted("learning.activate", done.block, f"number {done.active}")]


LEARN_TRAIN: Final = UseCase("learn-train", LearnRequest, Publication, learn, notes=_published)
LEARN_SHOW: Final = UseCase("learn-show", LearnRequest, Learnings, show_learning, writes=False)
LEARN_ACTIVATE: Final = UseCase(
    "learn-activate", LearnRequest, LearningBlock, activate_learned, notes=_chosen
)
LEARN_OFF: Final = UseCase("learn-off", LearnRequest, LearningBlock, stop_learning, notes=_chosen)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (LEARN_TRAIN, LEARN_SHOW, LEARN_ACTIVATE, LEARN_OFF)
"""What can be asked about learning."""
