"""A product that comes into the demo shop after the training is shown, and has a list, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.trainer import train_inside
from tests.conftest import SERVER_KEY

pytestmark = pytest.mark.anyio

SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
TOGETHER = """
together:
  sources:
    - {recommender: cooccurrence}
    - {recommender: popularity, fill: true}
"""
WALKS = (
    ("skylark-4", "heron-max", "foam-roller"),
    ("skylark-4", "skylark-race", "foam-roller"),
    ("storm", "soft-flask", "hip-belt"),
    ("protein", "oat-bars", "drink-mix"),
    ("protein", "drink-mix", "electrolyte"),
)
NEW = {
    "id": "skylark-5",
    "title": "Skylark 5",
    "text": "The everyday trainer, now softer: cushion for a long Sunday, roomy toe box.",
    "category": ["Running Shoes"],
    "price": 139.9,
}


async def declare(shop: Any, pipelines: str) -> None:
    drafts = await shop.store.drafts()
    files = {path: file.text for path, file in drafts.items()}
    files["pipelines.yaml"] += pipelines
    base = {path: file.digest for path, file in drafts.items()}
    await push(shop, PushRequest(files=files, base=base, author="ada"))
    await publish(shop, PublishRequest(author="ada", message="One more list"))
    await shop.refresh()


async def walk(client: httpx.AsyncClient, walks: Sequence[Sequence[str]]) -> None:
    batch = [
        {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": f"walker-{number}",
            "messageId": f"walk-{number}-{item}",
            "properties": {"product_id": item},
            "context": {"consent": {"personalization": True, "analytics": True}},
        }
        for number, items in enumerate(walks)
        for item in items
    ]
    sent = await client.post("/v1/batch", json={"batch": batch}, headers=SERVER)
    assert sent.status_code == 200, sent.text


async def listed(client: httpx.AsyncClient, pipeline: str, item: str) -> list[Any]:
    params = {"pipeline": pipeline, "item": item, "anonymousId": "nobody", "count": "6"}
    found = await client.get("/v1/recommendations", params=params, headers=SERVER)
    assert found.status_code == 200, found.text
    return list(found.json()["items"])


async def test_a_new_product_is_shown_before_the_next_training(
    shop_client: httpx.AsyncClient, demo_shop: Any
) -> None:
    await declare(demo_shop, TOGETHER)
    await walk(shop_client, WALKS)
    await train_inside(demo_shop, "together")
    before = [each["id"] for each in await listed(shop_client, "together", "skylark-4")]
    assert before[0] == "foam-roller"

    sent = await shop_client.post("/v1/items", json={"items": [NEW]}, headers=SERVER)
    assert sent.status_code == 200, sent.text
    # The server looks by itself; here it is waited for rather than slept for.
    await demo_shop.refresh()
    demo_shop.look_for_newcomers()
    await demo_shop.prepared.settled()

    beside = {each["id"]: each for each in await listed(shop_client, "together", "skylark-4")}
    assert beside["skylark-5"]["source"] == "content"
    assert beside["skylark-5"]["reason"] == "Similar to Skylark 4"
    assert [id for id in beside if id in before[:3]] == before[:3]

    own = await listed(shop_client, "together", "skylark-5")
    assert own[0]["id"] == "foam-roller"
    assert own[0]["reason"] == "Often viewed with Skylark 4"
    assert own[0]["source"] == "cooccurrence"
    similar = next(each for each in own if each["source"] == "content")
    assert similar["reason"] == "Similar to Skylark 5"

    hidden = await shop_client.patch("/v1/items/skylark-5", json={"hidden": True}, headers=SERVER)
    assert hidden.status_code == 200
    after = [each["id"] for each in await listed(shop_client, "together", "skylark-4")]
    assert after == before
