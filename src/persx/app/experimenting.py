"""Looking after experiments: list them, try A/A, let more visitors join, stop, keep the winner.

Each is a small edit of the experiment's document and a publication of its own, so that history
tells of it and a rollback takes it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from persx.app.publishing import PublishRequest, PublishResult, publish
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.errors import BadInput, Conflict, NotFound, did_you_mean
from persx.model.experiment import Experiment
from persx.model.workspace import Snapshot, Workspace
from persx.storage.ports import DraftFile
from persx.workspace.editing import Plain, with_fields
from persx.workspace.history import changes
from persx.workspace.names import EXPERIMENT
from persx.workspace.snapshot import digest
from persx.workspace.validation import check


class ExperimentsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All experiments of the served snapshot."""


class ExperimentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment, and what shall become of it.

    Attributes:
        arm: The winner, where one is promoted.
        traffic: The share of its layer that takes part, where it is ramped or made.
        blocks: What an A/A test concerns; empty for all blocks.
    """

    key: str
    arm: str = ""
    traffic: float = 1.0
    blocks: tuple[str, ...] = ()
    author: str = ""


class ExperimentsResult(msgspec.Struct, frozen=True, kw_only=True):
    """The experiments by key, as they are served."""

    experiments: dict[str, Experiment]


async def experiments(services: Services, _request: ExperimentsRequest) -> ExperimentsResult:
    """Return the experiments of the served snapshot."""
    snapshot = await services.store.snapshot()
    return ExperimentsResult(experiments=dict(snapshot.workspace.experiments) if snapshot else {})


async def stop(services: Services, request: ExperimentRequest) -> PublishResult:
    """Stop an experiment: it assigns nobody any more, and its report stays.

    Raises:
        NotFound: There is none of this key.
        Conflict: It is stopped already, or drafts wait that would be published with it.
    """
    experiment = _running((await _served(services)).workspace, request.key)
    return await _edit(services, request, {"status": "stopped"}, f"Stop {experiment.key}")


async def promote(services: Services, request: ExperimentRequest) -> PublishResult:
    """Give everybody whom the experiment targets what one of its arms showed.

    Raises:
        NotFound: There is no such experiment, or no such arm.
        Conflict: Drafts wait that would be published with it.
    """
    experiment = _experiment((await _served(services)).workspace, request.key)
    names = [arm.name for arm in experiment.arms]
    if request.arm not in names:
        raise NotFound(
            f"'{experiment.key}' has no arm '{request.arm}'.",
            value=request.arm,
            hint=did_you_mean(request.arm, names),
        )
    return await _edit(
        services,
        request,
        {"status": "stopped", "winner": request.arm},
        f"Promote {request.arm} of {experiment.key}",
    )


async def ramp(services: Services, request: ExperimentRequest) -> PublishResult:
    """Let a larger share of its layer take part in an experiment; whoever takes part stays.

    Raises:
        NotFound: There is none of this key.
        Conflict: It is stopped, or drafts wait that would be published with it.
        InvalidWorkspace: The share is none, smaller than before, or another experiment's.
    """
    experiment = _running((await _served(services)).workspace, request.key)
    return await _edit(
        services,
        request,
        {"traffic": request.traffic},
        f"Ramp {experiment.key} to {request.traffic:g}",
    )


async def start_aa(services: Services, request: ExperimentRequest) -> PublishResult:
    """Start an experiment whose two arms show the same: what it finds is chance, or a fault.

    Raises:
        BadInput: The key is none.
        Conflict: There is one of this key, or drafts wait that would be published with it.
    """
    if (fault := EXPERIMENT.problem(request.key)) is not None:
        raise BadInput(f"'{request.key}' cannot be an experiment's key: {fault}", value=request.key)
    snapshot = await _served(services)
    if request.key in snapshot.workspace.experiments:
        raise Conflict(f"There is an experiment '{request.key}' already.", value=request.key)
    lines = [
        "description: Both arms show the same. What differs is chance, or a fault in measuring.",
        "arms: {a: targeted, b: targeted}",
        f"traffic: {request.traffic!r}",
    ]
    if request.blocks:
        lines.append(f"blocks: {msgspec.json.encode(request.blocks).decode()}")
    return await _save(services, request, "\n".join(lines) + "\n", f"Start A/A {request.key}")


async def _edit(
    services: Services, request: ExperimentRequest, values: Mapping[str, Plain], message: str
) -> PublishResult:
    path = _path(request.key)
    draft = (await services.store.drafts()).get(path)
    if draft is None:
        raise Conflict(
            f"The drafts have no file {path}: publishing them would take the experiment away.",
            value=path,
            hint="Push the file again, then try again.",
        )
    return await _save(services, request, with_fields(draft.text, path, values), message)


async def _save(
    services: Services, request: ExperimentRequest, text: str, message: str
) -> PublishResult:
    """Publish one changed file, and nothing else with it.

    What is refused leaves the draft as it was.
    """
    path = _path(request.key)
    drafts = await services.store.drafts()
    texts = {each: draft.text for each, draft in drafts.items()}
    before, _ = await asyncio.to_thread(check, texts)
    waiting = (
        changes((await _served(services)).workspace, before) if before is not None else ("faults",)
    )
    if waiting:
        raise Conflict(
            f"Drafts wait that would be published too: {', '.join(map(str, waiting[:5]))}"
            f"{' and more' if len(waiting) > 5 else ''}.",
            value=len(waiting),
            hint="Publish them first, or take them back; then try again.",
        )
    old = drafts.get(path)
    mine = DraftFile(
        path=path,
        text=text,
        digest=digest(text.encode()),
        changed=services.clock(),
        author=request.author,
    )
    await services.store.save_drafts([mine], [], {path: old.digest if old else ""})
    try:
        return await publish(services, PublishRequest(author=request.author, message=message))
    except Exception:
        back, removed = ([old], []) if old else ([], [path])
        await services.store.save_drafts(back, removed, {path: mine.digest})
        raise


async def _served(services: Services) -> Snapshot:
    snapshot = await services.store.snapshot()
    if snapshot is None:
        raise NotFound("Nothing is published.", hint="Publish a workspace: persx publish FOLDER")
    return snapshot


def _experiment(workspace: Workspace, key: str) -> Experiment:
    found = workspace.experiments.get(key)
    if found is None:
        raise NotFound(
            f"There is no experiment '{key}'.",
            value=key,
            hint=did_you_mean(key, workspace.experiments),
        )
    return found


def _running(workspace: Workspace, key: str) -> Experiment:
    found = _experiment(workspace, key)
    if found.status != "running":
        raise Conflict(f"The experiment '{key}' is stopped already.", value=key)
    return found


def _path(key: str) -> str:
    return f"experiments/{key}.yaml"


STOP: Final = UseCase(
    "experiment-stop",
    ExperimentRequest,
    PublishResult,
    stop,
    notes=lambda asked, done: [Noted("experiment.stop", asked.key, f"snapshot {done.number}")],
)
PROMOTE: Final = UseCase(
    "experiment-promote",
    ExperimentRequest,
    PublishResult,
    promote,
    notes=lambda asked, done: [
        Noted("experiment.promote", asked.key, f"arm {asked.arm}, snapshot {done.number}")
    ],
)
RAMP: Final = UseCase(
    "experiment-ramp",
    ExperimentRequest,
    PublishResult,
    ramp,
    notes=lambda asked, done: [
        Noted("experiment.ramp", asked.key, f"to {asked.traffic:g}, snapshot {done.number}")
    ],
)
START_AA: Final = UseCase(
    "experiment-aa",
    ExperimentRequest,
    PublishResult,
    start_aa,
    notes=lambda asked, done: [Noted("experiment.start", asked.key, f"A/A, {done.number}")],
)
LIST: Final = UseCase(
    "experiments", ExperimentsRequest, ExperimentsResult, experiments, writes=False
)
USE_CASES: Final[tuple[AnyUseCase, ...]] = (LIST, START_AA, RAMP, STOP, PROMOTE)
