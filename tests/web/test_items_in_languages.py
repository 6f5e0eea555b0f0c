"""What visitors read of recommended items is in their language: pages, answers, mails, reasons."""

from __future__ import annotations

import html
from typing import Any

import httpx
import pytest

from persx.app.item_language import chain_of, why_in
from persx.model.item import Item, ItemId, ItemTexts
from persx.recommend.result import Why, WhyKind
from persx.storage.items import put
from persx.testing import see
from tests.conftest import SERVER_KEY

pytestmark = pytest.mark.anyio

KEY = {"authorization": f"Bearer {SERVER_KEY}"}


@pytest.fixture(autouse=True)
async def shop(demo_shop: Any) -> Any:
    """The shop whose home page recommends one item that is told in German."""
    ours = (await demo_shop.current_catalogue()).present()
    hidden = [Item(id=id, hidden=True) for id in ours if id != "storm"]
    cap = Item(
        id=ItemId("cap"),
        title="Bobble Hat",
        category=("Hats",),
        url="/products/cap",
        price=20.0,
        translations={
            "de": ItemTexts(title="Bommelmütze", category=("Mützen",), url="/de/produkte/muetze")
        },
    )
    await put(demo_shop.items, [*hidden, cap])
    return demo_shop


async def test_a_page_in_german_names_items_in_german(shop_client: httpx.AsyncClient) -> None:
    for language, here, not_here in (("de", "Bommelmütze", "Bobble Hat"),
                                     ("en", "Bobble Hat", "Bommelmütze")):  # fmt: skip
        answer = await shop_client.get("/", headers={"accept-language": language})
        page = html.unescape(answer.text)
        assert here in page
        assert not_here not in page
        assert ("Mützen" in page) == (language == "de")
        assert 'data-category="Hats"' in page, "what styles and rules call it stays"


async def test_answers_and_mails_are_in_the_language_that_is_asked_for(
    shop_client: httpx.AsyncClient,
) -> None:
    asked = {"pipeline": "for-you", "locale": "de", "anonymousId": "x"}
    found = (await shop_client.get("/v1/recommendations", params=asked, headers=KEY)).json()
    cap = next(each for each in found["items"] if each["id"] == "cap")
    assert (cap["title"], cap["url"]) == ("Bommelmütze", "/de/produkte/muetze")
    storm = next(each for each in found["items"] if each["id"] == "storm")
    assert storm["category"] == ["Bekleidung"], "the site's own items follow their German blocks"
    assert storm["title"] == "Storm Regenjacke"
    found = (
        await shop_client.get("/v1/recommendations", params={**asked, "locale": "en"}, headers=KEY)
    ).json()
    assert "Bobble Hat" in [each["title"] for each in found["items"]]
    mail = await shop_client.get(
        "/v1/recommendations.html",
        params={"userId": "u", "block": "for-you", "locale": "de"},
        headers=KEY,
    )
    assert "Bommelmütze" in mail.text
    assert "Mützen" in mail.text


async def test_reasons_name_items_in_the_readers_language(shop: Any) -> None:
    catalogue = await shop.current_catalogue()
    plan = shop.publication.plan
    cap = catalogue.get("cap")
    why = Why(kind=WhyKind.VIEWED, item="cap", title="Bobble Hat")
    assert why_in(catalogue, why, cap, chain_of(plan, "de")).title == "Bommelmütze"
    assert why_in(catalogue, why, cap, chain_of(plan, "en")).title == "Bobble Hat"
    popular = Why(kind=WhyKind.POPULAR, category="Hats")
    assert why_in(catalogue, popular, cap, chain_of(plan, "de")).category == "Mützen"


async def test_items_are_sent_and_read_with_their_languages(shop_client: httpx.AsyncClient) -> None:
    sent = {"items": [{"id": "scarf", "title": "Scarf", "title_de": "Schal", "text_fr": "Doux"}]}
    assert (await shop_client.post("/v1/items", json=sent, headers=KEY)).status_code == 200
    read = (await shop_client.get("/v1/items/scarf", headers=KEY)).json()
    assert read["translations"] == {"de": {"title": "Schal"}, "fr": {"text": "Doux"}}
    again = await shop_client.patch(
        "/v1/items/scarf", json={"translations": {"fr": None}}, headers=KEY
    )
    assert again.json()["translations"] == {"de": {"title": "Schal"}}
    # What was read can be sent as it is.
    back = await shop_client.post("/v1/items", json={"items": [again.json()]}, headers=KEY)
    assert back.json()["written"]["same"] == 1


async def test_the_cart_is_in_german_and_its_events_are_not(
    shop: Any, shop_client: httpx.AsyncClient
) -> None:
    for language, name in (("de", "Storm Regenjacke"), ("en", "Storm Jacket")):
        await shop_client.get("/", headers={"accept-language": language})
        sent = {"action": "add", "product": "storm", "page": "home"}
        origin = {"accept-language": language, "origin": "http://site.test"}
        assert (await shop_client.post("/shop/cart", data=sent, headers=origin)).status_code == 303
        page = await shop_client.get("/cart", headers={"accept-language": language})
        assert name in html.unescape(page.text)
    found = await see(shop.warehouse).query(
        "select distinct json_extract_string(properties, '$.name') from events "
        "where name = 'Product Added'",
        {},
    )
    assert found.rows == [("Storm Jacket",)]
