"""Replaying: a draft policy against the decision log, as far as the log can tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np

from persx.app.deciding import current_plan
from persx.app.drafts_to_replay import draft_probabilities
from persx.app.services import Services
from persx.app.trials import Row, looks, trials
from persx.app.use_cases import UseCase
from persx.decide.compilation import compile_snapshot
from persx.decide.learned import BlockProbabilities, bound
from persx.decide.plan import DEFAULT_CHOICE, BlockPlan, Plan
from persx.experiments.live import learning_blocks
from persx.experiments.off_policy.estimators import Evaluation, Logged, evaluate
from persx.experiments.off_policy.rewards import predicted_rewards
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.errors import BadInput, InvalidWorkspace, NotFound, Unreadable, did_you_mean
from persx.model.learning import LEARNED, LearnSettings
from persx.model.workspace import Snapshot
from persx.workspace.validation import check

_CLOCK: Final = frozenset({"hour", "weekday"})
_PIECE: Final = 2_000


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A draft policy: a workspace's files, or one block's new probabilities.

    Attributes:
        files: Path → text of a workspace's files.
        probabilities: Text of a file with a block's probabilities.
        block: Only this block.
    """

    files: dict[str, str] = {}
    probabilities: str = ""
    block: str = ""
    confidence: float = CONFIDENCE


class BlockReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What the log tells of a draft for one block.

    Attributes:
        goal, window: What counted, and so long after the exposure.
        left_out: Visitors who cannot be replayed, by the reason in words.
        waiting: Visitors whose window is not over.
        changed: The part of the visitors for whom the draft's probabilities differ from the log's.
    """

    block: str
    goal: str
    window: str
    evaluation: Evaluation
    left_out: dict[str, int] = {}
    waiting: int = 0
    changed: float = 0.0


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A draft, block by block; `notes` tell what was not compared."""

    blocks: tuple[BlockReplay, ...]
    notes: tuple[str, ...] = ()


