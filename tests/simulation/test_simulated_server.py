"""Meanwhile, on the simulated days: health is looked at, blocks learn, and nothing else moves."""

from __future__ import annotations

import msgspec
import pytest

from persx.app.health import HealthRequest, last_health
from persx.app.home import open_home
from persx.app.learning import learn, show_learning, stop_learning
from persx.app.learnings import LearnRequest
from persx.app.looking import look
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.simulation import simulate
from persx.health.counts import Counts
from persx.model.clock import DAY, HOUR
from persx.model.errors import Conflict
from persx.model.health import ObjectiveState
from persx.model.simulation import SIMULATED_LABEL, Break, Effect, Effects, Simulated, Simulation

pytestmark = pytest.mark.anyio

NOW = 1_795_773_600_000
DAYS = 8
BREAK = Break(block="hero", variant="saas", day=4)
ASKED = Simulation(
    visitors=400, days=DAYS, seed=4, declare=1.0, denials=0.0, cleared=0.0,
    effects=Effects(effects=(Effect(block="box", variant="best", conversion=4.0),)),
)  # fmt: skip

SITE = {
    "settings.yaml": "{name: Trial, holdout: {share: 0.1, goals: [order]}, coverage: warn}",
    "attributes.yaml": "industry: {type: string, values: [SaaS, Health]}",
    "industries.yaml": "SaaS: {}\nHealth: {}",
    "goals.yaml": "order: {event: Order Completed}",
    "pages/home.yaml": "{path: /, title: Home, blocks: [hero, box]}",
    "blocks/hero.yaml": "type: cta\ncontent: {headline: A, label: Go, href: /}\nvariants:\n"
    "  saas: {when: industry == 'SaaS', content: {headline: B}}\n"
    "  health: {when: industry == 'Health', content: {headline: C}}\n",
    "blocks/box.yaml": "type: cta\ncontent: {headline: A, label: Go, href: /}\npolicy: learn\n"
    "learn: {goal: order, window: 6h, every: 2d, held_out: 0.1}\nvariants:\n"
    "  plain: {content: {headline: B}}\n  best: {content: {headline: C}}\n",
}


async def site(services: Services) -> Services:
    """Publish a site with a block of rules and one that learns."""
    await push(services, PushRequest(files=dict(SITE), base={}, author="t"))
    await publish(services, PublishRequest(author="t", message=""))
    await services.refresh()
    return services


async def simulated(asked: Simulation) -> Simulated:
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        return await simulate(await site(services), asked)


async def test_a_broken_variant_is_confirmed_on_its_day_and_without_one_nothing_is() -> None:
    assert (await simulated(ASKED)).alarms == []
    broken = await simulated(msgspec.structs.replace(ASKED, breaks=(BREAK,)))
    first = broken.alarms[0]
    assert (first.objective, first.kind, first.subjects) == (
        "content-works", "confirmed", ("hero · SaaS",)
    )  # fmt: skip
    assert 0 < first.at - (broken.start + 4 * DAY) < DAY
    assert first.at % HOUR == broken.start % HOUR
    assert {alarm.subjects for alarm in broken.alarms} == {("hero · SaaS",)}


async def test_health_of_the_home_has_the_days_and_the_alarm_says_it_is_simulated() -> None:
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        await site(services)
        await look(services)
        await simulate(services, msgspec.structs.replace(ASKED, breaks=(BREAK,)))
        kept = await last_health(services, HealthRequest())
        seen = await look(services)
        record = services.health.record
    objectives = {each.name: each for each in seen.objectives}
    assert kept.at <= NOW
    assert objectives["content-works"].state is ObjectiveState.CONFIRMED
    assert len(objectives["content-works"].points) >= DAYS
    assert record is not None
    assert {posted.alert.site for posted in record.posted} == {f"Trial ({SIMULATED_LABEL})"}
    # What was decided on simulated days is not counted as of now.
    assert [piece.counts for piece in services.health.tally.take({})] == [Counts()]


async def test_a_block_learns_by_its_schedule_and_shows_what_works() -> None:
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        await site(services)
        done = await simulate(
            services, msgspec.structs.replace(ASKED, visitors=1_500, returning=0.0)
        )
        told = (await show_learning(services, LearnRequest(block="box"))).blocks[0]
    assert done.learned == {"box": DAYS // 2 + 1}
    made = sorted(each.made - done.start for each in told.published)
    assert made == [2 * number * DAY for number in range(DAYS // 2 + 1)]
    used = next(each for each in told.published if each.active)
    assert used.made == done.end
    assert used.learned_from.visitors > 500
    assert used.probabilities is not None
    assert used.probabilities.overall.shares["best"] > 0.9


async def test_what_somebody_stopped_does_not_learn() -> None:
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        await stop_learning(await site(services), LearnRequest(block="box"))
        done = await simulate(services, ASKED)
        assert done.learned == {}
        assert services.models.probabilities == {}


async def test_learning_that_another_process_does_is_left_to_it() -> None:
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        await site(services)
        assert await services.store.lease("learn/box", "another", NOW + DAY, NOW)
        with pytest.raises(Conflict):
            await learn(services, LearnRequest(block="box"))
        assert (await simulate(services, ASKED)).learned == {}


@pytest.mark.parametrize("asked", [{"tended": False}, {"into_real_data": True}])
async def test_untended_or_among_real_data_nothing_is_done_meanwhile(
    asked: dict[str, bool],
) -> None:
    async with open_home(None, ServerSettings(store="memory"), clock=lambda: NOW) as services:
        await site(services)
        changed = msgspec.structs.replace(ASKED, breaks=(BREAK,), **asked)
        done = await simulate(services, changed)
        assert (done.alarms, done.learned) == ([], {})
        assert services.models.probabilities == {}


async def test_who_comes_is_the_same_whether_or_not_somebody_tends() -> None:
    plain = msgspec.structs.replace(ASKED, effects=Effects())
    tended, untended = [
        await simulated(msgspec.structs.replace(plain, tended=each)) for each in (True, False)
    ]
    assert (tended.visits, tended.pages) == (untended.visits, untended.pages)
    assert tended.truth == untended.truth
