"""Filling blocks that recommend: who gets what is theirs, and who counts in which holdout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from persx.app.audit import perform
from persx.app.background import background
from persx.app.collecting import collect_from
from persx.app.deciding import Decided, Preview, decide_for
from persx.app.home import open_home
from persx.app.publishing import PUBLISH, PUSH, PublishRequest, PushRequest
from persx.app.settings import ServerSettings
from persx.app.visiting import Visitor
from persx.demo import demo_folder
from persx.model.artifact import RECOMMENDER, Origin
from persx.model.decision import Reason
from persx.model.event import EventType
from persx.model.staff import Actor
from persx.recommend.artifact import Building, TrainedOn
from persx.workspace.documents import read_folder
from persx.workspace.validation import check

pytestmark = pytest.mark.anyio

OWN = "holdout:for-you"


def files(share: float = 0.5, **block: Any) -> dict[str, str]:
    """Return the shop without its own holdout, and one for the block that recommends."""
    found = dict(read_folder(demo_folder("shop")))
    settings = yaml.safe_load(found["settings.yaml"])
    settings["holdout"]["share"] = 0
    found["settings.yaml"] = yaml.safe_dump(settings)
    recommends = yaml.safe_load(found["blocks/home/for-you.yaml"]) | block
    found["blocks/home/for-you.yaml"] = yaml.safe_dump({**recommends, "holdout": share})
    return found


@pytest.fixture
async def shop() -> AsyncIterator[Any]:
    settings = ServerSettings(store="memory", write_key="w", server_key="s")
    async with open_home(None, settings) as opened:
        me = Actor("test")
        await perform(opened, PUSH, PushRequest(files=files(), base={}, author="test"), me)
        await perform(opened, PUBLISH, PublishRequest(author="test", message="A test"), me)
        await opened.publication.refresh(opened.store)
        async with background(opened):
            yield opened


def shelf_above() -> dict[str, str]:
    """Return the shop with another shelf of the same pipeline above the one with a holdout."""
    found = files()
    page = yaml.safe_load(found["pages/home.yaml"])
    page["blocks"].insert(page["blocks"].index("for-you"), "above")
    content = {"headline": "Above", "pipeline": "for-you", "count": 4, "anchor": "none"}
    return found | {
        "pages/home.yaml": yaml.safe_dump(page),
        "blocks/home/above.yaml": yaml.safe_dump({"type": "recommendations", "content": content}),
    }


async def serve(shop: Any, site: dict[str, str]) -> None:
    base = {path: file.digest for path, file in (await shop.store.drafts()).items()}
    me = Actor("test")
    await perform(shop, PUSH, PushRequest(files=site, base=base, author="test"), me)
    await perform(shop, PUBLISH, PublishRequest(author="test", message="Another"), me)
    await shop.refresh()


async def home(shop: Any, name: str, *, preview: Preview | None = None) -> Decided:
    plan = shop.publication.plan
    return await decide_for(
        shop,
        Visitor(anonymous_id=name, trusted=True),
        plan=plan,
        page=plan.pages["home"],
        context={"page.path": "/", "device": "desktop", "locale": "en"},
        preview=preview,
    )


async def look_at(shop: Any, name: str, product: str, category: str) -> None:
    await collect_from(
        shop,
        Visitor(anonymous_id=name, trusted=True),
        EventType.TRACK,
        name="Product Viewed",
        properties={"product_id": product, "category": category},
    )


def block(decided: Decided, name: str = "for-you") -> Any:
    return next(each for each in decided.decision.decisions if each.block == name)


def ids(decided: Decided, name: str = "for-you") -> list[str]:
    return [each["id"] for each in block(decided, name).content["items"]]


async def test_a_blocks_own_holdout_counts_whom_it_makes_a_difference_for(shop: Any) -> None:
    names = [f"v{number}" for number in range(12)]
    counted: dict[str, set[bool]] = {}
    for name in names:
        before = await home(shop, name)
        (own,) = [each for each in before.decision.assignments if each.experiment == OWN]
        assert not own.eligible, "of whom nothing is known, nothing can be made a difference"
        await look_at(shop, name, "mat-6", "Home training")
        after = await home(shop, name)
        (now,) = [each for each in after.decision.assignments if each.experiment == OWN]
        assert now.arm == own.arm
        counted.setdefault(now.arm, set()).add(now.eligible)
        (listed,) = [each for each in after.lists if each.block == "for-you"]
        assert listed.personal is (now.arm != "generic")
        wanted = Reason.HOLDOUT if now.arm == "generic" else Reason.TARGETED
        assert block(after).reason is wanted
    assert counted == {"generic": {True}, "targeted": {True}}


async def test_a_held_out_shelf_is_that_of_the_page_without_anything_personal(shop: Any) -> None:
    await serve(shop, shelf_above())
    nobody = await home(shop, "nobody")
    assert {*ids(nobody, "above")}.isdisjoint(ids(nobody))
    arms: dict[str, bool] = {}
    for number in range(12):
        name = f"v{number}"
        await look_at(shop, name, "mat-6", "Home training")
        decided = await home(shop, name)
        (own,) = [each for each in decided.decision.assignments if each.experiment == OWN]
        arms[own.arm] = own.eligible
        assert ids(decided, "above") != ids(nobody, "above"), "that shelf has no holdout"
        if own.arm == "generic":
            assert ids(decided) == ids(nobody)
        else:
            assert {*ids(decided, "above")}.isdisjoint(ids(decided))
            assert ids(decided) != ids(nobody)
    assert arms == {"generic": True, "targeted": True}


async def test_a_held_out_page_is_that_of_somebody_of_whom_nothing_is_known(shop: Any) -> None:
    site = shelf_above()
    settings = yaml.safe_load(site["settings.yaml"])
    settings["holdout"]["share"] = 0.5
    recommends = yaml.safe_load(site["blocks/home/for-you.yaml"])
    recommends.pop("holdout")
    await serve(
        shop,
        site
        | {
            "settings.yaml": yaml.safe_dump(settings),
            "blocks/home/for-you.yaml": yaml.safe_dump(recommends),
        },
    )
    nobody = await home(shop, "nobody")
    arms: dict[str, bool] = {}
    for number in range(12):
        name = f"v{number}"
        await look_at(shop, name, "mat-6", "Home training")
        decided = await home(shop, name)
        (own,) = [each for each in decided.decision.assignments if each.experiment == "holdout"]
        arms[own.arm] = own.eligible
        alike = [ids(decided, shelf) == ids(nobody, shelf) for shelf in ("above", "for-you")]
        assert alike == [own.arm == "generic"] * 2
    assert arms == {"generic": True, "targeted": True}


async def test_previews_show_and_count_nothing(shop: Any) -> None:
    decided = await home(shop, "v1", preview=Preview())
    assert ids(decided)
    assert decided.decision.forced
    assert decided.decision.assignments == ()


async def test_pages_without_such_blocks_rank_nothing(shop: Any) -> None:
    plan = shop.publication.plan
    assert plan.pages["home"].recommends
    assert not plan.pages["offers"].recommends


def test_a_block_that_names_no_pipeline_is_refused() -> None:
    variants = {"other": {"when": "hour > 5", "content": {"pipeline": "for-yu"}}}
    _, faults = check(files(variants=variants))
    (fault,) = [each for each in faults if each.severity == "error"]
    assert fault.path == "variants.other.content.pipeline"
    assert "There is no pipeline 'for-yu'" in fault.message
    assert "for-you" in fault.hint


def test_a_holdout_of_a_block_without_variants_is_meant() -> None:
    assert check(files())[1] == []


async def break_pipeline(shop: Any, name: str) -> None:
    """Have a pipeline recommend by an artifact that its recommenders cannot work with."""
    pipeline = shop.publication.plan.workspace.pipelines[name]
    building = Building(shop.recommender_folder.path, "broken")
    # Whole files, but without the arrays that the recommenders look into.
    fitted = [
        building.keep(place, source.recommender, source.config, {})
        for place, source in enumerate(pipeline.sources)
    ]
    body = building.finish(pipeline, ["mat-6"], fitted, TrainedOn(items=1))
    number = await shop.artifacts.put(
        RECOMMENDER, name, body, origin=Origin(made=shop.clock()), meta={}
    )
    await shop.artifacts.activate(RECOMMENDER, name, number, now=shop.clock())
    await shop.models.refresh(shop)


async def test_a_pipeline_that_fails_spoils_no_page(shop: Any) -> None:
    await break_pipeline(shop, "for-you")
    for name in [f"v{number}" for number in range(6)]:
        await look_at(shop, name, "mat-6", "Home training")
        decided = await home(shop, name)
        assert "KeyError" in decided.decision.errors["for-you"]
        assert block(decided).reason is Reason.ERROR
        written = shop.publication.plan.workspace.blocks["for-you"].content["instead"]
        assert ids(decided), "what the team wrote stands in"
        assert set(ids(decided)) <= set(written)
        others = [each for each in decided.decision.decisions if each.block != "for-you"]
        assert all(each.reason is not Reason.ERROR for each in others)
