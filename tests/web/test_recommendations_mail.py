"""What a block recommends to a user, as a piece of an e-mail: safe there, and counted."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from persx.channels.email_fragment import EmailItem, EmailList, email_fragment
from persx.model.item import Item, ItemId
from persx.storage.items import put
from persx.testing import see
from tests.conftest import SERVER_KEY, WRITE_KEY

pytestmark = pytest.mark.anyio

PATH = "/v1/recommendations.html"
KEY = {"authorization": f"Bearer {SERVER_KEY}"}
EVENTS = "select name, user_id, properties from events where type = 'track' order by sequence"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def shop(demo_shop: Any) -> Any:
    return demo_shop


@pytest.fixture
def client(shop_client: httpx.AsyncClient) -> httpx.AsyncClient:
    return shop_client


class Mail(HTMLParser):
    """The elements of a piece of HTML with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def check_safe(html: str) -> None:
    """Check that mail programs can show it: nothing that they drop or refuse."""
    for tag, attributes in Mail(html).tags:
        assert tag in {"table", "tr", "td", "div", "a", "img", "s"}, tag
        assert not {"class", "id"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "table":
            assert attributes["role"] == "presentation"
        if tag == "a":
            assert (attributes["href"] or "").startswith(("http://", "https://"))
        if tag == "img":
            assert attributes["alt"]
            assert (attributes["src"] or "").startswith(("http://", "https://"))


async def test_a_piece_for_a_user(client: httpx.AsyncClient, shop: Any) -> None:
    asked = {"userId": "ada", "block": "for-you", "locale": "de"}
    answer = await client.get(PATH, params=asked, headers=KEY)
    assert answer.status_code == 200, answer.text
    check_safe(answer.text)
    assert "Für Sie" in answer.text
    links = re.findall(r'href="http://site\.test(/v1/r/[^"]+)"', answer.text)
    assert len(links) == 4
    for _ in range(2):
        led = await client.get(links[0])
        assert led.status_code == 303
        assert led.headers["location"].startswith("/products/")
    rows = (await see(shop.warehouse).query(EVENTS, {})).rows
    (clicked,) = [row for row in rows if row[0] == "Email Link Clicked"]
    assert clicked[1] == "ada"
    assert json.loads(clicked[2])["item_id"] == led.headers["location"].rpartition("/")[2]
    # No page was seen: the click-through of pages knows nothing of it.
    assert not [row for row in rows if row[0].startswith("Recommendation")]


async def test_who_may_ask_and_for_what(client: httpx.AsyncClient) -> None:
    asked = {"userId": "ada", "block": "for-you"}
    assert (await client.get(PATH, params=asked)).status_code in (401, 403)
    write = {"authorization": f"Bearer {WRITE_KEY}"}
    assert (await client.get(PATH, params=asked, headers=write)).status_code == 403
    for wrong, status in (
        ({"block": "for-you"}, 400),
        ({"userId": "ada"}, 404),
        ({"userId": "ada", "block": "home-hero"}, 404),
        ({"userId": "a" * 300, "block": "for-you"}, 400),
    ):
        assert (await client.get(PATH, params=wrong, headers=KEY)).status_code == status


async def test_nothing_to_recommend_is_an_empty_piece(client: httpx.AsyncClient, shop: Any) -> None:
    await put(
        shop.items,
        [Item(id=each, hidden=True) for each in (await shop.current_catalogue()).present()],
    )
    answer = await client.get(PATH, params={"userId": "ada", "block": "for-you"}, headers=KEY)
    assert (answer.status_code, answer.text) == (200, "")


async def test_hostile_items_are_texts(client: httpx.AsyncClient, shop: Any) -> None:
    await put(
        shop.items,
        [
            Item(id=ItemId(id), title=HOSTILE, category=(HOSTILE,), url="javascript:alert(1)")
            for id in (await shop.current_catalogue()).present()
        ],
    )
    answer = await client.get(PATH, params={"userId": "ada", "block": "for-you"}, headers=KEY)
    check_safe(answer.text)
    assert "&lt;script&gt;" in answer.text


def test_addresses_are_whole_and_pictures_have_a_text() -> None:
    html = email_fragment(
        EmailList(
            headline=HOSTILE,
            base="https://shop.example/",
            items=(
                EmailItem(title="Storm", link="/products/storm", image="/pictures/storm.jpg"),
                EmailItem(title="Ärmling", link="https://brand.example/a", price=9.5, was=12.0),
                EmailItem(title="", category="\ud800"[:0]),
            ),
        )
    )
    check_safe(html)
    assert 'href="https://shop.example/products/storm"' in html
    assert 'src="https://shop.example/pictures/storm.jpg"' in html
    assert 'alt="Storm"' in html
    assert ">Ä</td>" in html
    assert "€9.50" in html
