"""``/v1/items``: what a shop's backend sends counts with the next request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from persx.app.audit import AuditRequest, entries
from persx.recommend.catalogue import Catalogue
from tests.conftest import SERVER_KEY, WRITE_KEY

pytestmark = pytest.mark.anyio

KEY = {"Authorization": f"Bearer {SERVER_KEY}"}
SHOE = {
    "id": "wren", "title": "Wren", "category": "Running > Shoes", "price": "89.90 EUR",
    "availability": "in stock", "link": "https://shop.example/p/wren", "colour": "red",
}  # fmt: skip


async def send(client: Any, *items: Any, **more: Any) -> Any:
    return await client.post("/v1/items", headers=KEY, json={"items": list(items), **more})


async def seen(services: Any) -> Catalogue:
    found: Catalogue = await services.current_catalogue()
    return found


async def test_items_that_are_sent_count_with_the_next_request(client: Any, services: Any) -> None:
    answer = await send(client, SHOE, {"id": "cap", "title": "Cap"})
    assert answer.status_code == 200
    assert answer.json() == {
        "written": {"added": 2, "changed": 0, "removed": 0, "same": 0}, "refused": [],
    }  # fmt: skip
    wren = (await seen(services)).get("wren")
    assert wren is not None
    assert (wren.price, wren.category, wren.attributes) == (
        89.9, ("Running", "Shoes"), {"colour": "red", "currency": "EUR"},
    )  # fmt: skip
    assert (await seen(services)).at("/p/wren") == wren
    read = await client.get("/v1/items/wren", headers=KEY)
    assert read.json()["title"] == "Wren"
    assert (await send(client, SHOE)).json()["written"]["same"] == 1


async def test_single_facts_change_and_the_others_stay(client: Any, services: Any) -> None:
    await send(client, SHOE)
    answer = await client.patch("/v1/items/wren", headers=KEY, json={"available": False})
    assert answer.status_code == 200
    assert (answer.json()["available"], answer.json()["price"]) == (False, 89.9)
    catalogue = await seen(services)
    assert not catalogue.shown[catalogue.code("wren")]
    await client.patch("/v1/items/wren", headers=KEY, json={"availability": "in stock"})
    await client.patch("/v1/items/wren", headers=KEY, json={"attributes": {"size": 42}})
    wren = (await seen(services)).get("wren")
    assert wren is not None
    assert wren.shown
    assert wren.attributes == {"colour": "red", "currency": "EUR", "size": 42}
    await client.patch("/v1/items/wren", headers=KEY, json={"price": None})
    wren = (await seen(services)).get("wren")
    assert wren is not None
    assert wren.price is None


async def test_many_changes_of_one_item_at_once(client: Any, services: Any) -> None:
    await send(client, SHOE)
    facts: list[dict[str, Any]] = [
        {"price": 1}, {"title": "New"}, {"brand": "B"}, {"tags": ["x"]}, {"hidden": True},
    ]  # fmt: skip
    done = await asyncio.gather(
        *(client.patch("/v1/items/wren", headers=KEY, json=each) for each in facts)
    )
    assert {each.status_code for each in done} == {200}
    wren = (await seen(services)).get("wren")
    assert wren is not None
    assert (wren.price, wren.title, wren.brand, wren.tags, wren.hidden) == (
        1.0, "New", "B", ("x",), True,
    )  # fmt: skip


async def test_replacing_leaves_nothing_but_what_is_said(client: Any, services: Any) -> None:
    await send(client, SHOE)
    await send(client, {"id": "wren", "title": "Only this"}, replace=True)
    wren = (await seen(services)).get("wren")
    assert wren is not None
    assert (wren.title, wren.price, wren.category) == ("Only this", None, ())


async def test_bad_items_are_refused_singly(client: Any) -> None:
    answer = await send(
        client, {"id": "a", "price": 1}, {"id": "b", "title": "B", "price": "x"}, SHOE,
        {"title": "no id"}, {}, {"id": "/c", "title": "C"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.json()["written"]["added"] == 1
    refused = {each["place"]: each["reason"] for each in answer.json()["refused"]}
    assert set(refused) == {0, 1, 3, 4, 5}
    assert refused[0] == "It is new, and has no title."
    assert refused[1] == "Column 'price': 'x' is no price."
    assert (await send(client, {"id": "a"})).status_code == 400, "nothing was kept"


async def test_too_much_is_refused(client: Any) -> None:
    many = [{"id": str(n), "title": "x"} for n in range(1_001)]
    answer = await send(client, *many)
    assert (answer.status_code, "1,001 items are too many" in answer.text) == (400, True)
    answer = await send(client, {"id": "a", "title": "A", "text": "x" * (9 << 20)})
    assert (answer.status_code, "longer than" in answer.text) == (400, True)
    for body in (b"", b"[", b'{"items": 1}', b'{"items": [1]}', b"[" * 100_000):
        answer = await client.post("/v1/items", headers=KEY, content=body)
        assert answer.status_code == 400, body[:20]
    big = await send(client, {"id": "a", "title": "A", "text": "word " * 200_000})
    assert big.status_code == 200, "it is cut"
    wide = {f"f{n}": "x" * 300 for n in range(400)}
    assert (await send(client, {"id": "w", "title": "W", **wide})).status_code == 200


async def test_items_that_are_not_there(client: Any) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        content = {"json": {"price": 1}} if method == "PATCH" else {}
        answer = await client.request(method, "/v1/items/none", headers=KEY, **content)
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


async def test_an_item_that_is_removed_is_gone_and_noted(client: Any, services: Any) -> None:
    await send(client, SHOE)
    answer = await client.delete("/v1/items/wren", headers=KEY)
    assert (answer.status_code, answer.json()["removed"]) == (200, 1)
    assert (await seen(services)).get("wren") is None
    noted = (await entries(services, AuditRequest(what="item"))).entries
    assert [(each.what, each.on) for each in noted] == [("item.remove", "wren")]


async def test_items_of_the_workspace_are_read_and_changed_but_not_removed(
    client: Any, services: Any
) -> None:
    post = "blog/consent-first"
    assert (await client.get(f"/v1/items/{post}", headers=KEY)).json()["url"] == f"/{post}"
    answer = await client.patch(f"/v1/items/{post}", headers=KEY, json={"hidden": True})
    assert answer.json()["title"].startswith("Consent first")
    catalogue = await seen(services)
    assert not catalogue.shown[catalogue.code(post)]
    assert len(await services.items.page()) == 1
    await client.patch(f"/v1/items/{post}", headers=KEY, json={"hidden": False})
    assert await services.items.page() == [], "nothing is left that differs"
    answer = await client.delete(f"/v1/items/{post}", headers=KEY)
    assert (answer.status_code, "stands in the workspace" in answer.text) == (400, True)


async def test_pages_of_the_catalogue(client: Any) -> None:
    await send(client, *({"id": f"i{n:03}", "title": f"Thing {n}"} for n in range(250)))
    ids: list[str] = []
    after = ""
    while True:
        answer = await client.get(
            "/v1/items", headers=KEY, params={"after": after, "limit": 100, "search": "thing"}
        )
        ids += [each["id"] for each in answer.json()["items"]]
        after = answer.json().get("next", "")
        if not after:
            break
    assert ids == [f"i{n:03}" for n in range(250)]
    for limit in ("0", "-1", "x", "1001", "٣", "9" * 400):
        answer = await client.get("/v1/items", headers=KEY, params={"limit": limit})
        assert answer.status_code == 400, limit


async def test_a_key_of_a_page_opens_nothing(client: Any, services: Any) -> None:
    for headers in ({}, {"Authorization": f"Bearer {WRITE_KEY}"}):
        for method, path in (("GET", "/v1/items"), ("POST", "/v1/items"), ("GET", "/v1/items/a"),
                             ("PATCH", "/v1/items/a"), ("DELETE", "/v1/items/a")):  # fmt: skip
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == 403, (method, path)
    assert await services.items.revision() == 0
