"""Kept sums: they are what a reading would find, or nobody sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.app import kept_sums
from persx.app.all_experiments import ExperimentsRequest, all_experiments
from persx.app.erasing import erase
from persx.app.identities import IdentityRequest, link, unmerge
from persx.app.recent_reports import recent_report
from persx.app.refreshing import Refreshing
from persx.app.reports import ReportRequest, report
from persx.experiments.readout import Readout
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.event import EventType, anonymous_key
from persx.model.metric import Metric
from persx.model.workspace import (
    Goal,
    HoldoutSettings,
)
from tests.experiments.kept_world import HOLDOUT, STALE, WORKSPACE, Play, World, a_world, play

__all__ = ["play"]


def figures(readout: Readout) -> Any:
    return msgspec.to_builtins(readout)


MOVES = st.one_of(
    st.tuples(st.just("see"), st.sampled_from("abcd"), st.sampled_from(["generic", "targeted"])),
    st.tuples(st.just("do"), st.sampled_from("abcd"), st.sampled_from(["Form Submitted", "Other"])),
    st.tuples(st.just("buy"), st.sampled_from("abcd"), st.integers(-5, 50)),
    st.tuples(st.just("join"), st.sampled_from("abcd"), st.sampled_from("xy")),
    st.tuples(st.just("erase"), st.sampled_from("abcd"), st.none()),
    st.tuples(st.just("seal"), st.none(), st.none()),
    st.tuples(st.just("look"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([MINUTE, DAY])),
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(MOVES, max_size=8))
def test_what_is_kept_is_what_a_reading_finds(play: Play, moves: list[Any]) -> None:
    async def scene(world: World) -> None:
        for move, who, what in moves:
            if move == "see":
                await world.see(who, what)
            elif move == "do":
                await world.do(who, what)
            elif move == "buy":
                await world.do(who, "Order Completed", revenue=what)
            elif move == "join":
                await world.append(
                    type=EventType.IDENTIFY,
                    anonymous_id=who,
                    user_id=what,
                    timestamp=world.now,
                    verified=True,
                )
            elif move == "erase":
                await erase(world.services, [anonymous_key(who)])
            elif move == "seal":
                await world.services.warehouse.seal(keep=0)
            elif move == "look":
                await world.recent()
            else:
                world.now += what
        # Whatever is kept is too old to be shown, unless it is exact.
        world.now += STALE
        shown = await world.recent()
        assert figures(shown) == figures(await report(world.services, HOLDOUT))
        # And now it is exact, at any later time.
        world.now += 30 * DAY
        queries = world.queries
        shown = await world.recent()
        assert world.queries == queries
        assert figures(shown) == figures(await report(world.services, HOLDOUT))

    play(scene)


def test_a_page_reads_the_log_once_while_nothing_comes(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        for _ in range(5):
            assert (await world.recent()).visitors == 1
        assert world.queries == 1
        await world.see("b", "generic")
        assert (await world.recent()).visitors == 1, "It is young enough."
        world.now += STALE
        assert (await world.recent()).visitors == 2
        assert world.queries == 2

    play(scene)


def test_another_confidence_needs_no_other_reading(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        await world.recent()
        wide = await world.recent(ReportRequest(name="holdout", confidence=0.99))
        assert (wide.confidence, world.queries) == (0.99, 1)

    play(scene)


def test_another_definition_is_read_anew(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        await world.do("a", "Order Completed", revenue=3)
        await world.recent()
        goal = Goal(name="signup", event="Order Completed")
        await world.publish(msgspec.structs.replace(WORKSPACE, goals={"signup": goal}))
        found = await world.recent()
        assert found.arms["targeted"].metrics["signup"].total == 1
        assert world.queries == 2

    play(scene)


def test_an_erased_visitor_is_in_nothing_that_is_shown_or_kept(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        await world.see("b", "targeted")
        assert (await world.recent()).visitors == 2
        await erase(world.services, [anonymous_key("a")])
        assert await kept_sums.load_all(world.services.store) == {}
        assert (await world.recent()).visitors == 1

    play(scene)


def test_what_was_read_before_an_erasure_and_comes_after_is_not_kept(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        reading = asyncio.Event()
        erased = asyncio.Event()
        warehouse = world.services.warehouse

        class Slow:
            def __getattr__(self, name: str) -> Any:
                return getattr(warehouse, name)

            def seen_by(self, scope: Any) -> Any:
                reader = warehouse.seen_by(scope)

                class Reader:
                    async def query_together(self, *args: Any, **more: Any) -> Any:
                        found = await reader.query_together(*args, **more)
                        reading.set()
                        await erased.wait()
                        return found

                return Reader()

        world.services.warehouse = Slow()  # type: ignore[assignment]
        late = asyncio.create_task(world.recent())
        await reading.wait()
        world.services.warehouse = warehouse
        await erase(world.services, [anonymous_key("a")])
        assert (await world.recent()).visitors == 0, "It does not wait for the older reading."
        erased.set()
        await late
        assert (await world.recent()).visitors == 0
        kept = await kept_sums.load(world.services.store, "holdout")
        assert kept is not None
        assert kept.generation == await kept_sums.generation(world.services.store)

    play(scene)


def test_unmerged_visitors_are_counted_anew(play: Play) -> None:
    async def scene(world: World) -> None:
        for who in ("a", "b"):
            await world.see(who, "targeted")
            await world.append(
                type=EventType.IDENTIFY,
                anonymous_id=who,
                user_id="u",
                timestamp=world.now,
                verified=True,
            )
        assert (await world.recent()).visitors == 1
        await unmerge(world.services, IdentityRequest(id="a:a", other="u:u"))
        assert (await world.recent()).visitors == 2
        await link(world.services, IdentityRequest(id="a:a", other="u:u"))
        assert (await world.recent()).visitors == 1

    play(scene)


def test_those_who_come_together_wait_for_one_reading(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        found = await asyncio.gather(*(world.recent() for _ in range(8)))
        assert {each.visitors for each in found} == {1}
        assert world.queries == 1

    play(scene)


def test_who_goes_away_stops_nobody_elses_reading(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        first = asyncio.create_task(world.recent())
        second = asyncio.create_task(world.recent())
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).visitors == 1
        assert world.queries == 1

    play(scene)


def test_time_alone_ripens_a_metric_within_a_time(play: Play) -> None:
    async def scene(world: World) -> None:
        week = Metric(name="week", goal="signup", within="7d")
        holdout = HoldoutSettings(share=0.5, metrics=("week",))
        await world.publish(
            msgspec.structs.replace(
                WORKSPACE,
                settings=msgspec.structs.replace(WORKSPACE.settings, holdout=holdout),
                metrics={"week": week},
            )
        )
        await world.see("a", "targeted", ago=6 * DAY)
        assert (await world.recent()).arms["targeted"].metrics["week"].n == 0
        world.now += HOUR // 2
        await world.recent()
        assert world.queries == 1
        world.now += 2 * DAY
        assert (await world.recent()).arms["targeted"].metrics["week"].n == 1

    play(scene)


def test_a_reading_that_takes_too_long_gives_way_to_older_sums(play: Play) -> None:
    async def scene(world: World) -> None:
        assert await recent_report(world.services, HOLDOUT, patience=0) is None
        await world.services.readings.stop()
        await world.see("a", "targeted")
        await report(world.services, HOLDOUT)
        await world.see("b", "targeted")
        world.now += STALE
        shown = await recent_report(world.services, HOLDOUT, patience=0)
        assert shown is not None
        assert (shown.visitors, shown.as_of[:10]) == (1, "2023-11-14")
        assert (await world.recent()).visitors == 2

    play(scene)


def test_what_somebody_wants_to_know_is_read_in_the_background(play: Play) -> None:
    async def scene(world: World) -> None:
        services = world.services
        await world.see("a", "targeted")
        refreshing = Refreshing(services)
        assert await refreshing.look() == 0, "Nobody asked."
        services.readings.asked |= dict.fromkeys(("holdout", "hero", "gone"), world.now)
        assert await refreshing.look() == 2
        assert "gone" not in services.readings.asked
        assert await refreshing.look() == 0, "Nothing is new."
        await world.took(0)
        await world.took(0, "hero")
        await world.see("b", "targeted")
        world.now += STALE
        assert await refreshing.look() == 0, "It takes no time, and nobody saw that it is old."
        services.readings.asked["holdout"] = world.now
        assert await refreshing.look() == 1
        shown = await all_experiments(services, ExperimentsRequest())
        assert {each.name: each.visitors for each in shown.experiments} == {
            "holdout": 2,
            "hero": None,
        }
        world.now += 2 * DAY
        assert await refreshing.look() == 0
        assert not services.readings.asked, "Nobody asked since yesterday."

    play(scene)


def test_slow_ones_are_read_before_anybody_asks_again(play: Play) -> None:
    async def scene(world: World) -> None:
        services = world.services
        await report(services, HOLDOUT)
        await world.took(0.5)
        services.readings.asked["holdout"] = world.now
        await world.see("a", "targeted")
        world.now += 9_000
        assert await Refreshing(services).look() == 0
        world.now += 2_000
        assert await Refreshing(services).look() == 1
        assert (await world.recent()).visitors == 1

    play(scene)


def test_a_process_that_was_killed_while_it_erased_leaves_nothing_old(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_world(tmp_path / "home") as world:
            await world.see("a", "targeted")
            await world.recent()
            changing = kept_sums.forgetting(world.services.store)
            await changing.__aenter__()  # And it never comes to the end.
            assert (await world.recent()).visitors == 1
            assert await kept_sums.load_all(world.services.store) == {}
        async with a_world(tmp_path / "home") as world:
            assert await kept_sums.generation(world.services.store) is not None
            await world.recent()
            assert list(await kept_sums.load_all(world.services.store)) == ["holdout"]

    asyncio.run(scene())


def test_what_another_version_kept_is_read_anew(play: Play) -> None:
    async def scene(world: World) -> None:
        await world.see("a", "targeted")
        await world.services.store.set_value("readout:holdout", b"\xff?")
        assert (await world.recent()).visitors == 1

    play(scene)
