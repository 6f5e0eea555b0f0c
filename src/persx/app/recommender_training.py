"""Training of pipelines, as the home sees it: who trains, what came of it, what is active.

The work itself is done elsewhere (`persx.app.trainer`): here is what only the process does that
may write the home. Each training holds its pipeline, tells of its end, and is forgotten if it
dies. It is a value, not a lease of the store: those end with the process that has the home, and
a trainer outlives each of the short commands by which it says that it goes on.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from persx.app.deciding import current_plan
from persx.app.recommender_records import (
    FinishedRequest,
    PipelineRequest,
    Pipelines,
    PipelineStatus,
    TrainedArtifact,
    TrainerRequest,
)
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.artifact import RECOMMENDER, ArtifactHead, Origin
from persx.model.clock import MINUTE, Millis
from persx.model.errors import BadInput, Conflict, NotFound, NothingYet, PersxError, did_you_mean
from persx.model.pipeline import Pipeline
from persx.recommend.artifact import FORMAT, Manifest, TrainedOn, load
from persx.recommend.staleness import staleness

PATIENCE: Final = 3 * MINUTE
"""A trainer that says nothing for so long is dead."""

_HELD: Final = "recommend/training/"
"""Small values: pipeline → who trains it, since when."""

_TRIED: Final = "recommend/tried/"
"""Small values: pipeline → when it was last trained, and what came of it."""

_STOPPED: Final = "recommend/stopped/"
"""Small values: pipeline → that somebody switched it off."""


class _Held(msgspec.Struct, frozen=True):
    holder: str
    since: Millis
    until: Millis

    def by_somebody_else(self, holder: str, now: Millis) -> bool:
        """Tell whether another trainer, which lives, has it."""
        return self.holder != holder and self.until > now and not _is_dead(self.holder)


class Tried(msgspec.Struct, frozen=True):
    """When a pipeline was last trained, and what came of it, in words.

    Attributes:
        failed: Something was wrong.
        nothing: There was nothing to learn from yet; nothing was wrong.
        seen: How many events were looked through for that, at most.
    """

    at: Millis
    outcome: str
    failed: bool
    nothing: bool = False
    seen: int = 0


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the head of an artifact tells of it."""

    trained: TrainedOn = TrainedOn()
    sources: tuple[str, ...] = ()
    bytes: int = 0
    simulated: int = 0
    unwilling: int = 0


