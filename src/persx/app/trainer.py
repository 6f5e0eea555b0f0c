"""The trainer: reads the log, fits a pipeline, and hands it to whoever may write the home.

It is a process of its own, so that a server neither waits nor shares its memory with it. It reads
beside a server, closes the log before it fits, and writes nothing but files of the folder of
recommenders; what it has done there outlives it, and the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from persx.app.commands import call
from persx.app.home import open_home
from persx.app.interactions_of_log import (
    MEGABYTE,
    Gathered,
    Moment,
    gather,
    moment_of,
    most_touches,
    too_large,
)
from persx.app.recommender_folder import NAME
from persx.app.recommender_records import FinishedRequest, PipelineStatus, TrainerRequest
from persx.app.recommender_training import (
    BEGIN,
    FINISH,
    GIVE_UP,
    HOLD,
    begin_training,
    find,
    finish_training,
    give_up_training,
    given_up,
    new_holder,
    pipelines_of,
)
from persx.app.services import Services
from persx.app.settings import load_settings
from persx.model.clock import HOUR, parse_duration
from persx.model.errors import Conflict, NothingYet
from persx.model.pipeline import Pipeline
from persx.recommend.artifact import Building, TrainedOn
from persx.recommend.fitting import fit, key_of, memory_of

NICENESS: Final = 10
"""A trainer gives way to whoever serves visitors."""

RENEW_SECONDS: Final = 45.0

GOES_ON: Final = 6 * HOUR
"""A training that was interrupted longer ago begins anew, with what came since."""


class Watcher:
    """Told how a training goes; this one tells nobody."""

    def say(self, text: str) -> None:
        """Tell something in words."""

    def reading(self, touches: int, most: int) -> None:
        """Tell how many touches were read, of how many at most."""

    def fitting(self, share: float, recommender: str) -> None:
        """Tell the share of the fitting that is done, and what is at work."""


SILENT: Final = Watcher()


class _Read(NamedTuple):
    """What a pipeline is trained on, and as of which snapshot."""

    pipeline: Pipeline
    gathered: Gathered
    snapshot: int
    most_megabytes: int


class _Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What was being trained, so that a killed trainer's work is gone on with."""

    pipeline: Pipeline
    moment: Moment
    building: str = ""


