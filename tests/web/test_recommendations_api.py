"""What ``/v1/recommendations`` recommends, to whom, why, and what is kept of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from persx.decide.allocation import bucket
from persx.model.event import anonymous_key
from persx.model.item import Item, ItemId
from persx.model.pipeline import Pipeline, PipelineSource, RankingRule
from persx.model.workspace import ConsentMode
from persx.storage.items import put
from persx.testing import see
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.recommend.training import put_trained
from tests.web.test_consent import ask, publish

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("shop")]
SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
PUBLIC = {"Authorization": f"Bearer {WRITE_KEY}"}
AT_HOME = {"Sec-Fetch-Site": "same-origin"}
PATH = "/v1/recommendations"
IDS = ("a", "b", "c", "d")

POPULAR = Pipeline(
    name="popular",
    sources=(PipelineSource(recommender="popularity"),),
    rules=(RankingRule(do="exclude", when='item.brand == "Wren" and industry == "Healthcare"'),),
    not_viewed_within="1d",
)
TRYING = Pipeline(name="trying", sources=(PipelineSource(recommender="popularity"),), explore=0.5)


def an_item(id: str, **facts: Any) -> Item:
    fields = {"title": id.title(), "url": f"/shop/{id}", "price": 9.5, "tags": ("ours",)}
    return Item(id=ItemId(id), **{**fields, **facts})


@pytest.fixture
async def shop(services: Any) -> Any:
    """The demo with two pipelines, trained on what makes d the most popular of four items."""
    await serve(services)
    await put(services.items, [an_item(id) for id in IDS])
    for pipeline in (POPULAR, TRYING):
        await put_trained(services, *IDS, pipeline=pipeline)
    await services.refresh()
    return services


async def serve(services: Any, *more: Pipeline) -> None:
    workspace = services.publication.plan.workspace
    pipelines = {each.name: each for each in (POPULAR, TRYING, *more)}
    await publish(services, msgspec.structs.replace(workspace, pipelines=pipelines))


def somebody(services: Any, *, held: bool) -> str:
    """An id that is held out, or is not."""
    holdout = services.publication.plan.workspace.settings.holdout
    names = (f"v{number}" for number in range(1_000))
    return next(
        name
        for name in names
        if (bucket(holdout.seed, anonymous_key(name)) < holdout.share) is held
    )


async def recommended(client: Any, headers: Any = PUBLIC, **params: Any) -> dict[str, Any]:
    answer = await client.get(
        PATH,
        params={"pipeline": "popular", "count": 4, "only": ",".join(IDS), **params},
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [each["id"] for each in found["items"]]


async def test_what_is_recommended_comes_with_all_that_shows_it(client: Any) -> None:
    found = await recommended(client, anonymousId="v1")
    assert ids(found) == ["d", "c", "b", "a"]
    first = found["items"][0]
    assert first["title"] == "D"
    assert first["url"] == "/shop/d"
    assert first["price"] == 9.5
    assert first["why"] == {"kind": "popular"}
    assert first["reason"] == "Popular this week"
    assert first["propensity"] == 1.0
    assert first["source"] == "popularity"
    assert first["place"] == 1
    assert found["artifact"] == 1
    assert found["untrained"] is False
    german = await recommended(client, anonymousId="v1", locale="de")
    assert german["items"][0]["reason"] == "Diese Woche beliebt"


async def test_a_page_view_counts_in_the_next_request(client: Any) -> None:
    assert ids(await recommended(client, anonymousId="v2"))[0] == "d"
    event = {"anonymousId": "v2", "properties": {"path": "/shop/d"}}
    assert (await client.post("/v1/page", json=event, headers=PUBLIC)).status_code == 200
    found = await recommended(client, anonymousId="v2")
    assert ids(found) == ["c", "b", "a"], "viewed within a day"
    assert found["personal"] is True


async def test_a_visitor_of_our_site_needs_no_key(shop: Any, client: Any) -> None:
    visitor = somebody(shop, held=False)
    client.cookies.set("persx_visitor", shop.signer.visitor(visitor), "site.test")
    event = {"event": "Product Viewed", "properties": {"product_id": "d"}}
    await client.post("/v1/track", json={"anonymousId": visitor, **event}, headers=SERVER)
    assert ids(await recommended(client, AT_HOME)) == ["c", "b", "a"]


async def test_without_key_and_cookie_nobody_is_answered(client: Any) -> None:
    answer = await client.get(PATH, params={"pipeline": "popular", "anonymousId": "v"})
    assert answer.status_code in (401, 403)
    answer = await client.get(
        PATH, params={"pipeline": "popular", "userId": "jane"}, headers=PUBLIC
    )
    assert answer.status_code == 403
    answer = await client.get(
        PATH, params={"pipeline": "popular", "userId": "jane"}, headers=SERVER
    )
    assert answer.status_code == 200


async def test_lists_by_post(client: Any) -> None:
    body = {
        "pipeline": "popular",
        "anonymousId": "v3",
        "item": "d",
        "exclude": ["c"],
        "only": list(IDS),
        "context": {"device": "phone", "category": "Running"},
    }
    answer = await client.post(PATH, json=body, headers=PUBLIC)
    assert answer.status_code == 200
    assert ids(answer.json()) == ["b", "a"]
    by_page = await client.post(PATH, json={**body, "item": "/shop/d"}, headers=PUBLIC)
    assert ids(by_page.json()) == ["b", "a"]


async def test_what_is_out_of_stock_is_gone_from_the_next_request_on(
    shop: Any, client: Any
) -> None:
    await put(shop.items, [an_item("d", available=False), an_item("c", hidden=True)])
    assert ids(await recommended(client, anonymousId="v4")) == ["b", "a"]


async def test_rules_read_what_is_known_of_the_visitor(shop: Any, client: Any) -> None:
    await put(shop.items, [an_item("d", brand="Wren")])
    traits = {"anonymousId": "v5", "traits": {"industry": "Healthcare"}}
    await client.post("/v1/identify", json=traits, headers=SERVER)
    assert ids(await recommended(client, anonymousId="v5")) == ["c", "b", "a"]
    assert ids(await recommended(client, anonymousId="v6"))[0] == "d"
    generic = await recommended(client, anonymousId="v5", generic="1")
    assert ids(generic)[0] == "d"
    assert generic["personal"] is False


async def test_before_any_training_the_newest_items_are_shown(shop: Any, client: Any) -> None:
    await serve(shop, Pipeline(name="fresh", sources=POPULAR.sources))
    await put(shop.items, [an_item("c", added=shop.clock())])
    found = await recommended(client, anonymousId="v7", pipeline="fresh")
    assert ids(found)[0] == "c"
    assert found["untrained"] is True
    assert found["items"][0]["reason"] == "New"
    assert found["artifact"] == 0


@pytest.mark.parametrize(
    ("params", "status", "told"),
    [
        ({"pipeline": "populer"}, 404, "Did you mean 'popular'?"),
        ({}, 400, "No pipeline is named"),
        ({"pipeline": "popular", "count": "0"}, 400, "1 to 100 items"),
        ({"pipeline": "popular", "count": "many"}, 400, "no number"),
        ({"pipeline": "popular", "count": "99999"}, 400, "1 to 100 items"),
        ({"pipeline": "popular", "exclude": ",".join("x" for _ in range(1_001))}, 400, "1,001"),
        ({"pipeline": "popular", "itme": "a"}, 400, "no parameter 'itme'"),
        ({"pipeline": "popular", "item": "x" * 5_000}, 400, "longer than"),
    ],
)
async def test_what_cannot_be_asked(
    client: Any, params: dict[str, str], status: int, told: str
) -> None:
    answer = await client.get(PATH, params={"anonymousId": "v", **params}, headers=PUBLIC)
    assert answer.status_code == status
    assert told in answer.json()["message"]


# -- what is kept ---------------------------------------------------------------------------------


def lines(services: Any, visitor: str) -> list[dict[str, Any]]:
    found = services.decision_log.waiting_of([f"a:{visitor}"])
    return [msgspec.json.decode(line.body) for line in found]


async def test_what_was_recommended_is_in_the_decision_log(shop: Any, client: Any) -> None:
    found = await recommended(client, anonymousId="v8", pipeline="trying")
    (line,) = lines(shop, "v8")
    assert line["artifacts"] == {"recommender/trying": 1}
    assert line["recommended"]["pipeline"] == "trying"
    assert [(id, share) for id, _, share, *_ in line["recommended"]["items"]] == [
        (each["id"], each["propensity"]) for each in found["items"]
    ]
    (kept,) = shop.decision_log.waiting_of(["a:v8"])
    assert kept.id == found["id"]
    again = await recommended(client, anonymousId="v8", pipeline="trying")
    assert ids(again) == ids(found), "the same for a visitor, for an hour"
    await shop.decision_log.flush(shop.store)
    assert await see(shop.store).decision(found["id"]) is not None


async def test_different_visitors_are_shown_different_tries(client: Any) -> None:
    lists = {
        tuple(ids(await recommended(client, anonymousId=f"w{n}", pipeline="trying")))
        for n in range(30)
    }
    assert len(lists) > 3


async def test_without_consent_nothing_counts_and_nothing_is_kept(shop: Any, client: Any) -> None:
    await ask(shop, mode=ConsentMode.OPT_IN)
    event = {"anonymousId": "v9", "properties": {"path": "/shop/d"}}
    await client.post("/v1/page", json=event, headers=PUBLIC)
    found = await recommended(client, anonymousId="v9")
    assert ids(found) == ["d", "c", "b", "a"]
    assert found["personal"] is False
    tried = await recommended(client, anonymousId="v9", pipeline="trying")
    assert {each["propensity"] for each in tried["items"]} == {1.0}, "nothing is tried by an id"
    assert lines(shop, "v9") == []


async def test_a_visitor_who_denies_personalization_gets_what_all_get(client: Any) -> None:
    event = {"anonymousId": "v10", "properties": {"path": "/shop/d"}}
    await client.post("/v1/page", json=event, headers=PUBLIC)
    assert ids(await recommended(client, anonymousId="v10"))[0] == "c"
    answer = {"anonymousId": "v10", "purposes": {"personalization": False}}
    assert (await client.post("/v1/consent", json=answer, headers=SERVER)).status_code == 200
    found = await recommended(client, anonymousId="v10")
    assert ids(found)[0] == "d"
    assert found["personal"] is False


async def test_touches_are_exported_and_erased_with_the_rest(client: Any) -> None:
    event = {"anonymousId": "v11", "event": "Product Viewed", "properties": {"product_id": "d"}}
    await client.post("/v1/track", json=event, headers=PUBLIC)
    export = await client.get("/v1/me", params={"anonymousId": "v11"}, headers=SERVER)
    assert "touches()" in export.text
    erased = await client.delete("/v1/visitors/a:v11", headers=SERVER)
    assert erased.status_code in (200, 202), erased.text
    assert ids(await recommended(client, anonymousId="v11"))[0] == "d"


async def test_bots_leave_no_lines(shop: Any, client: Any) -> None:
    headers = {**PUBLIC, "User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}
    await recommended(client, headers, anonymousId="v12")
    assert lines(shop, "v12") == []