def new_holder() -> str:
    """Return what tells this training from all others."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


def pipelines_of(services: Services) -> Mapping[str, Pipeline]:
    """Return the pipelines of what is served.

    Raises:
        Unavailable: Nothing is published yet.
    """
    return current_plan(services).workspace.pipelines


async def begin_training(services: Services, request: TrainerRequest) -> PipelineStatus:
    """Let somebody train a pipeline, alone.

    Raises:
        Conflict: Somebody trains it already.
        NotFound: There is no such pipeline.
    """
    await services.publication.refresh(services.store)
    pipeline = find(pipelines_of(services), request.pipeline)
    if not await _hold(services, pipeline.name, request.holder):
        raise Conflict(
            f"Somebody trains '{pipeline.name}' already.",
            value=pipeline.name,
            hint="Wait until that is done: 'persx recommend status' tells.",
        )
    return await _status(services, pipeline)


async def _hold(services: Services, pipeline: str, holder: str) -> bool:
    """Take a pipeline, or keep it; tell whether nobody else has it."""
    now = services.clock()
    while True:
        kept = await services.store.value(_HELD + pipeline)
        held = _decode_held(kept)
        if held is not None and held.by_somebody_else(holder, now):
            return False
        since = held.since if held is not None and held.holder == holder else now
        mine = msgspec.json.encode(_Held(holder, since, now + PATIENCE))
        if await services.store.swap_value(_HELD + pipeline, kept, mine):
            return True


async def hold_training(services: Services, request: TrainerRequest) -> bool:
    """Say that a training still goes on; tell whether it may."""
    return await _hold(services, request.pipeline, request.holder)


async def give_up_training(services: Services, request: TrainerRequest) -> bool:
    """Say that a training came to nothing; what was done of it stays for the next."""
    await _end(services, request.pipeline, request.holder)
    tried = Tried(
        services.clock(),
        request.failed,
        failed=not request.nothing,
        nothing=request.nothing,
        seen=request.seen,
    )
    await services.store.set_value(_TRIED + request.pipeline, msgspec.json.encode(tried))
    return True


async def finish_training(services: Services, request: FinishedRequest) -> PipelineStatus:
    """Keep a trained pipeline and let it recommend, from one moment to the next.

    Raises:
        Conflict: Somebody else trains it by now.
        NotFound: There is no such pipeline any more.
        Unavailable: Its files are damaged; nothing is changed.
    """
    await services.publication.refresh(services.store)
    pipeline = find(pipelines_of(services), request.pipeline)
    own = TrainerRequest(pipeline=pipeline.name, holder=request.holder)
    if not await hold_training(services, own):
        raise Conflict(f"Somebody else trains '{pipeline.name}' by now.", value=pipeline.name)
    folder = services.recommender_folder.path
    found = await asyncio.to_thread(load, folder, request.body, 0)
    told = _Told(
        trained=request.trained,
        sources=tuple(source.recommender.name for source in found.sources),
        bytes=sum(each.bytes for each in found.manifest.files),
        simulated=request.simulated,
        unwilling=request.unwilling,
    )
    number = await services.artifacts.put(
        RECOMMENDER,
        pipeline.name,
        request.body,
        origin=Origin(made=request.made, events=request.events, snapshot=request.snapshot),
        meta=msgspec.to_builtins(told),
    )
    await services.artifacts.activate(RECOMMENDER, pipeline.name, number, now=services.clock())
    await services.store.set_value(_STOPPED + pipeline.name, None)
    await services.models.refresh(services)
    tried = Tried(services.clock(), in_words(pipeline.name, number, request.trained), failed=False)
    await services.store.set_value(_TRIED + pipeline.name, msgspec.json.encode(tried))
    await _end(services, pipeline.name, request.holder)
    await clean_up(services)
    return await _status(services, pipeline)


async def _end(services: Services, pipeline: str, holder: str) -> None:
    kept = await services.store.value(_HELD + pipeline)
    held = _decode_held(kept)
    if held is not None and held.holder == holder:
        await services.store.swap_value(_HELD + pipeline, kept, None)


async def clean_up(services: Services) -> int:
    """Remove the files of artifacts that nobody needs any more; return of how many."""
    heads = await services.artifacts.heads(RECOMMENDER)
    used = {
        head.digest
        for head in heads
        if (mapped := services.models.recommenders.get(head.name)) and mapped.number == head.number
    }
    return await asyncio.to_thread(services.recommender_folder.clean, heads, used, services.clock())


async def show_pipelines(services: Services, request: PipelineRequest) -> Pipelines:
    """Return the pipelines with what was trained for them.

    Raises:
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
    """
    await services.publication.refresh(services.store)
    known = pipelines_of(services)
    chosen = [find(known, request.pipeline)] if request.pipeline else list(known.values())
    return Pipelines(pipelines=tuple([await _status(services, each) for each in chosen]))


async def activate_trained(services: Services, request: PipelineRequest) -> PipelineStatus:
    """Recommend by an earlier artifact again, until the next training.

    Raises:
        NotFound: There is no such artifact, or pipeline.
        Unavailable: It is damaged, or its files were removed.
    """
    await services.publication.refresh(services.store)
    pipeline = find(pipelines_of(services), request.pipeline)
    found = await services.artifacts.get(RECOMMENDER, pipeline.name, request.number)
    if found is None:
        raise NotFound(
            f"Nothing was trained for '{pipeline.name}' under {request.number}.",
            value=request.number,
            hint="'persx recommend status' lists what was.",
        )
    await asyncio.to_thread(load, services.recommender_folder.path, found.body, request.number)
    await services.artifacts.activate(
        RECOMMENDER, pipeline.name, request.number, now=services.clock()
    )
    await services.store.set_value(_STOPPED + pipeline.name, None)
    await services.models.refresh(services)
    return await _status(services, pipeline)


async def stop_recommending(services: Services, request: PipelineRequest) -> PipelineStatus:
    """Recommend by nothing that was trained; what was is kept, and nothing new is trained.

    Raises:
        NotFound: There is no such pipeline.
    """
    await services.publication.refresh(services.store)
    pipeline = find(pipelines_of(services), request.pipeline)
    await services.store.set_value(_STOPPED + pipeline.name, b"1")
    await services.artifacts.activate(RECOMMENDER, pipeline.name, None, now=services.clock())
    await services.models.refresh(services)
    return await _status(services, pipeline)


async def is_stopped(services: Services, pipeline: str) -> bool:
    """Tell whether somebody switched a pipeline off."""
    return await services.store.value(_STOPPED + pipeline) is not None


async def last_tried(services: Services, pipeline: str) -> Tried:
    """Return what the last training came to."""
    kept = await services.store.value(_TRIED + pipeline)
    return msgspec.json.decode(kept, type=Tried) if kept else Tried(0, "", failed=False)


def _decode_held(kept: bytes | None) -> _Held | None:
    return msgspec.json.decode(kept, type=_Held) if kept else None


def _is_dead(holder: str) -> bool:
    """Tell whether a trainer was a process of this machine that is no more."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False


async def training_since(services: Services, pipeline: str) -> Millis:
    """Return when the training that runs began; 0 where none runs."""
    held = _decode_held(await services.store.value(_HELD + pipeline))
    return held.since if held and held.by_somebody_else("", services.clock()) else 0


def find(known: Mapping[str, Pipeline], name: str) -> Pipeline:
    """Return a pipeline by name; the only one where none is named.

    Raises:
        BadInput: There are several, and none is named.
        NotFound: There is no such one.
    """
    if not known:
        raise NotFound(
            "The workspace has no pipeline.", hint="Declare one in pipelines.yaml, and publish."
        )
    if not name and len(known) > 1:
        raise BadInput(f"There are several pipelines: {', '.join(known)}.", hint="Name one.")
    name = name or next(iter(known))
    if name not in known:
        raise NotFound(
            f"There is no pipeline '{name}'.", value=name, hint=did_you_mean(name, list(known))
        )
    return known[name]


