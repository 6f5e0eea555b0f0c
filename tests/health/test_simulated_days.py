"""Simulated visitors count on their own days, and alarm nobody unless content breaks."""

from __future__ import annotations

import pytest

from persx.app.health_record import back, bounds, load_days
from persx.app.looking import look
from persx.app.services import Services
from persx.app.simulation import simulate
from persx.app.tally import SimulatedTally, Tally
from persx.model.clock import DAY, HOUR
from persx.model.decision import Decision, Reason
from persx.model.health import ObjectiveState
from persx.model.simulation import Break, Simulation
from persx.storage.scope import System
from tests.health.conftest import Place, decided
from tests.health.test_looking import of

pytestmark = pytest.mark.anyio

ASKED = Simulation(visitors=220, days=6)
TODAY = "2026-11-18"


async def logged(services: Services) -> int:
    reader = services.warehouse.seen_by(System("a test"))
    return int((await reader.query("SELECT count(*) FROM decisions AS d")).rows[0][0])


async def test_each_day_has_its_own_and_nothing_is_confirmed(services: Services) -> None:
    done = await simulate(services, ASKED)
    status = await look(services)
    days = await load_days(services.store)
    assert sorted(days) == [back(TODAY, n) for n in reversed(range(7))]
    assert all(kept.whole for day, kept in days.items() if day != TODAY)
    assert all(kept.counts.visitors.all > 5 for kept in days.values())
    pages = sum(each.counts.pages for each in days.values())
    withheld = sum(each.counts.withheld for each in days.values())
    assert pages + withheld == done.pages
    assert pages == await logged(services), "no line of the log is lost"
    assert days[TODAY].counts.pages < pages / 4
    assert status.confirmed == ()
    assert of(status, "personalization-rate").state is ObjectiveState.OK
    assert of(status, "content-works").finding.denominator == sum(
        n
        for (_, _, reason), n in days[TODAY].counts.decisions.items()
        if reason != Reason.HOLDOUT.value
    ), "a window of one day is today's"
    for name in ("personalization-rate", "content-works", "industries-served"):
        assert len(of(status, name).points) == 7
    assert of(status, "latency").state is ObjectiveState.UNKNOWN, "nobody waited for an answer"
    assert status.criteria[0].verdict.value == "met"


async def test_a_variant_that_breaks_in_it_is_confirmed(services: Services) -> None:
    breaks = (Break(block="home-hero", variant="ecommerce", day=3),)
    await simulate(services, Simulation(visitors=400, days=6, tended=False, breaks=breaks))
    status = await look(services)
    wrong = [each.subject for each in of(status, "content-works").subjects]
    assert wrong == ["home-hero · eCommerce"]
    assert {each.name for each in status.confirmed} == {"content-works", "industries-served"}
    titles = [each.title for each in status.alerts]
    assert len(titles) == 2
    assert all(each.startswith("PersX.ai (Simulated data): ") for each in titles)


async def test_days_are_not_counted_before_the_simulation_has_passed_them(
    services: Services, place: Place
) -> None:
    await simulate(services, ASKED)
    tally = services.health.tally
    await services.store.set_value("health:record", None)
    for day in await load_days(services.store):
        await services.store.set_value(f"health:day:{day}", None)
    services.health.forget()
    made = Decision(
        block="home-hero", type="hero", variant="x", content={}, reason=Reason.TARGETED, arms={}
    )
    for day in (4, 3, 2, 1):
        past = SimulatedTally(lambda day=day: place.now - day * DAY, tally)  # type: ignore[misc]
        past.decided([made], "SaaS", storable=True)
        past.hand_over()
    tally.filling = place.now - 4 * DAY
    await look(services)
    days = await load_days(services.store)
    assert [day for day, kept in days.items() if kept.whole] == []
    tally.filling = place.now - 2 * DAY
    await look(services)
    whole = {day for day, kept in (await load_days(services.store)).items() if kept.whole}
    assert whole == {back(TODAY, 4), back(TODAY, 3)}
    tally.filling = None
    await look(services)
    whole = {day for day, kept in (await load_days(services.store)).items() if kept.whole}
    assert whole == {back(TODAY, n) for n in (4, 3, 2, 1)}


async def test_what_is_counted_of_people_belongs_to_the_day_on_which_it_was(
    services: Services, place: Place
) -> None:
    """They came just before midnight, and health looks just after."""
    await look(services)
    plan = services.publication.plan
    assert plan is not None
    place.now = bounds(TODAY, plan.zone)[1] - 1_000
    decided(services, Reason.TARGETED, 5)
    services.health.tally._close()
    place.later(31_000)
    decided(services, Reason.TARGETED, 2)
    await look(services)
    days = await load_days(services.store)
    assert (days[TODAY].counts.pages, days[back(TODAY, -1)].counts.pages) == (5, 2)


def test_simulated_hours_are_apart_and_lost_by_no_failure() -> None:
    real, now = Tally(lambda: 99 * DAY), 5 * DAY
    past = SimulatedTally(lambda: now, real)
    made = Decision(
        block="b", type="hero", variant="x", content={}, reason=Reason.TARGETED, arms={}
    )
    for _ in range(3):
        past.decided([made, made], "SaaS", storable=True)
        now += HOUR
    past.hand_over()
    taken = real.take({})
    assert [each.at for each in taken if each.simulated] == [5 * DAY + n * HOUR for n in range(3)]
    assert all(each.counts.pages == 1 for each in taken if each.simulated)
    real.give_back(taken)
    again = real.take({})
    assert [each for each in again if each.simulated] == [each for each in taken if each.simulated]
    assert [each.at for each in again if not each.simulated] == [99 * DAY] * 2
