"""Receipts of lists that were asked for by name: why each item, by which rules, on what terms."""

from __future__ import annotations

import shutil
from typing import Any

import msgspec
import pytest

from persx.model.clock import DAY
from persx.model.decision import DecisionRecord
from persx.model.item import ItemId
from persx.model.pipeline import Pipeline, PipelineSource, RankingRule
from persx.storage.items import put, remove
from tests.recommend.training import put_trained
from tests.web.test_consent import publish
from tests.web.test_recommendations_api import (
    IDS,
    PUBLIC,
    SERVER,
    an_item,
    ids,
    recommended,
    serve,
    somebody,
)

pytestmark = pytest.mark.anyio

RULED = Pipeline(
    name="ruled",
    sources=(PipelineSource(recommender="popularity"),),
    rules=(
        RankingRule(do="exclude", when='"secret" in item.tags'),
        RankingRule(do="boost", when="item.price < 5", by=9, why="A bargain"),
        RankingRule(do="bury", when='item.brand == "Wren" and device == "phone"', by=3),
        RankingRule(do="pin", items=("a",), place=2, why="Ours"),
    ),
    not_viewed_within="1d",
)


@pytest.fixture
async def shop(services: Any) -> Any:
    """The demo with a pipeline of many rules, trained on what makes d the most popular."""
    await serve(services, RULED)
    await put(services.items, [an_item(id) for id in IDS])
    await put_trained(services, *IDS, pipeline=RULED)
    await services.refresh()
    return services


async def asked(client: Any, visitor: str, **params: Any) -> dict[str, Any]:
    return await recommended(client, anonymousId=visitor, pipeline="ruled", **params)