async def replay(services: Services, request: ReplayRequest) -> Replay:
    """Compare a draft policy with the log by off-policy evaluation.

    Visitors whose variant was drawn by published probabilities are asked what the draft would have
    shown them, by the facts that the log has of them and at the time when they came.

    Raises:
        BadInput: The draft is faulty, or neither kind of draft is given.
        NotFound: No block learns, so that nothing was drawn by chance.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    served = learning_blocks(plan.workspace)
    if not served:
        raise NotFound(
            "No block learns, so that the log holds nothing that was drawn by chance.",
            hint="A draft can be compared where a block has policy: learn.",
        )
    draft, published = _draft(plan, request)
    wanted = [request.block] if request.block else sorted(published or served)
    for name in wanted:
        if name not in served:
            raise NotFound(f"'{name}' does not learn.", value=name, hint=did_you_mean(name, served))
    drawing = bound(draft, published or services.models.probabilities)
    notes, found = [], []
    for name in wanted:
        if name not in draft.blocks:
            notes.append(f"The draft has no block '{name}'.")
            continue
        found.append(
            await _replayed(services, name, served[name], draft, drawing, request.confidence)
        )
    return Replay(blocks=tuple(found), notes=tuple(notes))


def _draft(plan: Plan, request: ReplayRequest) -> tuple[Plan, Mapping[str, Any] | None]:
    if bool(request.files) == bool(request.probabilities):
        raise BadInput(
            "A draft is a workspace's folder, or a file with a block's probabilities.",
            hint="Give one of them.",
        )
    if request.probabilities:
        found = draft_probabilities(request.probabilities, plan.workspace)
        return plan, {found.block: (0, found)}
    workspace, faults = check(request.files)
    errors = [fault for fault in faults if fault.severity == "error"]
    if workspace is None or errors:
        raise InvalidWorkspace(errors)
    snapshot = Snapshot(
        number=0, digest="", published=0, author="", message="draft", workspace=workspace
    )
    return compile_snapshot(snapshot), None


@dataclass
class _Gathered:
    """What is gathered of the visitors of a block, one entry each."""

    rewards: list[float] = field(default_factory=list)
    propensities: list[float] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)
    wanted: list[Mapping[bytes, float]] = field(default_factory=list)
    contexts: list[tuple[str | None, ...]] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    unsupported: list[float] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    waiting: int = 0


async def _replayed(
    services: Services,
    name: str,
    settings: LearnSettings,
    draft: Plan,
    drawing: Mapping[str, BlockProbabilities],
    confidence: float,
) -> BlockReplay:
    rows, _ = await trials(services, current_plan(services).workspace, name, settings, detail=True)
    gathered, plans = _Gathered(), _Plans(services)
    policy = _Policy(draft, name, drawing.get(name))
    for number, row in enumerate(rows):
        if number % _PIECE == _PIECE - 1:
            # Requests get their turn.
            await asyncio.sleep(0)
        if row.arm != LEARNED:
            continue
        if not row.over:
            gathered.waiting += 1
        elif row.variant is None or row.propensity is None:
            gathered.left_out["whose decision the log does not have"] += 1
        else:
            _add(gathered, row, policy, name, await plans.of(row.snapshot))
    evaluation, changed = await asyncio.to_thread(_evaluated, gathered, confidence)
    return BlockReplay(
        block=name,
        goal=settings.goal,
        window=settings.window,
        evaluation=evaluation,
        left_out=dict(gathered.left_out),
        waiting=gathered.waiting,
        changed=changed,
    )


def _add(gathered: _Gathered, row: Row, policy: _Policy, name: str, logged: Plan | None) -> None:
    if logged is None or name not in logged.blocks:
        gathered.left_out["whose snapshot cannot be read any more"] += 1
        return
    block = logged.blocks[name]
    unknown = policy.block.reads - block.reads - _CLOCK
    if unknown:
        missing = " and ".join(f"'{each}'" for each in sorted(unknown))
        gathered.left_out[f"of whom the log does not have {missing}"] += 1
        return
    attributes = _at(msgspec.json.decode(row.attributes), row.at, policy.plan)
    before = looks(logged.workspace.blocks[name])
    shown = before.get(row.variant or "")
    if shown is None:
        gathered.left_out["who saw what is no variant any more"] += 1
        return
    wanted = policy.choices(attributes, row.at)
    possible = _possible(block, before, attributes, row.at)
    gathered.rewards.append(float(row.reached > 0))
    gathered.propensities.append(row.propensity or 0.0)
    gathered.shown.append(shown)
    gathered.wanted.append(wanted)
    gathered.contexts.append(row.context)
    gathered.folds.append(blake2b(row.unit.encode(), digest_size=1).digest()[0] % 2)
    gathered.unsupported.append(
        sum(chance for look, chance in wanted.items() if look not in possible)
    )


def _possible(
    block: BlockPlan, before: Mapping[str, bytes], attributes: dict[str, Any], at: int
) -> set[bytes]:
    """Return what could have been drawn then: what was eligible."""
    if block.learning is None:
        return set()
    fits = block.learning.eligible(attributes, at, {})
    return {before[block.names[choice]] for choice, fit in enumerate(fits) if fit != DEFAULT_CHOICE}


def _at(attributes: dict[str, Any], at: int, plan: Plan) -> dict[str, Any]:
    local = datetime.fromtimestamp(at / 1_000, plan.zone)
    return {**attributes, "hour": local.hour, "weekday": local.isoweekday()}


class _Policy:
    """What a draft would show: look → probability."""

    def __init__(self, plan: Plan, name: str, drawing: BlockProbabilities | None) -> None:
        self.plan = plan
        self.block = plan.blocks[name]
        self._drawing = drawing
        self._looks = looks(plan.workspace.blocks[name])

    def choices(self, attributes: dict[str, Any], at: int) -> Mapping[bytes, float]:
        memo: dict[Any, Any] = {}
        first = self.block.choose(attributes, at, memo)
        if first != DEFAULT_CHOICE and self._drawing is not None:
            texts = self.block.texts.get(attributes.get("locale", "")) or self.block.texts[""]
            found: dict[bytes, float] = {}
            for option in self._drawing.options(texts, attributes, at, memo):
                look = self._looks[self.block.names[option.draw.choice]]
                found[look] = found.get(look, 0.0) + option.draw.propensity
            if found:
                return found
        return {self._looks[self.block.names[first]]: 1.0}


class _Plans:
    """Plans of the snapshots that lines of the log are from."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: dict[int, Plan | None] = {}

    async def of(self, number: int) -> Plan | None:
        if number not in self._kept:
            try:
                snapshot = await self._services.store.snapshot(number) if number else None
                self._kept[number] = compile_snapshot(snapshot) if snapshot else None
            except (Unreadable, BadInput):
                self._kept[number] = None
        return self._kept[number]


def _evaluated(gathered: _Gathered, confidence: float) -> tuple[Evaluation, float]:
    count = len(gathered.rewards)
    actions = {
        look: at
        for at, look in enumerate(
            sorted({*gathered.shown, *(look for each in gathered.wanted for look in each)})
        )
    }
    contexts = {each: at for at, each in enumerate(sorted(set(gathered.contexts), key=str))}
    chances = np.zeros((count, max(len(actions), 1)))
    for at, wanted in enumerate(gathered.wanted):
        for look, chance in wanted.items():
            chances[at, actions[look]] = chance
    shown = np.array([actions[look] for look in gathered.shown], dtype=np.int64)
    reward = np.array(gathered.rewards)
    here = np.arange(count)
    model = predicted_rewards(
        reward,
        shown,
        np.array([contexts[each] for each in gathered.contexts], dtype=np.int64),
        np.array(gathered.folds, dtype=np.int64),
        actions=max(len(actions), 1),
    )
    propensity = np.array(gathered.propensities)
    target = chances[here, shown] if count else np.zeros(0)
    found = evaluate(
        Logged(
            reward=reward,
            propensity=propensity,
            target=target,
            predicted=model[here, shown] if count else np.zeros(0),
            expected=(model * chances).sum(axis=1) if count else np.zeros(0),
        ),
        unsupported=float(np.mean(gathered.unsupported)) if count else 0.0,
        confidence=confidence,
    )
    return found, float(np.mean(np.abs(target - propensity) > 1e-9)) if count else 0.0


REPLAY: Final = UseCase("replay", ReplayRequest, Replay, replay, writes=False)
