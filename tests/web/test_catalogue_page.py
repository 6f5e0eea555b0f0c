"""The catalogue in the studio: found, looked at, hidden and shown again, without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest

from persx.app.audit import AuditRequest, entries
from persx.app.item_listing import ListItems
from persx.model.item import Item, ItemId
from persx.storage.items import put
from persx.web.admin.catalogue import CatalogueView
from persx.web.html import page as rendered
from tests.staff import csrf, enter, make_account, sign_in

pytestmark = pytest.mark.anyio

PATH = "/admin/catalogue"


def item(id: str, **facts: Any) -> Item:
    return Item(id=ItemId(id), **{"title": f"Thing {id}", **facts})


async def text(client: Any, path: str = PATH, **query: str) -> str:
    answer = await client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def titles(page: str) -> list[str]:
    return re.findall(r'<h2><a href="[^"]*">([^<]*)</a></h2>', page)


async def test_items_are_found_by_words_category_and_state(client: Any, services: Any) -> None:
    await put(
        services.items,
        [
            item("a", category=("Running", "Shoes"), brand="Wren", price=89.9, was=99.0),
            item("b", category=("Running", "Caps"), available=False),
            item("c", category=("Kitchen",), hidden=True, tags=("iron",)),
        ],
    )
    await enter(client, services)
    page = await text(client, q="thing")
    assert titles(page) == ["Thing a", "Thing b", "Thing c"]
    assert "39 items, 37 of them can be recommended" in page
    assert "3 items found." in page
    assert "89.90" in page
    assert titles(await text(client, q="wren THING")) == ["Thing a"]
    assert titles(await text(client, q="iron")) == ["Thing c"]
    assert titles(await text(client, category="Running")) == ["Thing a", "Thing b"]
    assert titles(await text(client, category="Running › Caps")) == ["Thing b"]
    assert titles(await text(client, show="hidden")) == ["Thing c"]
    assert titles(await text(client, show="unavailable")) == ["Thing b"]
    assert "No item fits." in await text(client, q="nothing such")
    assert len(titles(await text(client, show="nonsense"))) == 39


async def test_an_editor_hides_and_shows_at_once_and_it_is_noted(
    client: Any, services: Any
) -> None:
    await make_account(services, "ed", "editor")
    await sign_in(client, "ed")
    post = "blog/consent-first"
    assert 'name="hidden" value="yes"' in await text(client)
    for hidden, word in (("yes", "It is hidden"), ("no", "It can be recommended")):
        answer = await client.post(
            f"{PATH}/hide",
            data={"id": post, "hidden": hidden, "csrf": await csrf(client), "next": PATH},
        )
        assert (answer.status_code, answer.headers["location"]) == (303, PATH)
        catalogue = await services.current_catalogue()
        assert catalogue.shown[catalogue.code(post)] == (hidden == "no")
        assert word in await text(client, f"{PATH}/item", id=post)
    noted = (await entries(services, AuditRequest(what="item"))).entries
    assert [(each.who, each.what, each.on) for each in noted] == [
        ("ed", "item.unhide", post), ("ed", "item.hide", post),
    ]  # fmt: skip


async def test_who_only_reads_sees_no_buttons_and_changes_nothing(
    client: Any, services: Any
) -> None:
    await make_account(services, "vi", "viewer")
    await sign_in(client, "vi")
    page = await text(client)
    assert "Show again" not in page
    assert "/admin/catalogue/hide" not in page
    answer = await client.post(
        f"{PATH}/hide", data={"id": "x", "hidden": "yes", "csrf": await csrf(client)}
    )
    assert answer.status_code == 403
    assert await services.items.revision() == 0


async def test_an_address_from_elsewhere_is_not_followed(client: Any, services: Any) -> None:
    token = await enter(client, services)
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        answer = await client.post(
            f"{PATH}/hide",
            data={"id": "blog/consent-first", "hidden": "no", "csrf": token, "next": target},
        )
        assert answer.headers["location"] == PATH


def test_an_empty_catalogue_says_how_to_fill_it() -> None:
    view = CatalogueView(name="Shop", asked=ListItems())
    page = bytes(rendered("admin/catalogue.html", view).body).decode()
    assert "Nothing can be recommended yet" in page
    assert "persx import items" in page


async def test_hostile_items_are_words(client: Any, services: Any) -> None:
    bad = '"><script>alert(1)</script>'
    await put(
        services.items,
        [
            item("x", title=bad, text=bad, brand=bad, tags=(bad,), category=(bad,), art="../../etc",
                 image="javascript:alert(1)", url="javascript:alert(1)", attributes={bad: bad}),
            item('y" onload="x'),
            Item(id=ItemId("untitled")),
        ],
    )  # fmt: skip
    await enter(client, services)
    for page in (
        await text(client),
        await text(client, q=bad, category=bad),
        await text(client, f"{PATH}/item", id="x"),
        await text(client, f"{PATH}/item", id='y" onload="x'),
    ):
        assert "<script>alert" not in page
        assert not re.search(r'(?:href|src|action)="?javascript:', page)
        assert ' onload="' not in page


async def test_pages_of_many_items_and_an_item_that_is_not_there(
    client: Any, services: Any
) -> None:
    await put(services.items, [item(f"i{n:03}") for n in range(100)])
    await enter(client, services)
    seen: list[str] = []
    path = f"{PATH}?q=thing+i"
    while path and len(seen) < 200:
        page = await text(client, path)
        seen += titles(page)
        found = re.search(r'href="([^"]+)">Next page', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"Thing i{n:03}" for n in range(100)]
    assert "First page" in page
    answer = await client.get(f"{PATH}/item", params={"id": "none"})
    assert (answer.status_code, "No such item" in answer.text) == (404, True)
    answer = await client.post(
        f"{PATH}/hide", data={"id": "none", "hidden": "yes", "csrf": await csrf(client)}
    )
    assert answer.status_code == 404
