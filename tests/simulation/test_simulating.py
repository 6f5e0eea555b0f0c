"""Simulated visitors: known effects come out, all of it is marked, real visitors are left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from persx.app.collecting import collect
from persx.app.home import open_home
from persx.app.reports import ReportRequest, report
from persx.app.settings import ServerSettings
from persx.app.simulated_people import Seen, Town, people, whole_effect
from persx.app.simulation import simulate
from persx.model.clock import DAY
from persx.model.errors import BadInput, Conflict
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.simulation import (
    ID_PREFIX,
    Break,
    Effect,
    Effects,
    Habits,
    Simulation,
)
from persx.storage.scope import System
from persx.testing import see
from tests.demos import publish_demo

pytestmark = pytest.mark.anyio

NOW = 1_795_773_600_000
SMALL = Simulation(visitors=150, days=10)


@pytest.fixture
async def demo() -> AsyncIterator[Any]:
    """The demo in memory, at a time that stands still."""
    settings = ServerSettings(store="memory", write_key="w", server_key="s")
    async with open_home(None, settings, clock=lambda: NOW) as opened:
        await publish_demo(opened)
        yield opened


def effects(**kinds: float) -> Effects:
    return Effects(effects=(Effect(**kinds),))


async def decisions(services: Any) -> list[dict[str, Any]]:
    answer = await services.warehouse.seen_by(System("a test")).query(
        'SELECT "at", bucketing_id, body FROM decisions'
    )
    return [{"at": int(at), "of": of, **msgspec.json.decode(body)} for at, of, body in answer.rows]


async def test_everything_that_is_made_says_that_it_is_simulated(demo: Any) -> None:
    done = await simulate(demo, SMALL)
    events = await see(demo.stream).read()
    assert len(events) == done.events > 300
    assert all(event.context["simulated"] is True for event in events)
    assert all((event.anonymous_id or "").startswith(ID_PREFIX) for event in events)
    assert all(each["of"].startswith(f"a:{ID_PREFIX}") for each in await decisions(demo))
    assert demo.simulation.visitors == SMALL.visitors
    assert (await report(demo, ReportRequest(name="holdout"))).simulated


async def test_they_came_in_the_last_days_and_nothing_happens_later_than_now(demo: Any) -> None:
    done = await simulate(demo, SMALL)
    events = await see(demo.stream).read()
    assert (done.start, done.end) == (NOW - 10 * DAY, NOW)
    assert all(done.start <= event.timestamp <= NOW for event in events)
    days = {(event.timestamp - done.start) // DAY for event in events}
    assert days >= set(range(10))
    readout = await report(demo, ReportRequest(name="holdout"))
    assert readout.first_exposure is not None
    assert not any("week" in reason for pli in readout.pli for reason in pli.withheld)


async def test_the_same_seed_makes_the_same_visitors_and_another_makes_others() -> None:
    told = []
    for seed in (1, 1, 2):
        async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
            await publish_demo(services)
            asked = msgspec.structs.replace(SMALL, visitors=60, seed=seed)
            done = await simulate(services, asked)
            events = [
                (event.anonymous_id, event.timestamp, event.name)
                for event in await see(services.stream).read()
            ]
            told.append((events, msgspec.structs.replace(done, seconds=0.0)))
    assert told[0] == told[1]
    assert told[0][0] != told[2][0]


async def test_a_large_known_effect_is_found_by_the_report(demo: Any) -> None:
    asked = Simulation(
        visitors=1_500, days=14, seed=3, declare=1.0, denials=0.0, cleared=0.0, bots=0.0,
        effects=Effects(goals={"form_submission": 0.2}, effects=(Effect(conversion=3.0),)),
    )  # fmt: skip
    done = await simulate(demo, asked)
    readout = await report(demo, ReportRequest(name="holdout"))
    found = readout.arms["targeted"].metrics["form_submission"]
    assert found.low is not None
    assert 0 < found.low < 2.0
    truth = done.truth[""]
    assert truth.lift == pytest.approx(2.0)
    assert truth.entered == readout.visitors
    assert found.high is None or found.high > 2.0
    assert not readout.srm.mismatch


async def test_browsing_more_changes_neither_who_counts_nor_who_converts(demo: Any) -> None:
    asked = Simulation(
        visitors=200, days=10, seed=2, declare=1.0, denials=0.0, cleared=0.0, bots=0.0,
        effects=effects(browse=4.0),
    )  # fmt: skip
    plain = msgspec.structs.replace(asked, effects=effects())
    more = await simulate(demo, asked)
    exposed = {
        event.anonymous_id
        for event in await see(demo.stream).read(limit=100_000)
        if event.name == EXPOSURE
    }
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as other:
        await publish_demo(other)
        less = await simulate(other, plain)
        same = {
            event.anonymous_id
            for event in await see(other.stream).read(limit=100_000)
            if event.name == EXPOSURE
        }
    assert more.pages > 1.5 * less.pages
    assert exposed == same
    assert more.truth == less.truth
    # Who browses longer converts a little later, and a few not before now.
    assert abs(sum(more.conversions.values()) - sum(less.conversions.values())) <= 3


async def test_a_broken_variant_is_told_by_the_decisions_from_its_day_on(demo: Any) -> None:
    breaks = (Break(block="home-hero", variant="ecommerce", day=5),)
    asked = msgspec.structs.replace(SMALL, visitors=500, breaks=breaks)
    done = await simulate(demo, asked)
    reasons: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for each in await decisions(demo):
        for block, _, reason, _ in each["decisions"]:
            if block == "home-hero" and each["attributes"].get("industry") == "eCommerce":
                reasons[each["at"] >= done.start + 5 * DAY][reason] += 1
    assert reasons[False]["targeted"] > 5
    assert reasons[False]["invalid"] == 0
    assert reasons[True]["invalid"] > 5
    assert reasons[True]["targeted"] == 0
    # What is served is whole.
    assert demo.publication.plan.faults == ()


async def test_no_line_of_the_decision_log_is_lost_however_often_events_are_kept(
    demo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes back soon makes events be kept early, before a batch is full."""
    monkeypatch.setattr("persx.app.decision_log.CAPACITY", 450)
    monkeypatch.setattr("persx.app.simulation.BATCH", 400)
    asked = msgspec.structs.replace(SMALL, returning=1.0, cleared=0.0, denials=0.0, bots=0.0)
    done = await simulate(demo, asked)
    assert len(await decisions(demo)) == done.pages > 600


