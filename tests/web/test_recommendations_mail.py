"""What a block recommends to a user, as a piece of an e-mail: safe there, and counted."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from persx.channels.email_fragment import EmailItem, EmailList, email_fragment
from persx.decide.allocation import bucket
from persx.model.event import user_key
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
        ({"userId": "ada"}, 400),
        ({"userId": "ada", "pipeline": "for-yu"}, 404),
        ({"userId": "ada", "pipeline": "for-you", "block": "for-you"}, 400),
        ({"userId": "ada", "block": "for-you", "count": "3"}, 400),
        ({"userId": "ada", "pipeline": "for-you", "count": "25"}, 400),
        ({"userId": "ada", "pipeline": "for-you", "currency": "<b>"}, 400),
        ({"userId": "ada", "pipeline": "for-you", "headline": "x" * 301}, 400),
        ({"userId": "ada", "pipeline": "for-you", "anonymousId": "a"}, 400),
        ({"userId": "ada", "block": "home-hero"}, 404),
        ({"userId": "a" * 300, "block": "for-you"}, 400),
    ):
        assert (await client.get(PATH, params=wrong, headers=KEY)).status_code == status


# -- by the name of a pipeline ---------------------------------------------------------------------


async def piece(client: httpx.AsyncClient, user: str, **params: str) -> str:
    asked = {"userId": user, "pipeline": "for-you", "count": "3", **params}
    answer = await client.get(PATH, params=asked, headers=KEY)
    assert answer.status_code == 200, answer.text
    check_safe(answer.text)
    return answer.text


def shown(html: str) -> list[str]:
    """The titles of the items of a piece, in order."""
    return re.findall(r"font-size:18px;[^>]*>(?:<a [^>]*>)?([^<]+)<", html)


async def look_at_a_mat(client: httpx.AsyncClient, user: str) -> None:
    mat = {"product_id": "mat-6", "category": "Home training"}
    said = {"userId": user, "event": "Product Viewed", "properties": mat}
    assert (await client.post("/v1/track", json=said, headers=KEY)).status_code == 200


def users(shop: Any, *, held: bool) -> str:
    holdout = shop.publication.plan.workspace.settings.holdout
    names = (f"ada-{number}" for number in range(1_000))
    return next(
        name for name in names if (bucket(holdout.seed, user_key(name)) < holdout.share) is held
    )


async def test_a_piece_by_a_pipeline(client: httpx.AsyncClient, shop: Any) -> None:
    html = await piece(
        client, "ada", headline=HOSTILE, locale="de", exclude="storm", currency="CHF"
    )
    assert "&lt;script&gt;" in html
    assert 'lang="de"' in html
    assert "CHF" in html
    links = re.findall(r'href="http://site\.test(/v1/r/[^"]+)"', html)
    assert len(links) == len(shown(html)) == 3
    led = await client.get(links[0])
    assert led.status_code == 303
    rows = (await see(shop.warehouse).query(EVENTS, {})).rows
    (clicked,) = [json.loads(row[2]) for row in rows if row[0] == "Email Link Clicked"]
    assert (clicked["pipeline"], clicked["block"], clicked["place"]) == ("for-you", "", 1)
    line = shop.decision_log.waiting(clicked["decision_id"])
    assert line.bucketing_id == "u:ada"
    beside = await piece(client, "ada", pipeline="goes-with", item="/products/storm")
    assert shop.catalogue.now.get("storm").title not in shown(beside)


async def test_what_is_known_counts_but_not_for_the_holdout(
    client: httpx.AsyncClient, shop: Any
) -> None:
    everybodys = shown(await piece(client, "nobody"))
    for held in (True, False):
        user = users(shop, held=held)
        await look_at_a_mat(client, user)
        assert (shown(await piece(client, user)) == everybodys) is held
        assert shown(await piece(client, user, generic="1")) == everybodys


async def test_who_was_erased_gets_what_everybody_gets(
    client: httpx.AsyncClient, shop: Any
) -> None:
    user = users(shop, held=False)
    await look_at_a_mat(client, user)
    before = await piece(client, user)
    assert shown(before) != shown(await piece(client, "nobody"))
    erased = await client.delete(f"/v1/visitors/u:{user}", headers=KEY)
    assert erased.status_code in (200, 202), erased.text
    assert shown(await piece(client, user)) == shown(await piece(client, "nobody"))
    # What they were sent before leads on, and counts for nobody.
    (first, *_) = re.findall(r'href="http://site\.test(/v1/r/[^"]+)"', before)
    assert (await client.get(first)).status_code == 303
    rows = (await see(shop.warehouse).query(EVENTS, {})).rows
    assert not [row for row in rows if row[0] == "Email Link Clicked"]


async def test_without_consent_to_storage_links_are_plain(
    client: httpx.AsyncClient, shop: Any
) -> None:
    user = users(shop, held=False)
    await look_at_a_mat(client, user)
    denied = {"personalization": False, "analytics": False, "marketing": False}
    answer = await client.post(
        "/v1/consent", json={"userId": user, "purposes": denied}, headers=KEY
    )
    assert answer.status_code == 200, answer.text
    html = await piece(client, user)
    assert shown(html) == shown(await piece(client, "nobody"))
    assert "/v1/r/" not in html
    assert 'href="http://site.test/products/' in html
    assert shop.decision_log.waiting_of([f"u:{user}"]) == []


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
