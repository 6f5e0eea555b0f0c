"""No alert twice: over kill -9 between sending and noting, and from two processes of one store."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from persx.app.alerting import deliver
from persx.app.health_record import Health
from persx.app.looking import look
from persx.app.services import Services
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.decision import Reason
from persx.model.errors import Conflict, Unavailable
from persx.model.health import ObjectiveState
from tests.health.conftest import Place, decided, restarted
from tests.health.sinks import WebhookSink
from tests.health.test_looking import SAAS, SERVED, of

pytestmark = pytest.mark.anyio

SENDS = """
import asyncio, sys
from pathlib import Path
from persx.app.alerting import deliver
from persx.app.looking import look
from persx.model.decision import Reason
from tests.health.conftest import Place, decided

async def main():
    async with Place(Path(sys.argv[1]), sys.argv[2]).opened() as services:
        decided(services, Reason.NO_MATCH, 50)
        await look(services)
        await deliver(services)

asyncio.run(main())
"""


def begun(home: Path, url: str) -> subprocess.Popen[bytes]:
    """A process that confirms something and sends it."""
    return subprocess.Popen([sys.executable, "-c", SENDS, str(home), url])


async def test_kill_9_between_sending_and_noting_tells_nobody_twice(
    tmp_path: Path, hook: WebhookSink, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    sender = begun(home, hook.url)
    hook.taken = lambda: os.kill(sender.pid, signal.SIGKILL)
    assert await asyncio.to_thread(sender.wait, 60) == -signal.SIGKILL
    hook.taken = lambda: None
    assert hook.events() == [("confirmed", SERVED, SAAS)]
    place = Place(home, hook.url)
    async with place.opened() as services:
        for _ in range(3):
            place.later(HOUR)
            status = await look(services)
            await deliver(services)
        assert of(status, SERVED).state is ObjectiveState.CONFIRMED
        (alert,) = status.alerts
    assert hook.events() == [("confirmed", SERVED, SAAS)]
    why = "unsure: The process ended while it was being sent."
    assert alert.channels["webhook"] == why
    assert "Whether this arrived by webhook is not known" in caplog.text


def twin(services: Services) -> Services:
    """Another process on the same store."""
    other = copy.copy(services)
    restarted(other)
    return other


async def test_who_was_away_for_too_long_tells_nobody_again(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    services.health.serving = True
    decided(services, Reason.NO_MATCH, 50)
    await look(services)
    other = twin(services)
    other.health.serving = True
    place.later(DAY)
    status = await look(other)
    await deliver(other)
    assert hook.events() == [("confirmed", SERVED, SAAS)]
    with pytest.raises(Conflict, match="Another process"):
        await deliver(services)
    assert (await look(services)).alerts == status.alerts
    await deliver(services)
    assert hook.events() == [("confirmed", SERVED, SAAS)]
    await look(other)
    assert (await look(other)).alerts[0].channels == {"log": "sent", "webhook": "sent"}


async def test_what_was_counted_in_vain_is_counted_later(services: Services, place: Place) -> None:
    """Another process kept what it found while this one was looking."""
    decided(services, Reason.NO_MATCH, 50)
    services.health.serving = True
    await look(services)
    other = twin(services)
    place.later(DAY)
    await look(other)
    decided(services, Reason.NO_MATCH, 7)
    with pytest.raises(Conflict):
        await look(services)
    place.later()
    status = await look(services)
    assert of(status, SERVED).finding.numerator == 7, "of today"


async def test_a_message_that_cannot_be_claimed_is_not_sent_before_it_can(
    services: Services, place: Place, hook: WebhookSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(services, Reason.NO_MATCH, 50)
    await look(services)

    async def full(*_: object) -> bool:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(services.store, "swap_value", full)
        with pytest.raises(Unavailable):
            await deliver(services)
    assert hook.messages == []
    place.later()
    await look(services)
    await deliver(services)
    assert hook.events() == [("confirmed", SERVED, SAAS)]


async def test_who_is_stopped_while_sending_still_notes_it(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    decided(services, Reason.NO_MATCH, 50)
    await look(services)
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    hook.taken = lambda: (loop.call_soon_threadsafe(arrived.set), None)[1]
    sending = asyncio.create_task(deliver(services))
    await arrived.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    # As a server that stops: it looks once more, after what is under way.
    await look(services)
    services.health = Health(lambda: place.now)
    place.later(MINUTE)
    (alert,) = (await look(services)).alerts
    assert alert.channels == {"log": "sent", "webhook": "sent"}
    assert len(hook.messages) == 1


async def test_what_nothing_is_known_of_is_not_over(services: Services, place: Place) -> None:
    """A lift that the report withholds from now on has not recovered."""
    from persx.app.alerting import told
    from persx.app.health_record import ObjectiveRecord, Record
    from persx.health.judging import Finding
    from persx.health.objectives import DEFAULT_OBJECTIVES

    def found(state: ObjectiveState) -> dict[str, dict[str, Finding]]:
        nothing: dict[str, dict[str, Finding]] = {each.name: {} for each in DEFAULT_OBJECTIVES}
        return {**nothing, "lift": {"SaaS": Finding(subject="SaaS", state=state, since=0)}}

    record = Record(objectives={each.name: ObjectiveRecord() for each in DEFAULT_OBJECTIVES})
    kinds = []
    for state in (
        ObjectiveState.CONFIRMED, ObjectiveState.UNKNOWN, ObjectiveState.CONFIRMED,
        ObjectiveState.UNKNOWN, ObjectiveState.OK, ObjectiveState.OK,
    ):  # fmt: skip
        before = len(record.posted)
        record = told(services, record, found(state), {}, None, place.now)
        kinds.append([each.alert.kind for each in record.posted[before:]])
    assert kinds == [["confirmed"], [], [], [], ["recovered"], []]