async def test_who_denies_leaves_nothing_and_bots_expose_nothing(demo: Any) -> None:
    asked = msgspec.structs.replace(SMALL, denials=1.0, bots=0.5)
    done = await simulate(demo, asked)
    assert done.denied == SMALL.visitors
    assert done.bots == SMALL.visitors // 2
    assert await see(demo.stream).read() == []
    assert await decisions(demo) == []


async def test_cleared_cookies_make_somebody_new(demo: Any) -> None:
    asked = msgspec.structs.replace(SMALL, returning=1.0, cleared=1.0, denials=0.0)
    done = await simulate(demo, asked)
    ids = {event.anonymous_id for event in await see(demo.stream).read()}
    assert done.cleared > 50
    assert len(ids) == SMALL.visitors + done.cleared


async def test_real_visitors_are_not_mixed_with_simulated_ones_by_accident(demo: Any) -> None:
    real = Event(
        type=EventType.TRACK, message_id="1", anonymous_id="ann", name="Hello",
        timestamp=NOW, received=NOW,
    )  # fmt: skip
    await collect(demo, [real])
    with pytest.raises(Conflict, match="1 events of real visitors"):
        await simulate(demo, SMALL)
    assert demo.simulation is None
    assert len(await see(demo.stream).read()) == 1
    await simulate(demo, msgspec.structs.replace(SMALL, into_real_data=True))
    assert demo.simulation is not None


