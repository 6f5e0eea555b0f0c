"""What /metrics tells of recommendations: lists by what became of them, items by source."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from persx.model.pipeline import Pipeline, PipelineSource, RankingRule
from persx.model.workspace import Block
from persx.storage.items import put
from tests.app.test_recommended import break_pipeline
from tests.recommend.training import put_trained
from tests.web.test_consent import publish
from tests.web.test_recommendations_api import (
    IDS,
    PUBLIC,
    SERVER,
    an_item,
    lines,
    recommended,
    serve,
    somebody,
)

pytestmark = pytest.mark.anyio

MIXED = Pipeline(
    name="mixed",
    sources=(PipelineSource(recommender="popularity"),),
    rules=(RankingRule(do="pin", items=("a",), place=1),),
    not_viewed_within="1d",
    explore=0.5,
)


@pytest.fixture
async def shop(services: Any) -> Any:
    await serve(services, MIXED)
    await put(services.items, [an_item(id) for id in IDS])
    await put_trained(services, *IDS, pipeline=MIXED)
    await services.refresh()
    return services


async def told(client: Any, metric: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by those of its labels, in order of their names."""
    text = (await client.get("/metrics")).text
    found = re.findall(rf"^{metric}{{([^}}]*)}} (\S+)$", text, re.MULTILINE)
    return {tuple(re.findall(r'"([^"]*)"', labels)): float(value) for labels, value in found}


async def test_lists_are_counted_by_what_became_of_them(shop: Any, client: Any) -> None:
    visitor = somebody(shop, held=False)
    names = [visitor, *(f"w{number}" for number in range(15))]
    for name in names:
        await recommended(client, anonymousId=name, pipeline="mixed")
    event = {"anonymousId": visitor, "properties": {"path": "/shop/d"}}
    await client.post("/v1/page", json=event, headers=PUBLIC)
    await recommended(client, anonymousId=visitor, pipeline="mixed")
    await recommended(client, anonymousId=visitor, pipeline="mixed", only="nothing")
    lists = await told(client, "persx_recommendations_total")
    wanted = {"generic": 16.0, "personal": 1.0, "empty": 1.0, "instead": 0.0, "error": 0.0}
    assert {outcome: count for (outcome, name), count in lists.items() if name == "mixed"} == wanted
    items = await told(client, "persx_recommended_items_total")
    assert items["no", "pinned"] == 17.0
    logged = [line["recommended"] for name in names for line in lines(shop, name)]
    places = [place for each in logged for place in each["items"]]
    assert sum(items.values()) == len(places)
    tried = sum(explored for _, _, _, explored, *_ in places)
    assert tried > 0, "half of the places are"
    assert sum(count for (explored, _), count in items.items() if explored == "yes") == tried
    seconds = await told(client, "persx_request_seconds_count")
    assert seconds["recommend",] == 18.0


async def test_a_pipeline_that_fails_is_counted(shop: Any, client: Any) -> None:
    await break_pipeline(shop, "mixed")
    answer = await client.get(
        "/v1/recommendations", params={"pipeline": "mixed", "anonymousId": "v"}, headers=PUBLIC
    )
    assert answer.status_code == 500
    lists = await told(client, "persx_recommendations_total")
    assert lists["error", "mixed"] == 1.0


async def test_blocks_are_counted_too_and_what_stands_in_for_them(shop: Any, client: Any) -> None:
    workspace = shop.publication.plan.workspace
    none = Pipeline(name="none", sources=MIXED.sources, rules=(RankingRule(do="exclude", when=""),))
    made = {
        pipeline: Block(
            name=pipeline,
            type="recommendations",
            content={"headline": "Ours", "pipeline": pipeline, "count": 2, "instead": ["c"]},
        )
        for pipeline in ("mixed", "none")
    }
    await publish(
        shop,
        msgspec.structs.replace(
            workspace,
            blocks={**workspace.blocks, **made},
            pipelines={**workspace.pipelines, "none": none},
        ),
    )
    for block in made:
        asked = {"anonymousId": "v", "blocks": [block]}
        answer = await client.post("/v1/decide", json=asked, headers=SERVER)
        assert answer.status_code == 200, answer.text
    lists = await told(client, "persx_recommendations_total")
    assert lists["generic", "mixed"] == 1.0
    assert lists["instead", "none"] == 1.0
    assert (await told(client, "persx_recommended_items_total"))["no", "instead"] == 1.0