async def explained(client: Any, id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/decisions/{id}", headers=SERVER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_each_item_says_why_and_by_which_rules(shop: Any, client: Any) -> None:
    await put(
        shop.items,
        [an_item("b", price=2.0), an_item("c", brand="Wren"), an_item("d", tags=("secret",))],
    )
    visitor = somebody(shop, held=False)
    found = await asked(client, visitor, device="phone")
    assert ids(found) == ["b", "a", "c"]
    receipt = await explained(client, found["id"])
    assert receipt["blocks"] == {}
    told = receipt["recommended"]
    assert (told["pipeline"], told["reason"], told["personal"]) == (
        "ruled", "unknown_visitor", False,
    )  # fmt: skip
    assert told["allowed"] is True
    assert [(each["id"], each.get("rules", [])) for each in told["items"]] == [
        ("b", [2]), ("a", [4]), ("c", [3]),
    ]  # fmt: skip
    assert [(each["number"], each["do"]) for each in told["rules"]] == [
        (1, "exclude"), (2, "boost"), (3, "bury"), (4, "pin"),
    ]  # fmt: skip
    bargain, ours, buried = told["items"]
    assert (bargain["reason"], bargain["why"]["kind"]) == ("A bargain", "chosen")
    assert (ours["reason"], ours.get("source", "")) == ("Ours", "")
    assert (buried["why"], buried["source"]) == ({"kind": "popular"}, "popularity")
    assert buried["title"] == "C"
    assert buried["state"] == "shown"
    assert told["artifact"]["number"] == 1
    assert told["artifact"]["state"] == "active"
    assert told["artifact"]["made"] > 0
    assert receipt["attributes"]["device"] == "phone", "what rules read of the request"


async def test_what_is_gone_meanwhile_is_said_to_be(shop: Any, client: Any) -> None:
    found = await asked(client, "v1")
    await put(shop.items, [an_item("c", hidden=True)])
    await remove(shop.items, [ItemId("b")])
    shutil.rmtree(shop.recommender_folder.path)
    told = (await explained(client, found["id"]))["recommended"]
    states = {each["id"]: each["state"] for each in told["items"]}
    assert states == {"a": "shown", "b": "gone", "c": "hidden", "d": "shown"}
    assert told["artifact"]["state"] == "removed"


async def test_the_bearer_reads_their_own_and_nobody_else_does(shop: Any, client: Any) -> None:
    visitor = somebody(shop, held=False)
    found = await asked(client, visitor)
    path = f"/v1/decisions/{found['id']}"
    client.cookies.set("persx_visitor", shop.signer.visitor(visitor), "site.test")
    mine = await client.get(path)
    assert [each["id"] for each in mine.json()["recommended"]["items"]] == ids(found)
    await shop.decision_log.flush(shop.store)
    await shop.warehouse.seal()
    assert (await client.get(path)).json() == mine.json(), "sealed, it says the same"
    assert (await client.get(f"{path}.for-you")).status_code == 404
    client.cookies.set("persx_visitor", shop.signer.visitor("somebody-else"), "site.test")
    assert (await client.get(path)).status_code == 404


async def test_lines_of_earlier_versions_say_what_they_have(shop: Any, client: Any) -> None:
    id = shop.decision_log.new_id(shop.clock())
    body = {
        "snapshot": 1,
        "artifacts": {"recommender/ruled": 7},
        "attributes": {},
        "recommended": {
            "pipeline": "gone", "catalogue": 3, "anchor": "", "context": {}, "personal": True,
            "generic": False, "items": [["nothing", "popularity", 0.5]],
        },
    }  # fmt: skip
    shop.decision_log.add(
        DecisionRecord(
            id=id,
            at=shop.clock(),
            bucketing_id="a:v1",
            page="",
            snapshot=999,
            body=msgspec.json.encode(body).decode(),
        )
    )
    told = (await explained(client, id))["recommended"]
    (item,) = told["items"]
    assert (item["id"], item["state"], item["propensity"]) == ("nothing", "gone", 0.5)
    assert "why" not in item
    assert "rules" not in told
    assert "allowed" not in told
    assert told["artifact"]["state"] == "none", "the line names none of this pipeline"


async def test_who_is_held_out_gets_what_everybody_gets_and_counts_alike(
    shop: Any, client: Any
) -> None:
    arms = {}
    for held in (True, False):
        visitor = somebody(shop, held=held)
        assert (await asked(client, visitor))["arms"] == {}, "it makes no difference yet"
        event = {"anonymousId": visitor, "properties": {"path": "/shop/d"}}
        await client.post("/v1/page", json=event, headers=PUBLIC)
        found = await asked(client, visitor)
        assert ("d" in ids(found)) is held, "viewed within a day: left out, but for the holdout"
        assert found["personal"] is not held
        assert found["reason"] == ("holdout" if held else "targeted")
        arms.update(found["arms"])
        receipt = await explained(client, found["id"])
        (arm,) = receipt["experiments"]
        assert (arm["experiment"], arm["eligible"]) == ("holdout", True)
        assert arm["arm"] == found["arms"]["holdout"] == ("generic" if held else "targeted")
        assert receipt["recommended"].get("held_out", False) is held
    assert arms == {"holdout": "targeted"}


async def test_who_wants_generic_content_gets_it_here_too(shop: Any, client: Any) -> None:
    visitor = somebody(shop, held=False)
    event = {"anonymousId": visitor, "properties": {"path": "/shop/d"}}
    await client.post("/v1/page", json=event, headers=PUBLIC)
    assert "d" not in ids(await asked(client, visitor))
    traits = {"anonymousId": visitor, "traits": {"generic_content": True}}
    await client.post("/v1/identify", json=traits, headers=SERVER)
    found = await asked(client, visitor)
    assert "d" in ids(found)
    assert (found["reason"], found["personal"], found["arms"]) == ("disabled", False, {})


async def test_a_line_that_is_too_old_is_said_to_be(shop: Any, client: Any) -> None:
    workspace = shop.publication.plan.workspace
    retention = msgspec.structs.replace(workspace.settings.retention, decisions="30d")
    settings = msgspec.structs.replace(workspace.settings, retention=retention)
    await publish(shop, msgspec.structs.replace(workspace, settings=settings))
    old, young = (shop.decision_log.new_id(shop.clock() - days * DAY) for days in (40, 2))
    answer = await client.get(f"/v1/decisions/{old}", headers=SERVER)
    assert answer.status_code == 404
    assert "kept for 30d" in answer.json()["message"]
    answer = await client.get(f"/v1/decisions/{young}", headers=SERVER)
    assert "no such decision" in answer.json()["message"]


@pytest.mark.usefixtures("shop")
async def test_an_export_holds_the_lists(client: Any) -> None:
    event = {"anonymousId": "v1", "event": "Tried"}
    await client.post("/v1/track", json=event, headers=PUBLIC)
    found = await asked(client, "v1")
    answer = await client.get("/v1/me", params={"anonymousId": "v1"}, headers=SERVER)
    assert answer.status_code == 200, answer.text
    (line,) = answer.json()["decisions"]
    assert line["id"] == found["id"]
    assert [each["id"] for each in line["recommended"]["items"]] == ids(found)
    assert line["recommended"]["items"][0]["why"]
