"""Training a pipeline: from the log to what recommends, by schedule, and what stands in its way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from persx.app import recommender_schedule
from persx.app.erasing import erase
from persx.app.health_gathering import stale_pipelines
from persx.app.recommender_records import PipelineRequest, PipelineStatus, TrainerRequest
from persx.app.recommender_schedule import is_due, start_training
from persx.app.recommender_training import (
    activate_trained,
    begin_training,
    give_up_training,
    hold_training,
    new_holder,
    show_pipelines,
    stop_recommending,
)
from persx.app.services import Services
from persx.app.trainer import train_inside
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.errors import BadInput, Conflict, NotFound, NothingYet, Unavailable
from persx.model.event import anonymous_key
from persx.recommend.query import Query
from tests.recommend.shop import NOW, PIPELINES, files, have, said, serve, shop, tell, viewed

pytestmark = pytest.mark.anyio


async def status(services: Services, name: str = "popular") -> PipelineStatus:
    (found,) = (await show_pipelines(services, PipelineRequest(pipeline=name))).pipelines
    return found


def recommended(services: Services, name: str = "popular") -> dict[str, float]:
    """What the trained pipeline says, by id."""
    trained = services.models.recommenders[name]
    source = trained.sources[0]
    found = source.recommender.rank(source.arrays, source.config, Query(), 50)
    return {
        trained.ids[item]: float(score)
        for item, score in zip(found.items, found.scores, strict=True)
    }


async def two_visits(services: Services) -> None:
    await have(services, "shoe", "sock", "hat")
    await tell(services, [*viewed("ann", "shoe", "sock"), *viewed("bob", "sock")])


async def test_what_was_trained_recommends_at_once() -> None:
    async with shop() as services:
        await two_visits(services)
        before = await status(services)
        assert (before.active, before.artifacts) == (0, ())
        assert "never been trained" in before.stale
        found = await train_inside(services, "popular")
        assert (found.active, found.stale, found.changed) == (1, "", False)
        assert found.training_since == 0
        (newest,) = found.artifacts
        assert newest.there
        assert (newest.trained.users, newest.trained.items, newest.trained.rows) == (2, 3, 3)
        assert (newest.sources, newest.made, newest.events) == (("popularity",), NOW, 3)
        assert newest.trained.memory > 0
        scores = recommended(services)
        assert scores["sock"] > scores["shoe"]
        assert "number 1" in found.tried
        assert not found.failed


async def test_an_earlier_one_can_be_used_again_and_none() -> None:
    async with shop() as services:
        await two_visits(services)
        await train_inside(services, "popular")
        await tell(services, viewed("cid", "hat", "shoe", "sock"))
        await train_inside(services, "popular")
        assert "hat" in recommended(services)
        request = PipelineRequest(pipeline="popular", number=1)
        assert (await activate_trained(services, request)).active == 1
        assert "hat" not in recommended(services)
        off = await stop_recommending(services, PipelineRequest(pipeline="popular"))
        assert (off.active, off.stopped) == (0, True)
        assert "popular" not in services.models.recommenders
        assert not await is_due(services, services.publication.plan.workspace.pipelines["popular"])
        with pytest.raises(NotFound, match="under 9"):
            await activate_trained(services, PipelineRequest(pipeline="popular", number=9))
        with pytest.raises(NotFound, match="Did you mean 'popular'"):
            await activate_trained(services, PipelineRequest(pipeline="populer", number=1))
        with pytest.raises(BadInput, match="several pipelines"):
            await train_inside(services, "")


async def test_one_whose_files_are_gone_is_not_activated() -> None:
    async with shop() as services:
        await two_visits(services)
        await train_inside(services, "popular")
        await tell(services, viewed("cid", "hat"))
        await train_inside(services, "popular")
        digest = (await status(services)).artifacts[1].digest
        for file in (services.recommender_folder.path / digest[:32]).iterdir():
            file.unlink()
        with pytest.raises(Unavailable, match="is missing"):
            await activate_trained(services, PipelineRequest(pipeline="popular", number=1))
        assert (await status(services)).active == 2


async def test_nothing_to_learn_from_is_said_and_nothing_is_changed() -> None:
    async with shop() as services:
        with pytest.raises(NothingYet, match="nothing to learn 'popular' from yet"):
            await train_inside(services, "popular")
        await have(services, "only")
        with pytest.raises(NothingYet, match="nothing to learn"):
            await train_inside(services, "popular")
        found = await status(services)
        assert (found.active, found.artifacts) == (0, ())
        assert (found.failed, found.nothing_yet) == (False, True)
        workspace = services.publication.plan.workspace
        assert await stale_pipelines(services, workspace) == {}, "nothing is known of it, no more"
        assert found.training_since == 0
        # With a first visit there is something, even where there is but one item.
        await tell(services, viewed("ann", "only"))
        found = await train_inside(services, "popular")
        assert (found.active, found.nothing_yet) == (1, False)
        assert await stale_pipelines(services, workspace) == {"popular": ""}
        # Nobody has bought anything.
        await train_inside(services, "bought")
        assert recommended(services, "bought") == {}


async def test_where_there_was_nothing_it_is_looked_again_later(caplog: Any) -> None:
    async with shop() as services:
        # So many page views may hold a touch; that they hold none is known when they are read.
        await tell(services, [said("ann", "/about")])
        popular = services.publication.plan.workspace.pipelines["popular"]
        assert await is_due(services, popular)
        with caplog.at_level("INFO", logger="persx"):
            await recommender_schedule.train_when_due(services)
        assert "nothing to learn 'popular' from yet" in caplog.text
        assert not [each for each in caplog.records if each.levelname == "ERROR"]
        assert not await is_due(services, popular), "not the whole log again at once"
        await tell(services, [said("ann", "/about", ago=1)])
        assert not await is_due(services, popular)
        await tell(services, viewed("bob", "shoe"))
        assert await is_due(services, popular), "so much has come that something may be in it"
        services.clock = lambda: NOW + HOUR
        assert await is_due(services, popular)


async def test_what_does_not_fit_is_refused_and_told() -> None:
    async with shop(train_megabytes=50) as services:
        await two_visits(services)
        services.settings = msgspec.structs.replace(services.settings, train_megabytes=0)
        with pytest.raises(Conflict, match="PERSX_TRAIN_MEGABYTES"):
            await train_inside(services, "popular")
        assert (await status(services)).failed


async def test_two_at_once_one_is_told_so() -> None:
    async with shop() as services:
        await two_visits(services)
        # This process lives: whoever holds it is believed.
        own = TrainerRequest(pipeline="popular", holder=new_holder())
        assert (await begin_training(services, own)).training_since == NOW
        with pytest.raises(Conflict, match="Somebody trains 'popular' already"):
            await train_inside(services, "popular")
        assert await hold_training(services, own)
        assert not await is_due(services, services.publication.plan.workspace.pipelines["popular"])
        assert (await train_inside(services, "bought")).active == 1, "another is not in the way"
        assert not await start_training(services, "popular")
        await give_up_training(services, msgspec.structs.replace(own, failed="I was asked to."))
        assert (await train_inside(services, "popular")).active == 1


async def test_who_is_silent_for_long_is_forgotten() -> None:
    async with shop() as services:
        await two_visits(services)
        elsewhere = TrainerRequest(pipeline="popular", holder="elsewhere:1:abc")
        await begin_training(services, elsewhere)
        with pytest.raises(Conflict):
            await train_inside(services, "popular")
        services.clock = lambda: NOW + 4 * MINUTE
        assert (await train_inside(services, "popular")).active == 1
        assert await hold_training(services, elsewhere), "nobody has it now"


async def test_a_server_trains_by_schedule() -> None:
    async with shop() as services:
        look = recommender_schedule.train_when_due
        await look(services)
        assert not (await status(services)).tried, "there is nothing to learn from yet"
        await two_visits(services)
        await look(services)
        assert (await status(services)).active == 1
        assert (await status(services, "bought")).active == 0, "it is trained by hand"
        await look(services)
        assert (await status(services)).active == 1, "it is not due yet"
        services.clock = lambda: NOW + DAY
        await look(services)
        assert (await status(services)).active == 2
        # Other sources: it is trained anew at once.
        site = files(PIPELINES.replace("popularity}", "popularity, config: {half_life: 3}}"))
        await serve(services, site)
        assert (await status(services)).changed
        await look(services)
        found = await status(services)
        assert (found.active, found.changed) == (3, False)


async def test_what_came_to_nothing_is_tried_again_later(caplog: Any) -> None:
    async with shop() as services:
        await two_visits(services)
        services.settings = msgspec.structs.replace(services.settings, train_megabytes=0)
        await recommender_schedule.train_when_due(services)
        assert "MB are allowed" in caplog.text
        services.settings = msgspec.structs.replace(services.settings, train_megabytes=50)
        await recommender_schedule.train_when_due(services)
        assert (await status(services)).active == 0, "not at once"
        services.clock = lambda: NOW + HOUR
        await recommender_schedule.train_when_due(services)
        assert (await status(services)).active == 1


async def test_who_was_erased_is_in_no_later_training_which_comes_within_the_hour() -> None:
    async with shop() as services:
        await two_visits(services)
        await recommender_schedule.train_when_due(services)
        services.clock = lambda: NOW + 1
        await erase(services, [anonymous_key("ann")])
        await recommender_schedule.train_when_due(services)
        assert (await status(services)).active == 1, "one hour may have many erasures"
        services.clock = lambda: NOW + HOUR
        await recommender_schedule.train_when_due(services)
        found = await status(services)
        assert (found.active, found.artifacts[0].trained.users) == (2, 1)
        services.clock = lambda: NOW + 3 * HOUR
        await recommender_schedule.train_when_due(services)
        assert (await status(services)).active == 2, "once is enough"


async def test_it_is_stale_when_it_is_twice_as_old_as_it_is_to_be() -> None:
    async with shop() as services:
        await two_visits(services)
        await train_inside(services, "popular")
        services.clock = lambda: NOW + 2 * DAY
        assert not (await status(services)).stale
        services.clock = lambda: NOW + 2 * DAY + 1
        assert "older than twice" in (await status(services)).stale


async def test_old_files_go_after_a_training(tmp_path: Path) -> None:
    async with shop(tmp_path / "home") as services:
        await have(services, "shoe")
        for number in range(8):
            await tell(services, viewed(f"visitor-{number}", "shoe"))
            await train_inside(services, "popular")
        there = [each.number for each in (await status(services)).artifacts if each.there]
        assert there == [8, 7, 6, 5, 4]
        names = {path.name.partition("-")[0] for path in (tmp_path / "home/recommenders").iterdir()}
        assert len(names) == 5
        assert not names & {"building", "resume"}
