"""The cart's forms: prices are the published ones, whatever is sent."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from persx.testing import see

pytestmark = pytest.mark.anyio

EVENTS = "select name, properties from events where type = 'track' order by sequence"


@pytest.fixture
def shop(demo_shop: Any) -> Any:
    return demo_shop


@pytest.fixture
def client(shop_client: httpx.AsyncClient) -> httpx.AsyncClient:
    return shop_client


async def sent(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await client.post("/shop/cart", data={"page": "home", "block": "home-picks"} | fields)


async def told(shop: Any) -> list[tuple[str, dict[str, Any]]]:
    import msgspec

    found = await see(shop.warehouse).query(EVENTS, {})
    return [(name, msgspec.json.decode(properties)) for name, properties in found.rows]


async def test_an_order_has_the_published_prices(client: httpx.AsyncClient, shop: Any) -> None:
    await sent(client, action="add", product="skylark-4", price="0.01", quantity="2")
    await sent(client, action="add", product="gel-12", quantity="-3")
    await sent(client, action="remove", product="gel-12")
    answer = await sent(client, action="order", code="welcome10", page="cart", block="cart")
    assert answer.headers["location"] == "/cart?sent=order#order"
    (_, added), *_, (name, order) = await told(shop)
    assert (added["price"], added["quantity"], added["currency"]) == (129.9, 2, "EUR")
    assert name == "Order Completed"
    assert order | {"order_id": ""} == {
        "order_id": "",
        "revenue": 233.82,
        "discount": 25.98,
        "shipping": 0.0,
        "total": 233.82,
        "currency": "EUR",
        "coupon": "WELCOME10",
        "products": [
            {
                "product_id": "skylark-4",
                "name": "Skylark 4",
                "category": "Running Shoes",
                "price": 129.9,
                "quantity": 2,
            }
        ],
    }


async def test_an_empty_cart_orders_nothing(client: httpx.AsyncClient, shop: Any) -> None:
    answer = await sent(client, action="order", page="cart", block="cart")
    assert answer.status_code == 303
    assert await told(shop) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "add", "product": "no-such-thing"},
        {"action": "steal", "product": "skylark-4"},
        {"action": "add", "product": "skylark-4", "page": "nowhere"},
        {"product": "skylark-4"},
        {},
    ],
)
async def test_what_makes_no_sense_does_nothing(
    client: httpx.AsyncClient, shop: Any, fields: dict[str, str]
) -> None:
    assert (await sent(client, **fields)).status_code == 404
    assert await told(shop) == []


async def test_a_form_of_another_site_does_nothing(client: httpx.AsyncClient, shop: Any) -> None:
    answer = await client.post(
        "/shop/cart",
        data={"action": "add", "product": "skylark-4", "page": "cart", "block": "cart"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 422
    assert await told(shop) == []


async def test_a_product_is_viewed_when_its_page_is_delivered(
    client: httpx.AsyncClient, shop: Any
) -> None:
    client.headers["User-Agent"] = "Mozilla/5.0"
    page = await client.get("/products/mat-6")
    assert [name for name, _ in await told(shop)] == []
    image = page.text.partition('src="/v1/x/')[2].partition('"')[0]
    for _ in range(2):
        await client.get(f"/v1/x/{image}")
    viewed = [properties for name, properties in await told(shop) if name == "Product Viewed"]
    assert viewed == [
        {
            "product_id": "mat-6",
            "name": "Training Mat 6 mm",
            "category": "Home training",
            "price": 34.9,
            "currency": "EUR",
        }
    ]


async def test_amounts_of_a_progress_bar_are_written_in_the_language_of_the_page(
    client: httpx.AsyncClient, shop: Any
) -> None:
    settings = shop.publication.plan.workspace.settings
    assert settings.default_locale == "en"
    for language, line in (("en", "Free from €150 on"), ("de-AT", "Ab 150\xa0€ gratis")):
        page = await client.get("/", headers={"Accept-Language": language})
        assert line in page.text, language