async def test_simulated_visitors_may_be_joined_by_more(demo: Any) -> None:
    await simulate(demo, SMALL)
    await simulate(demo, msgspec.structs.replace(SMALL, seed=2))
    assert demo.simulation.visitors == 2 * SMALL.visitors


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Simulation(effects=Effects(industries={"SaS": Habits()})), "Did you mean 'SaaS'"),
        (Simulation(effects=Effects(goals={"form": 0.1})), "no goal 'form'"),
        (Simulation(effects=Effects(effects=(Effect(block="hero"),))), "no block 'hero'"),
        (
            Simulation(effects=Effects(effects=(Effect(block="home-hero", variant="x"),))),
            "no variant of block 'home-hero' 'x'",
        ),
        (Simulation(breaks=(Break(block="home", variant="x", day=1),)), "no block 'home'"),
        (Simulation(breaks=(Break(block="home-hero", variant="x", day=1),)), "no variant 'x'"),
    ],
)
async def test_what_the_workspace_does_not_have_is_refused_before_anybody_comes(
    demo: Any, asked: Simulation, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        await simulate(demo, asked)
    assert await see(demo.stream).read() == []
    assert demo.simulation is None


async def test_the_real_counters_of_the_process_do_not_move(demo: Any) -> None:
    await simulate(demo, SMALL)
    text = {
        sample.name: sample.value
        for family in demo.metrics.registry.collect()
        for sample in family.samples
        if sample.labels.get("result") == "accepted" or sample.labels.get("reason") == "targeted"
    }
    assert text["persx_events_total"] == text["persx_decisions_total"] == 0
    assert demo.decision_log.written == 0


async def test_in_opt_in_mode_they_agree_before_anything_is_kept() -> None:
    from persx.app.publishing import PublishRequest, PushRequest, publish, push
    from persx.demo import demo_folder
    from persx.workspace.documents import read_folder

    files = read_folder(demo_folder())
    files["settings.yaml"] += "\nconsent: {mode: opt_in}\n"
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        await push(services, PushRequest(files=files, base={}, author="t"))
        await publish(services, PublishRequest(author="t", message=""))
        done = await simulate(services, msgspec.structs.replace(SMALL, denials=0.5))
        events = await see(services.stream).read()
    agreed = {event.anonymous_id for event in events if event.name == "Consent Changed"}
    assert 0 < done.denied < SMALL.visitors
    assert {event.anonymous_id for event in events} == agreed


def test_what_somebody_is_shown_changes_nothing_of_who_they_are() -> None:
    town = Town({"SaaS": Habits(), "Education": Habits(pages=5.0)}, ("g",), ("/", "/a"))
    asked = Simulation(visitors=300, days=5)
    first = list(people(asked, town, 0, 5 * DAY))
    again = list(
        people(msgspec.structs.replace(asked, effects=effects(browse=9)), town, 0, 5 * DAY)
    )
    assert first == again
    assert sum(person.bot for person in first) == round(300 * asked.bots)
    assert [person.visits[0].at for person in first] == sorted(
        person.visits[0].at for person in first
    )


def test_each_effect_works_once_and_only_where_it_fits() -> None:
    known = Effects(
        effects=(
            Effect(conversion=2.0),
            Effect(industry="SaaS", revenue=3.0),
            Effect(block="hero", variant="a", browse=5.0),
            Effect(industry="Other", conversion=100.0),
        )
    )
    seen = Seen(known, "SaaS")
    for shown in ([], [("hero", "b")], [("hero", "b"), ("cta", "a")], [("hero", "a")]):
        seen.add(shown)
        seen.add(shown)
    assert (seen.conversion, seen.revenue, seen.browse) == (2.0, 3.0, 5.0)
    assert whole_effect(known, "SaaS") == 2.0
