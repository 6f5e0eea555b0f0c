"""Blocks that recommend: what pages, the API and receipts say, and what a click counts for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from persx.app.clicking import Click, link, whose
from persx.app.exploration import ExplorationRequest, exploration
from persx.decide.allocation import bucket
from persx.model.clock import DAY
from persx.model.event import anonymous_key
from persx.model.item import Item, ItemId
from persx.storage.items import put
from persx.testing import see
from tests.conftest import SERVER_KEY

pytestmark = pytest.mark.anyio

EVENTS = "select name, anonymous_id, properties from events where type = 'track' order by sequence"


@pytest.fixture
def shop(demo_shop: Any) -> Any:
    return demo_shop


@pytest.fixture
def client(shop_client: httpx.AsyncClient) -> httpx.AsyncClient:
    return shop_client


def become(client: httpx.AsyncClient, shop: Any, *, held: bool) -> str:
    """Give the client the cookie of a visitor who is held out, or is not."""
    holdout = shop.publication.plan.holdout
    for number in range(1_000):
        id = f"visitor-{number}"
        arm = holdout.ranges.arm(bucket(holdout.seed, anonymous_key(id)))
        if (holdout.arms[arm] == "generic") is held:
            client.cookies.set("persx_visitor", shop.signer.visitor(id))
            return id
    raise AssertionError("Nobody of a thousand is in that arm.")


def listed(page: str, block: str) -> list[str]:
    """Return the items of a block in a page."""
    return re.findall(rf'id="{block}-([^"]+)" data-item', page)


def reason(page: str, block: str) -> str:
    found = re.search(rf'data-block="{block}"[^>]*data-reason="(\w+)"', page)
    return found[1] if found else ""


async def see_page(client: httpx.AsyncClient, path: str) -> str:
    """Load a page as a browser does: with the image that confirms it."""
    page = await client.get(path)
    assert page.status_code == 200
    for image in re.findall(r'src="(/v1/x/[^"]+)"', page.text):
        await client.get(image)
    return page.text


async def events(shop: Any, name: str) -> list[Mapping[str, Any]]:
    found = await see(shop.warehouse).query(EVENTS, {})
    return [json.loads(each[2]) for each in found.rows if each[0] == name]


async def test_a_view_counts_on_the_next_page(client: httpx.AsyncClient, shop: Any) -> None:
    become(client, shop, held=False)
    before = await see_page(client, "/")
    await see_page(client, "/products/storm")
    after = await see_page(client, "/")
    assert listed(before, "for-you") != listed(after, "for-you")
    assert reason(before, "for-you") == "unknown_visitor"
    assert reason(after, "for-you") == "targeted"


async def test_who_is_held_out_gets_what_everybody_gets_and_counts_alike(
    client: httpx.AsyncClient, shop: Any
) -> None:
    seen = {}
    for held in (True, False):
        client.cookies.clear()
        become(client, shop, held=held)
        await see_page(client, "/products/storm")
        seen[held] = await see_page(client, "/")
    assert reason(seen[True], "for-you") == "holdout"
    assert listed(seen[True], "for-you") != listed(seen[False], "for-you")
    exposed = [
        (each["variation_id"], each["page"])
        for each in await events(shop, "Experiment Viewed")
        if each["experiment_id"] == "holdout" and each["page"] == "/"
    ]
    # Both count, once it makes a difference for them; nobody does on a page that is alike.
    assert sorted(exposed) == [("generic", "/"), ("targeted", "/")]


async def test_no_item_twice_on_a_page_nor_that_of_the_page(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    page = await see_page(client, "/products/storm")
    assert "storm" not in listed(page, "goes-with")
    for path in ("/products/storm", "/products/skylark-4", "/"):
        page = await see_page(client, path)
        shown = [
            item for block in ("buy-again", "for-you", "goes-with") for item in listed(page, block)
        ]
        shown += re.findall(r'class="product" id="[^"]+" data-product="([^"]+)"', page)
        assert len(shown) == len(set(shown))


async def test_who_forbids_personalization_is_shown_nothing_of_their_own(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    usual = await see_page(client, "/")
    await see_page(client, "/products/storm")
    answer = await client.post(
        "/v1/consent",
        json={"purposes": {"personalization": False, "analytics": True, "marketing": False}},
    )
    assert answer.status_code == 200, answer.text
    page = await see_page(client, "/")
    assert listed(page, "for-you") == listed(usual, "for-you")
    assert reason(page, "for-you") == "no_consent"


async def test_a_hidden_item_is_gone_with_the_next_request(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    first = listed(await see_page(client, "/"), "for-you")
    item = shop.catalogue.now.get(first[0])
    await put(shop.items, [Item(id=item.id, hidden=True)])
    assert first[0] not in listed(await see_page(client, "/"), "for-you")


async def test_texts_of_items_are_texts_and_links_lead_to_pages(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    hostile = '<script>alert("x")</script>'
    first = listed(await see_page(client, "/"), "for-you")
    await put(
        shop.items,
        [
            Item(
                id=ItemId(each),
                title=hostile,
                category=(hostile,),
                url="javascript:alert(1)",
                image="javascript:alert(2)",
            )
            for each in first
        ],
    )
    page = await see_page(client, "/")
    shown = page.partition('id="for-you"')[2].partition("</section>")[0]
    assert "javascript:" not in shown
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


async def test_a_click_leads_to_the_item_and_counts_once(
    client: httpx.AsyncClient, shop: Any
) -> None:
    id = become(client, shop, held=False)
    page = await see_page(client, "/products/storm")
    href = re.findall(r'href="(/v1/r/[^"]+)"', page)[0]
    item = listed(page, "goes-with")[0]
    for method in ("HEAD", "GET", "GET"):
        answer = await client.request(method, href)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/products/{item}"
        assert "no-store" in answer.headers["cache-control"]
    (clicked,) = await events(shop, "Recommendation Clicked")
    assert (clicked["item_id"], clicked["block"], clicked["place"]) == (item, "goes-with", 1)
    (viewed,) = [
        each
        for each in await events(shop, "Recommendations Viewed")
        if each["block"] == "goes-with"
    ]
    assert viewed["items"] == listed(page, "goes-with")
    assert viewed["decision_id"] == clicked["decision_id"]
    found = await see(shop.warehouse).query(EVENTS, {})
    assert {each[1] for each in found.rows if each[0] == "Recommendation Clicked"} == {id}


async def test_lists_that_were_seen_are_found_for_their_evaluation(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    page = await see_page(client, "/products/storm")
    await client.get(re.findall(r'href="(/v1/r/[^"]+)"', page)[0])
    later = shop.clock() + 2 * DAY
    await shop.decision_log.flush(shop.store)
    shop.clock = lambda: later
    found = await exploration(shop, ExplorationRequest(pipeline="goes-with"))
    assert (found.lost, found.waiting) == (0, 0)
    assert found.lists.undrawn == 1, "the demo explores nothing"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"sec-fetch-mode": "cors"},
        {"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"},
    ],
)
async def test_who_is_no_person_that_clicks_counts_nothing(
    client: httpx.AsyncClient, shop: Any, headers: dict[str, str]
) -> None:
    become(client, shop, held=False)
    page = await see_page(client, "/products/storm")
    href = re.findall(r'href="(/v1/r/[^"]+)"', page)[0]
    answer = await client.get(href, headers=headers)
    assert answer.status_code in (204, 303)
    assert await events(shop, "Recommendation Clicked") == []
    # A page that was fetched in advance takes nothing from the click itself.
    await client.get(href)
    assert len(await events(shop, "Recommendation Clicked")) == 1


async def test_a_copied_link_leads_on_and_counts_for_nobody(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    href = re.findall(r'href="(/v1/r/[^"]+)"', await see_page(client, "/products/storm"))[0]
    client.cookies.clear()
    assert (await client.get(href)).status_code == 303
    client.cookies.set("persx_visitor", shop.signer.visitor("somebody-else"))
    assert (await client.get(href)).status_code == 303
    assert await events(shop, "Recommendation Clicked") == []


async def test_a_link_leads_nowhere_but_to_an_item(client: httpx.AsyncClient, shop: Any) -> None:
    id = become(client, shop, held=False)

    def to(item: str) -> str:
        click = Click("d", "b", "p", item, 1, "/", whose(shop.signer, id))
        return link(shop.signer, click)

    good = to("storm")
    assert (await client.get(good)).headers["location"] == "/products/storm"
    for bad in (good[:-3] + "abc", "/v1/r/x", "/v1/r/" + "x" * 5_000, to("https://evil.example")):
        assert (await client.get(bad)).status_code == 404, bad
    await put(shop.items, [Item(id=ItemId("storm"), url="//evil.example/")])
    assert (await client.get(good)).status_code == 404
    await put(shop.items, [Item(id=ItemId("storm"), url="https://brand.example/storm")])
    assert (await client.get(good)).headers["location"] == "https://brand.example/storm"


async def test_who_allows_no_storage_gets_plain_links(client: httpx.AsyncClient) -> None:
    await client.post(
        "/v1/consent",
        json={"purposes": {"personalization": False, "analytics": False, "marketing": False}},
    )
    page = (await client.get("/products/storm")).text
    assert listed(page, "goes-with")
    assert "/v1/r/" not in page
    assert f'href="/products/{listed(page, "goes-with")[0]}"' in page


async def test_bots_get_plain_links(client: httpx.AsyncClient) -> None:
    page = (await client.get("/products/storm", headers={"user-agent": "Googlebot/2.1"})).text
    assert listed(page, "goes-with")
    assert "/v1/r/" not in page


async def test_nothing_to_recommend_leaves_the_block_out(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    page = await see_page(client, "/cart")
    assert 'id="bought-together"' not in page
    await put(
        shop.items,
        [Item(id=each, hidden=True) for each in (await shop.current_catalogue()).present()],
    )
    page = await see_page(client, "/")
    assert 'id="for-you"' not in page
    assert page.count("<h1") == 1
    assert await events(shop, "Recommendations Viewed") == []


async def test_the_api_answers_with_the_items(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/decide",
        json={"anonymousId": "a", "page": "storm", "context": {"page.path": "/products/storm"}},
        headers={"authorization": f"Bearer {SERVER_KEY}"},
    )
    assert answer.status_code == 200, answer.text
    content = answer.json()["decisions"]["goes-with"]["content"]
    assert content["pipeline"] == "goes-with"
    assert len(content["items"]) == content["count"]
    first = content["items"][0]
    assert first["href"] == f"/products/{first['id']}"
    assert first["price"] > 0


async def test_the_receipt_says_why_each_item_is_there(
    client: httpx.AsyncClient, shop: Any
) -> None:
    become(client, shop, held=False)
    await see_page(client, "/products/storm")
    page = await see_page(client, "/")
    mine = (await client.get("/privacy")).text
    why = mine.partition('data-block="for-you"')[2].partition("</li>\n      <li data-block")[0]
    for item in listed(page, "for-you"):
        assert shop.catalogue.now.get(item).title.split(",")[0] in why
    receipts = re.findall(r'href="(/v1/decisions/[^"]+)"', mine)
    receipt = (await client.get(receipts[0])).json()
    block = receipt["blocks"]["for-you"]
    assert block["pipeline"] == "for-you"
    assert [each[0] for each in block["items"]] == listed(page, "for-you")
