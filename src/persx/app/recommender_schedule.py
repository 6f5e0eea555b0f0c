"""Training by schedule, and on demand, in a server: in a process of its own that gives way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import Final

import msgspec

from persx.app import audit
from persx.app.erasing import ERASED
from persx.app.home import SERVER_FILE, ServerAddress
from persx.app.interactions_of_log import moment_of, most_touches
from persx.app.recommender_records import TrainerRequest
from persx.app.recommender_training import (
    give_up_training,
    given_up,
    is_changed,
    is_stopped,
    last_tried,
    new_holder,
    training_since,
)
from persx.app.services import Services
from persx.app.trainer import train_inside
from persx.app.use_cases import Noted
from persx.model.artifact import RECOMMENDER
from persx.model.clock import HOUR, parse_duration
from persx.model.errors import PersxError
from persx.model.pipeline import Pipeline
from persx.model.staff import Actor

RETRY: Final = HOUR
"""What came to nothing is not tried again before."""

_ONE_THREAD: Final = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)

_log = logging.getLogger("persx")


async def train_when_due(services: Services) -> None:
    """Train what is due by now, one after the other; tell what came of it in the log."""
    plan = services.publication.plan
    for pipeline in (plan.workspace.pipelines if plan else {}).values():
        if await is_due(services, pipeline):
            await train_apart(services, pipeline.name, scheduled=True)


async def is_due(services: Services, pipeline: Pipeline) -> bool:
    """Tell whether a server is to train a pipeline now.

    It is where it has `every`, and nothing was tried since; where it learns from other sources
    now; where somebody was erased, of whom it learned perhaps, an hour later at most; and, where
    it was never trained, as soon as there is something to learn from.
    """
    if not pipeline.every or await is_stopped(services, pipeline.name):
        return False
    if await training_since(services, pipeline.name):
        return False
    now, tried = services.clock(), await last_tried(services, pipeline.name)
    lately = now - tried.at < RETRY
    if tried.failed and lately:
        return False
    try:
        active = await services.artifacts.get(RECOMMENDER, pipeline.name)
    except PersxError:
        # It is damaged, and was told.
        active = None
    if active is not None:
        if tried.nothing and lately:
            return False
        old = now - active.head.origin.made >= parse_duration(pipeline.every)
        # Somebody who went back to an earlier number keeps it for as long as it is not older.
        old = old and now - tried.at >= parse_duration(pipeline.every)
        erased = int(await services.store.value(ERASED) or 0)
        forgets = erased >= active.head.origin.made and now - tried.at >= RETRY
        return old or forgets or is_changed(active.body, pipeline)
    since = now - parse_duration(pipeline.since) if pipeline.since else 0
    events = await most_touches(services, since, await moment_of(services))
    # Where they told of no item, the log is read again once it has twice as many.
    return events > 2 * tried.seen if tried.nothing and lately else bool(events)


async def train_apart(services: Services, name: str, *, scheduled: bool = False) -> None:
    """Train a pipeline beside this process; what comes of it is told in the log and the status.

    Where no other process can read the home, because all is in memory, it is done here.
    """
    began = services.clock()
    try:
        if _is_served_here(services):
            await _spawn(services, name, scheduled=scheduled)
        else:
            found = await train_inside(services, name, scheduled=scheduled)
            detail = f"number {found.active}" + (", by its schedule" if scheduled else "")
            await audit.note(services, Actor("persx"), Noted("recommender.train", name, detail))
    except PersxError as error:
        tried = await last_tried(services, name)
        if tried.at < began or not tried.outcome:
            await give_up_training(services, given_up(_own(name), error))
    tried = await last_tried(services, name)
    _log.log(logging.ERROR if tried.failed else logging.INFO, "Training: %s", tried.outcome)


def _is_served_here(services: Services) -> bool:
    """Tell whether commands find this process by the home, and can read what it keeps."""
    if services.home is None or services.settings.store.partition(":")[0] == "memory":
        return False
    try:
        found = msgspec.json.decode((services.home / SERVER_FILE).read_bytes(), type=ServerAddress)
    except (OSError, msgspec.DecodeError):
        return False
    return found.pid == os.getpid()


async def _spawn(services: Services, name: str, *, scheduled: bool) -> None:
    began = services.clock()
    command = [sys.executable, "-m", "persx", "recommend", "train", name, "--json"]
    command += ["--home", str(services.home), *(["--scheduled"] if scheduled else [])]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            **_ONE_THREAD,
            "PERSX_STORE": services.settings.store,
            "PERSX_TRAIN_MEGABYTES": str(services.settings.train_megabytes),
        },
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    tried = await last_tried(services, name)
    if process.returncode and tried.at < began:
        # It could not even tell that it failed.
        lines = said.decode(errors="replace").strip().splitlines() or ["It said nothing."]
        why = lines[-1].removeprefix("Error: ")
        if process.returncode < 0:
            why = f"The process that trained was ended by signal {-process.returncode}."
        await give_up_training(services, msgspec.structs.replace(_own(name), failed=why))


def _own(name: str) -> TrainerRequest:
    return TrainerRequest(pipeline=name, holder=new_holder())


async def start_training(services: Services, name: str) -> bool:
    """Train a pipeline, and do not wait for it; tell whether nobody trains it yet."""
    if services.trainings.runs(name) or await training_since(services, name):
        return False
    services.trainings.start(name, train_apart(services, name))
    return True
