"""Looking: what breaks is confirmed, told once, survives restarts, and is over when it is over."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from persx.app.alerting import GIVEN_UP_AFTER, deliver
from persx.app.audit import AuditRequest, entries, perform
from persx.app.health import (
    HEALTH,
    SILENCE,
    UNSILENCE,
    HealthRequest,
    SilenceRequest,
    UnsilenceRequest,
)
from persx.app.health_gathering import fresh_lifts
from persx.app.health_record import Record, load_days, load_record, load_status
from persx.app.looking import LEASE, look
from persx.app.services import Services
from persx.health.status import ObjectiveStatus, Status
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.decision import Reason
from persx.model.errors import BadInput, NotFound, Unavailable
from persx.model.health import ObjectiveState
from persx.model.staff import Actor
from tests.health.conftest import Place, decided, restarted
from tests.health.sinks import WebhookSink

pytestmark = pytest.mark.anyio

CONTENT = "content-works"
SERVED = "industries-served"
SAAS = ("home-hero · SaaS",)


def of(status: Status, name: str) -> ObjectiveStatus:
    return next(each for each in status.objectives if each.name == name)


async def minded(services: Services, place: Place) -> Status:
    """One round of the background work."""
    place.later()
    status = await look(services)
    await deliver(services)
    return status


async def test_without_data_nothing_is_good(services: Services, place: Place) -> None:
    status = await minded(services, place)
    states = {each.name: each.state for each in status.objectives}
    assert states.pop("fresh-variants") is ObjectiveState.OK
    assert set(states.values()) == {ObjectiveState.UNKNOWN}
    verdicts = {each.number: each.verdict.value for each in status.criteria}
    assert len(verdicts) == 12
    assert {n for n, verdict in verdicts.items() if verdict == "met"} == {4, 5}


@pytest.mark.parametrize(
    ("reason", "names"),
    [
        (Reason.ERROR, {CONTENT, SERVED}),
        (Reason.INVALID, {CONTENT, SERVED}),
        (Reason.NO_MATCH, {SERVED}),
        (Reason.UNKNOWN_VISITOR, {SERVED}),
    ],
)
async def test_breakage_is_confirmed_within_200_decisions_and_told_once(
    services: Services, place: Place, hook: WebhookSink, reason: Reason, names: set[str]
) -> None:
    decided(services, Reason.TARGETED, 500)
    assert (await minded(services, place)).confirmed == ()
    decided(services, reason, 100)
    decided(services, Reason.HOLDOUT, 12)
    status = await minded(services, place)
    assert {each.name for each in status.confirmed} == names
    assert of(status, SERVED).subjects[0].subject == SAAS[0]
    for _ in range(3):
        decided(services, reason, 50)
        await minded(services, place)
    assert sorted(hook.events()) == sorted(("confirmed", name, SAAS) for name in names)


async def test_what_reads_held_out_visitors_or_refusals_is_no_breakage(
    services: Services, place: Place
) -> None:
    for reason in (Reason.HOLDOUT, Reason.NO_CONSENT, Reason.DISABLED, Reason.ARM):
        decided(services, reason, 1_000)
    assert (await minded(services, place)).confirmed == ()


async def test_an_end_is_told_once_and_a_new_break_again(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    decided(services, Reason.ERROR, 50)
    await minded(services, place)
    decided(services, Reason.TARGETED, 100)
    status = await minded(services, place)
    assert status.confirmed == ()
    await minded(services, place)
    decided(services, Reason.ERROR, 50)
    await minded(services, place)
    told = [kind for kind, name, _ in hook.events() if name == CONTENT]
    assert told == ["confirmed", "recovered", "confirmed"]
    assert [each.channels["webhook"] for each in status.alerts] == ["waiting"] * 2 + ["sent"] * 2


async def test_another_block_that_breaks_later_is_told_too(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    decided(services, Reason.ERROR, 50)
    await minded(services, place)
    decided(services, Reason.ERROR, 50, block="home-features")
    await minded(services, place)
    found = [subjects for _, name, subjects in hook.events() if name == CONTENT]
    assert found == [SAAS, ("home-features · SaaS",)]


async def test_what_was_counted_and_confirmed_survives_a_restart(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    decided(services, Reason.ERROR, 50)
    before = await minded(services, place)
    restarted(services)
    assert await load_status(services.store) == before
    status = await minded(services, place)
    assert [each.name for each in status.confirmed] == [each.name for each in before.confirmed]
    assert of(status, CONTENT).finding.since == of(before, CONTENT).finding.since
    assert of(status, CONTENT).finding.numerator == 50
    assert len(hook.messages) == 2, "nobody is told again"


async def test_evidence_that_was_not_enough_is_kept_over_a_restart(
    services: Services, place: Place
) -> None:
    found = None
    for n in range(1, 60):
        decided(services, Reason.NO_MATCH, 1)
        status = await minded(services, place)
        restarted(services)
        if status.confirmed:
            found = n
            break
        if of(status, SERVED).state is ObjectiveState.WATCH:
            assert "may be wrong" in of(status, SERVED).finding.why
    assert found is not None
    assert 5 < found < 40


async def test_who_leaves_keeps_what_was_counted_and_leaves_the_reading_to_the_next(
    services: Services, place: Place
) -> None:
    decided(services, Reason.ERROR, 50)
    await look(services, log=False)
    restarted(services)
    _, kept = await load_record(services.store)
    assert not kept.lifts_at, "nobody waits for a report while a server stops"
    status = await minded(services, place)
    assert of(status, CONTENT).finding.numerator == 50
    assert (await load_record(services.store))[1].lifts_at


async def test_a_store_that_does_not_take_it_loses_nothing(
    services: Services, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(services, Reason.ERROR, 50)
    real = services.store.set_value

    async def full(*_: object) -> None:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(services.store, "set_value", full)
        with pytest.raises(Unavailable):
            await minded(services, place)
    assert services.store.set_value == real
    status = await minded(services, place)
    assert of(status, CONTENT).finding.numerator == 50
    assert of(status, CONTENT).state is ObjectiveState.CONFIRMED


async def test_one_process_looks_at_a_time(services: Services, place: Place) -> None:
    first = await minded(services, place)
    services.health.serving = True
    assert await services.store.lease(LEASE, "another", place.now + HOUR, place.now)
    decided(services, Reason.ERROR, 50)
    assert await minded(services, place) == first
    place.later(2 * HOUR)
    status = await minded(services, place)
    assert of(status, CONTENT).finding.numerator == 50, "what was counted meanwhile is not lost"


async def test_two_looks_at_once_count_once(services: Services) -> None:
    decided(services, Reason.TARGETED, 30)
    await asyncio.gather(*(look(services) for _ in range(5)))
    (day,) = (await load_days(services.store)).values()
    assert day.counts.pages == 30


async def test_a_silence_holds_alerts_back_until_it_ends(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    ada = Actor("ada")
    asked = SilenceRequest(objective=CONTENT, length=2 * HOUR, who="ada", why="We know.")
    made = await perform(services, SILENCE, asked, ada)
    decided(services, Reason.ERROR, 50)
    status = await minded(services, place)
    assert of(status, CONTENT).state is ObjectiveState.CONFIRMED, "a silence hides nothing"
    assert of(status, CONTENT).silenced == made.until
    assert [name for _, name, _ in hook.events()] == [SERVED]
    place.later(3 * HOUR)
    await minded(services, place)
    assert [name for _, name, _ in hook.events()] == [SERVED, CONTENT]
    (noted,) = (await entries(services, AuditRequest(what="health.silence"))).entries
    assert (noted.who, noted.on) == ("ada", CONTENT)
    assert "We know." in noted.detail


async def test_a_silence_of_one_block_and_its_end(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    asked = SilenceRequest(objective="*", subject="home-hero", length=DAY, who="a", why="b")
    made = await perform(services, SILENCE, asked, Actor("ada"))
    decided(services, Reason.ERROR, 50)
    decided(services, Reason.ERROR, 50, block="home-features")
    await minded(services, place)
    assert {subjects for _, _, subjects in hook.events()} == {("home-features · SaaS",)}
    await perform(services, UNSILENCE, UnsilenceRequest(id=made.id), Actor("ada"))
    await minded(services, place)
    assert {subjects for _, _, subjects in hook.events()} == {("home-features · SaaS",), SAAS}
    with pytest.raises(NotFound):
        await perform(services, UNSILENCE, UnsilenceRequest(id=made.id), Actor("ada"))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"objective": "content-wroks"}, NotFound),
        ({"length": 91 * DAY}, BadInput),
        ({"length": 0}, BadInput),
        ({"why": "  "}, BadInput),
    ],
)
async def test_a_silence_that_makes_no_sense_is_refused(
    services: Services, wrong: dict[str, Any], error: type[Exception]
) -> None:
    asked: dict[str, Any] = {"objective": CONTENT, "length": HOUR, "why": "because", **wrong}
    with pytest.raises(error):
        await perform(services, SILENCE, SilenceRequest(**asked), Actor("ada"))


async def test_a_webhook_that_is_down_is_tried_again_and_told_once(
    services: Services, place: Place, hook: WebhookSink, caplog: pytest.LogCaptureFixture
) -> None:
    hook.statuses = [500] * 5
    decided(services, Reason.NO_MATCH, 50)
    await minded(services, place)
    assert hook.messages == []
    for _ in range(12):
        restarted(services)
        await minded(services, place)
    assert len(hook.events()) == 1
    assert "answered 500" in caplog.text
    assert "secret" not in caplog.text


async def test_a_webhook_that_stays_down_is_given_up_after_a_day(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    hook.statuses = [503] * 1_000
    decided(services, Reason.NO_MATCH, 50)
    await minded(services, place)
    tried = 1_000 - len(hook.statuses)
    for _ in range(20):
        await deliver(services)
    assert 1_000 - len(hook.statuses) == tried, "not again and again"
    place.later(GIVEN_UP_AFTER + MINUTE)
    await minded(services, place)
    (alert,) = (await minded(services, place)).alerts
    assert alert.channels["webhook"] == "given up: The webhook answered 503."
    assert alert.channels["log"] == "sent"


async def test_a_block_that_is_gone_has_recovered(
    services: Services, place: Place, hook: WebhookSink
) -> None:
    from persx.app.publishing import PublishRequest, PushRequest, publish, push

    decided(services, Reason.ERROR, 50)
    await minded(services, place)
    drafts = await services.store.drafts()
    files = {path: each.text for path, each in drafts.items()}
    base = {path: each.digest for path, each in drafts.items()}
    (page,) = (path for path in files if path.endswith("pages/home.yaml"))
    (hero,) = (path for path in files if path.endswith("home-hero.yaml"))
    files[page] = files[page].replace("home-hero", "home-hero-2")
    files[hero.replace("home-hero", "home-hero-2")] = files.pop(hero)
    await push(services, PushRequest(files=files, base=base))
    await publish(services, PublishRequest())
    await services.refresh()
    status = await minded(services, place)
    assert status.confirmed == ()
    assert {kind for kind, _, _ in hook.events()} == {"confirmed", "recovered"}


async def test_slow_and_broken_stretches_are_confirmed_after_some_of_them(
    services: Services, place: Place
) -> None:
    slots = 0
    for _ in range(30):
        for _ in range(40):
            services.health.tally.answered(0.5)
            decided(services, Reason.TARGETED)
        for n in range(30):
            services.health.tally.browser_error("TypeError", f"/static/site.js:{n}")
        services.metrics.errors.labels("question").inc(10)
        place.later(10 * MINUTE)
        status = await minded(services, place)
        slots += 1
        if len(status.confirmed) == 3:
            break
    assert {each.name for each in status.confirmed} == {
        "latency", "browser-errors", "server-errors"
    }  # fmt: skip
    assert 3 < slots < 15
    assert of(status, "browser-errors").finding.numerator == 30 * slots


async def test_browsers_report_no_more_errors_than_pages(services: Services) -> None:
    tally = services.health.tally
    decided(services, Reason.TARGETED, 3)
    assert [tally.browser_error("E", "x") for _ in range(5)] == [True] * 3 + [False] * 2


async def test_the_use_case_looks_and_tells_prometheus(services: Services) -> None:
    decided(services, Reason.ERROR, 50)
    await perform(services, HEALTH, HealthRequest(), Actor("ada"))
    told = services.metrics.registry.get_sample_value
    assert told("persx_objective_state", {"objective": CONTENT}) == 2
    assert told("persx_objective_state", {"objective": "lift"}) == -1
    assert told("persx_indicator", {"indicator": "variant-failures"}) == 1
    assert told("persx_indicator", {"indicator": "persistence"}) is None


@pytest.mark.usefixtures("place")
async def test_without_a_holdout_there_is_no_lift_and_no_complaint(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    plan = services.publication.plan
    assert plan is not None
    own = plan.workspace.settings
    bare = msgspec.structs.replace(own, holdout=msgspec.structs.replace(own.holdout, share=0.0))
    record = await fresh_lifts(
        services, Record(), msgspec.structs.replace(plan.workspace, settings=bare)
    )
    assert record.lifts == {}
    assert "no lifts" not in caplog.text