def be_humble() -> None:
    """Give way to other processes of this machine."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS - os.nice(0))


def train(
    home: Path, name: str, watcher: Watcher = SILENT, *, scheduled: bool = False
) -> PipelineStatus:
    """Train a pipeline of a home in this process, beside its server perhaps.

    Raises:
        Conflict: Somebody trains it already, or it is too large.
        NothingYet: There is nothing to learn from.
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
    """
    own = TrainerRequest(pipeline=name, holder=new_holder())
    name = call(home, BEGIN, own).pipeline
    own = msgspec.structs.replace(own, pipeline=name)
    try:
        with _holding(home, own) as check:
            read = asyncio.run(_read_home(home, name, watcher))
            request = _build(home / NAME, read, own.holder, watcher, check, scheduled=scheduled)
        return call(home, FINISH, request)
    except BaseException as error:
        with contextlib.suppress(Exception):
            call(home, GIVE_UP, given_up(own, error))
        raise


async def train_inside(services: Services, name: str, *, scheduled: bool = False) -> PipelineStatus:
    """Train a pipeline in this process, for a home that no other process can read.

    Raises:
        Conflict: Somebody trains it already, or it is too large.
        NothingYet: There is nothing to learn from.
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
    """
    own = TrainerRequest(pipeline=name, holder=new_holder())
    name = (await begin_training(services, own)).pipeline
    try:
        folder = services.recommender_folder.path
        read = await _read(services, folder, name, SILENT)
        request = await asyncio.to_thread(
            _build, folder, read, own.holder, SILENT, lambda: None, scheduled=scheduled
        )
        return await finish_training(services, request)
    except BaseException as error:
        await give_up_training(
            services, given_up(msgspec.structs.replace(own, pipeline=name), error)
        )
        raise


async def _read_home(home: Path, name: str, watcher: Watcher) -> _Read:
    settings = load_settings(home)
    async with open_home(home, settings, read_only=True, deciding=False) as services:
        await services.publication.refresh(services.store)
        return await _read(services, home / NAME, name, watcher)


async def _read(services: Services, folder: Path, name: str, watcher: Watcher) -> _Read:
    pipeline = find(pipelines_of(services), name)
    plan = services.publication.plan
    left = _left(folder, pipeline, services.clock())
    moment = left.moment if left else await moment_of(services)
    since = moment.now - parse_duration(pipeline.since) if pipeline.since else 0
    most = await most_touches(services, since, moment)
    megabytes = services.settings.train_megabytes
    gathered = await gather(
        services,
        plan,
        moment,
        since=since,
        most_megabytes=megabytes,
        told=lambda touches: watcher.reading(touches, most),
    )
    if not len(gathered.data.users):
        raise NothingYet(
            f"There is nothing to learn '{pipeline.name}' from yet: nobody who allows it has "
            "viewed or bought an item" + (f" within {pipeline.since}." if since else "."),
            value=most,
            hint="What is read: Product Viewed, Product Added, Order Completed, and views of "
            "items' pages.",
        )
    return _Read(pipeline, gathered, services.publication.number, megabytes)


def _build(
    folder: Path,
    read: _Read,
    holder: str,
    watcher: Watcher,
    check: Callable[[], object],
    *,
    scheduled: bool,
) -> FinishedRequest:
    """Fit what was read and write its files; return what is told of it."""
    pipeline, gathered, snapshot, megabytes = read
    data, began = gathered.data, time.monotonic()
    bound = memory_of(pipeline, data)
    if bound > megabytes * MEGABYTE:
        raise too_large(f"Training '{pipeline.name}'", bound, megabytes)
    watcher.say(
        f"'{pipeline.name}': {len(data.users):,} touches of {data.item_count:,} items by "
        f"{data.user_count:,} visitors; takes up to {-(-bound // MEGABYTE):,} MB of the "
        f"{megabytes:,} MB that are allowed"
    )
    building = Building(folder, key_of(pipeline, data))
    _note(folder, pipeline, gathered.moment, building)

    def told(share: float, recommender: str) -> None:
        check()
        watcher.fitting(share, recommender)

    sources = fit(pipeline, data, building, told)
    trained = TrainedOn(
        users=data.user_count,
        items=data.item_count,
        rows=len(data.users),
        first=int(data.times.min()),
        last=int(data.times.max()),
        seconds=round(time.monotonic() - began, 3),
        memory=_most_memory(),
    )
    body = building.finish(pipeline, data.ids, sources, trained)
    _resume_file(folder, pipeline.name).unlink(missing_ok=True)
    return FinishedRequest(
        pipeline=pipeline.name,
        holder=holder,
        body=body,
        made=gathered.moment.now,
        events=gathered.moment.events,
        snapshot=snapshot,
        trained=trained,
        simulated=gathered.simulated,
        unwilling=gathered.unwilling,
        scheduled=scheduled,
    )


def _most_memory() -> int:
    """Return the bytes that this process took at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _resume_file(folder: Path, name: str) -> Path:
    return folder / f"resume-{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _left(folder: Path, pipeline: Pipeline, now: int) -> _Resume | None:
    """Return what an interrupted training of the same pipeline has left, if it is not too old."""
    try:
        left = msgspec.json.decode(_resume_file(folder, pipeline.name).read_bytes(), type=_Resume)
    except (OSError, msgspec.DecodeError):
        return None
    fresh = now - left.moment.now < GOES_ON
    return left if fresh and left.pipeline == pipeline else None


def _note(folder: Path, pipeline: Pipeline, moment: Moment, building: Building) -> None:
    """Note what is being trained; what an earlier training left of something else goes."""
    file = _resume_file(folder, pipeline.name)
    with contextlib.suppress(OSError, msgspec.DecodeError):
        left = msgspec.json.decode(file.read_bytes(), type=_Resume).building
        if left.startswith("building-") and "/" not in left and left != building.folder.name:
            shutil.rmtree(folder / left, ignore_errors=True)
    note = _Resume(pipeline=pipeline, moment=moment, building=building.folder.name)
    beside = file.with_suffix(".part")
    beside.write_bytes(msgspec.json.encode(note))
    beside.replace(file)


@contextlib.contextmanager
def _holding(home: Path, own: TrainerRequest) -> Iterator[Callable[[], object]]:
    """Say now and then that this training goes on; yield what raises if it must not."""
    over, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            # A server that restarts just now is asked again.
            with contextlib.suppress(Exception):
                if not call(home, HOLD, own):
                    lost.set()

    def check() -> None:
        if lost.is_set():
            raise Conflict(f"Somebody else trains '{own.pipeline}' by now.", value=own.pipeline)

    thread = threading.Thread(target=renew, name="persx-holding", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        over.set()
        thread.join(2.0)
