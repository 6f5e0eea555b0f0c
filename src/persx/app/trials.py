"""Trials: the visitors who count in a block's learning, from the log, as reports see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from persx.app.services import Services
from persx.experiments.log_tables import goal_tables
from persx.experiments.sql import query
from persx.model.artifact import PROBABILITIES, artifact_key
from persx.model.clock import Millis, parse_duration
from persx.model.errors import Unreadable
from persx.model.learning import LearnSettings, learning_key
from persx.model.workspace import Block, Workspace
from persx.storage.ports import Rows
from persx.storage.scope import System
from persx.workspace.snapshot import canonical_value

_SCOPE: Final = System("learning what works")


class Row(NamedTuple):
    """Visitors who are alike, or one of them; see ``learning_trials.sql``."""

    arm: str
    over: bool
    context: tuple[str | None, ...]
    variant: str | None
    propensity: float | None
    snapshot: int
    artifact: int
    at: Millis
    attributes: str
    unit: str
    visitors: int
    reached: int


async def trials(
    services: Services,
    workspace: Workspace,
    block: str,
    settings: LearnSettings,
    *,
    detail: bool = False,
) -> tuple[list[Row], int]:
    """Return the visitors of a block's learning, and up to which event they were read.

    Args:
        detail: One row for each visitor.
    """
    # Lines that wait would be exposures without a decision.
    await services.decision_log.flush(services.store)
    now = services.clock()
    window, memory = parse_duration(settings.window), parse_duration(settings.memory)
    goal = workspace.goals[settings.goal]
    reader = services.store.seen_by(_SCOPE)
    tables = goal_tables([goal], await reader.bucketing_ids())
    tables["context"] = Rows(
        columns=("place", "path"),
        rows=[(place, _pointer(name)) for place, name in enumerate(settings.by)] or [(0, "/")],
    )
    rows = services.warehouse.seen_by(_SCOPE)
    newest = int((await rows.query("SELECT max(sequence) FROM events")).rows[0][0] or 0)
    answer = await rows.query(
        query("learning_trials"),
        {
            "experiment": learning_key(block),
            "block": block,
            "artifact": _pointer("artifacts") + _pointer(artifact_key(PROBABILITIES, block)),
            "since": now - memory,
            "window": window,
            "now": now,
            "detail": detail,
        },
        tables=tables,
        as_of=newest,
    )
    known = len(settings.by)
    found = []
    for arm, over, context, *rest in answer.rows:
        told = tuple(context or ())[:known]
        padded = told + (None,) * (known - len(told))
        found.append(Row(str(arm), bool(over), padded, *_typed(rest)))
    return found, newest


def _typed(rest: list[Any]) -> tuple[Any, ...]:
    variant, propensity, snapshot, artifact, at, attributes, unit, visitors, reached = rest
    return (
        variant,
        None if propensity is None else float(propensity),
        int(snapshot or 0),
        int(artifact or 0),
        int(at or 0),
        attributes or "{}",
        unit or "",
        int(visitors),
        int(reached),
    )


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


class Looks:
    """How variants of a block looked in each snapshot: what counts is what visitors saw."""

    def __init__(self, services: Services, block: str) -> None:
        self._services, self._block = services, block
        self._workspaces: dict[int, Workspace | None] = {}
        self._looks: dict[int, Mapping[str, bytes]] = {}

    async def workspace(self, snapshot: int) -> Workspace | None:
        """Return the workspace of a snapshot; none where it cannot be read any more."""
        if snapshot not in self._workspaces:
            try:
                found = await self._services.store.snapshot(snapshot) if snapshot else None
            except Unreadable:
                found = None
            self._workspaces[snapshot] = found.workspace if found else None
        return self._workspaces[snapshot]

    async def of(self, snapshot: int) -> Mapping[str, bytes]:
        """Return variant → its look in a snapshot."""
        if snapshot not in self._looks:
            workspace = await self.workspace(snapshot)
            block = workspace.blocks.get(self._block) if workspace else None
            self._looks[snapshot] = looks(block) if block else {}
        return self._looks[snapshot]


def looks(block: Block) -> dict[str, bytes]:
    """Return for each variant, and for the default, what it looks like, in all locales."""
    whole = [block.type, block.content, block.locales]
    found = {"default": canonical_value([*whole, {}, {}])}
    for variant in block.variants:
        found[variant.name] = canonical_value([*whole, variant.content, variant.locales])
    return found