async def _status(services: Services, pipeline: Pipeline) -> PipelineStatus:
    name = pipeline.name
    heads = await services.artifacts.heads(RECOMMENDER, name)
    active = next((head for head in heads if head.active), None)
    tried = await last_tried(services, name)
    return PipelineStatus(
        pipeline=name,
        label=pipeline.label or name,
        description=pipeline.description,
        sources=tuple(source.recommender for source in pipeline.sources),
        every=pipeline.every,
        since=pipeline.since,
        active=active.number if active else 0,
        stale=staleness(pipeline, active.origin.made if active else None, services.clock()),
        changed=await _changed(services, pipeline),
        training_since=await training_since(services, name),
        stopped=await is_stopped(services, name),
        tried=tried.outcome,
        tried_at=tried.at,
        failed=tried.failed,
        nothing_yet=tried.nothing,
        artifacts=await asyncio.to_thread(_artifacts, services, heads),
    )


async def _changed(services: Services, pipeline: Pipeline) -> bool:
    try:
        found = await services.artifacts.get(RECOMMENDER, pipeline.name)
    except PersxError:
        return False
    return found is not None and is_changed(found.body, pipeline)


def is_changed(body: bytes, pipeline: Pipeline) -> bool:
    """Tell whether a pipeline learns otherwise now than when it was trained."""
    try:
        manifest = msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError:
        return True
    if manifest.format != FORMAT:
        # Another version fitted it.
        return True
    trained = manifest.pipeline
    if pipeline.newcomers and not trained.newcomers:
        # What they are compared with is made by a training.
        return True
    return (trained.sources, trained.since) != (pipeline.sources, pipeline.since)


def _artifacts(services: Services, heads: Sequence[ArtifactHead]) -> tuple[TrainedArtifact, ...]:
    found = []
    for head in heads:
        told = msgspec.convert(head.meta, _Told)
        found.append(
            TrainedArtifact(
                number=head.number,
                made=head.origin.made,
                snapshot=head.origin.snapshot,
                events=head.origin.events,
                digest=head.digest,
                active=head.active,
                activated=head.activated,
                there=services.recommender_folder.has(head.digest),
                bytes=told.bytes,
                sources=told.sources,
                trained=told.trained,
                simulated=told.simulated,
                unwilling=told.unwilling,
            )
        )
    return tuple(found)


def in_words(pipeline: str, number: int, trained: TrainedOn) -> str:
    """Return in one line what a training came to."""
    return (
        f"'{pipeline}' recommends by number {number}: {trained.rows:,} touches of "
        f"{trained.items:,} items by {trained.users:,} visitors, in {trained.seconds:,.1f} s and "
        f"{trained.memory / 1e6:,.0f} MB."
    )


def given_up(own: TrainerRequest, error: BaseException) -> TrainerRequest:
    """Return what is told of a training that came to nothing."""
    why = str(error) if isinstance(error, PersxError) else f"{type(error).__name__}: {error}"
    if isinstance(error, NothingYet):
        seen = error.value if isinstance(error.value, int) else 0
        return msgspec.structs.replace(own, failed=why, nothing=True, seen=seen)
    return msgspec.structs.replace(own, failed=why)


def _finished(request: FinishedRequest, done: PipelineStatus) -> list[Noted]:
    detail = f"number {done.active}" + (", by its schedule" if request.scheduled else "")
    return [Noted("recommender.train", done.pipeline, detail)]


def _chosen(_request: PipelineRequest, done: PipelineStatus) -> list[Noted]:
    if not done.active:
        return [Noted("recommender.stop", done.pipeline)]
    return [Noted("recommender.activate", done.pipeline, f"number {done.active}")]


def _nothing(_request: TrainerRequest, _done: object) -> list[Noted]:
    return []


BEGIN: Final = UseCase(
    "recommend-begin", TrainerRequest, PipelineStatus, begin_training, notes=_nothing
)
HOLD: Final = UseCase("recommend-hold", TrainerRequest, bool, hold_training, notes=_nothing)
GIVE_UP: Final = UseCase(
    "recommend-give-up", TrainerRequest, bool, give_up_training, notes=_nothing
)
FINISH: Final = UseCase(
    "recommend-finish", FinishedRequest, PipelineStatus, finish_training, notes=_finished
)
STATUS: Final = UseCase(
    "recommend-status", PipelineRequest, Pipelines, show_pipelines, writes=False
)
ACTIVATE: Final = UseCase(
    "recommend-activate", PipelineRequest, PipelineStatus, activate_trained, notes=_chosen
)
OFF: Final = UseCase(
    "recommend-off", PipelineRequest, PipelineStatus, stop_recommending, notes=_chosen
)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (BEGIN, HOLD, GIVE_UP, FINISH, STATUS, ACTIVATE, OFF)
"""What can be asked about the training of pipelines."""
