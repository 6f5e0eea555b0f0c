"""Old answers are asked for again, and visits that say otherwise ask too; nothing is switched."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from persx.model.clock import DAY, iso
from tests.web.test_receipts_and_me import SERVER, carry, outside

pytestmark = pytest.mark.anyio


async def declared(client: Any, services: Any, *, days: float, **facts: Any) -> str:
    """A visitor who declared something so many days ago, on another browser state since."""
    visitor = outside(services)
    carry(client, services, visitor)
    body = {
        "anonymousId": visitor,
        "traits": facts,
        "timestamp": iso(services.clock() - int(days * DAY)),
    }
    assert (await client.post("/v1/identify", json=body, headers=SERVER)).status_code == 200
    return visitor


async def read(client: Any, visitor: str, times: int) -> None:
    """Read the article on cart abandonment."""
    for _ in range(times):
        body = {"anonymousId": visitor, "properties": {"path": "/blog/cart-abandonment"}}
        assert (await client.post("/v1/page", json=body, headers=SERVER)).status_code == 200


def question(text: str) -> tuple[str, list[tuple[str, str]]] | None:
    """The question of a page and its answers, the one that is filled in first."""
    found = re.search(r'data-testid="asking".*?</aside>', text, re.DOTALL)
    if found is None:
        return None
    asked = re.search(r"<strong>(.*?)</strong>", found[0])
    assert asked is not None
    answers = re.findall(r'<button class="pill([^"]*)"[^>]* value="([^"]*)"', found[0])
    assert [value for kind, value in answers if kind] == [answers[0][1]]
    return html.unescape(asked[1]), answers


async def test_an_old_industry_is_asked_for_again_and_goes_on_deciding(
    client: Any, services: Any
) -> None:
    await declared(client, services, days=91, industry="Healthcare")
    page = (await client.get("/")).text
    assert 'data-variant="healthcare"' in page, "nothing is switched silently"
    asked = question(page)
    assert asked is not None
    assert asked[0].startswith("You told us “Healthcare” on ")
    assert [value for _, value in asked[1]] == [
        "Healthcare", "eCommerce", "SaaS", "Financial Services", "Education",
    ]  # fmt: skip
    assert 'data-testid="reprompt"' not in page
    german = (await client.get("/about", headers={"Accept-Language": "de"})).text
    assert "Weiterhin Gesundheitswesen" in german
    sent = await client.post(
        "/privacy/answer", data={"name": "industry", "value": "Healthcare", "next": "/about?x=1"}
    )
    assert sent.headers["location"] == "/about?x=1&industry=healthcare"
    page = (await client.get("/")).text
    assert 'data-variant="healthcare"' in page
    assert question(page) is None
    client.cookies.delete("persx_state")
    assert question((await client.get("/")).text) is None, "the store knows of the answer"


async def test_another_answer_changes_the_industry(client: Any, services: Any) -> None:
    await declared(client, services, days=200, industry="Healthcare", goals=["Reduce no-shows"])
    await client.post("/privacy/answer", data={"name": "industry", "value": "SaaS"})
    page = (await client.get("/")).text
    assert 'data-variant="saas"' in page
    assert question(page) is None
    state = (await client.get("/v1/state")).json()
    assert (state["industry"], state["goals"]) == ("SaaS", ["Reduce no-shows"])


async def test_a_fresh_answer_is_not_questioned(client: Any, services: Any) -> None:
    await declared(client, services, days=89, industry="Healthcare")
    assert question((await client.get("/")).text) is None
    visitor = await declared(client, services, days=6, industry="Healthcare")
    await read(client, visitor, 5)
    assert question((await client.get("/")).text) is None, "what they said last counts"


async def test_a_goal_that_is_told_later_does_not_make_an_old_industry_young(
    client: Any, services: Any
) -> None:
    await declared(client, services, days=120, industry="Healthcare")
    told = await client.put("/v1/state", json={"goals": ["Reduce no-shows"]})
    assert told.status_code == 200
    asked = question((await client.get("/")).text)
    assert asked is not None


async def test_visits_that_say_otherwise_ask_and_the_visitor_decides(
    client: Any, services: Any
) -> None:
    visitor = await declared(client, services, days=8, industry="Healthcare")
    await read(client, visitor, 2)
    assert question((await client.get("/")).text) is None, "twice is not enough"
    await read(client, visitor, 1)
    page = (await client.get("/")).text
    assert 'data-variant="healthcare"' in page, "nothing is switched silently"
    asked = question(page)
    assert asked is not None
    assert asked[0] == "You told us “Healthcare”. Lately you have looked at “eCommerce”."
    assert [value for _, value in asked[1]] == ["Healthcare", "eCommerce"]
    no = {"name": "industry", "value": "Healthcare", "suggestion": "eCommerce"}
    assert (await client.post("/privacy/answer", data=no)).status_code == 303
    await read(client, visitor, 9)
    for when in (0, 30):
        clock = services.clock
        services.clock = lambda clock=clock, when=when: clock() + when * DAY
        await read(client, visitor, 3)
        page = (await client.get("/")).text
        services.clock = clock
        assert 'data-variant="healthcare"' in page
        assert question(page) is None, "a no is not asked again"


async def test_what_is_in_doubt_can_be_put_aside_and_rests(client: Any, services: Any) -> None:
    await declared(client, services, days=91, industry="Healthcare")
    page = (await client.get("/about")).text
    assert question(page) is not None
    assert "Not now" in page
    sent = await client.post(
        "/privacy/answer",
        data={"name": "industry", "suggestion": "", "action": "later", "next": "/about"},
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/about")
    page = (await client.get("/about")).text
    assert 'data-variant="healthcare"' in page, "what they said goes on deciding"
    assert question(page) is None
    client.cookies.delete("persx_asked")
    client.cookies.delete("persx_state")
    assert question((await client.get("/")).text) is None, "another session knows of it too"
    clock = services.clock
    services.clock = lambda: clock() + 91 * DAY
    asked = question((await client.get("/")).text)
    assert asked is not None, "it has rested"
    assert asked[0].startswith("You told us “Healthcare” on ")


async def test_a_drift_that_is_put_aside_rests_and_an_older_not_now_does_not_hide_it(
    client: Any, services: Any
) -> None:
    later = {"name": "industry", "action": "later", "next": "/"}
    visitor = outside(services)
    carry(client, services, visitor)
    await client.post("/preferences/answer", data=later)
    clock = services.clock
    services.clock = lambda: clock() + DAY
    await client.put("/v1/state", json={"industry": "Healthcare"})
    services.clock = lambda: clock() + 10 * DAY
    await read(client, visitor, 3)
    asked = question((await client.get("/")).text)
    assert asked is not None, "they were asked for an industry then, and told it later"
    assert asked[0] == "You told us “Healthcare”. Lately you have looked at “eCommerce”."
    await client.post("/privacy/answer", data={**later, "suggestion": "eCommerce"})
    await read(client, visitor, 3)
    assert question((await client.get("/")).text) is None
    # The start form is not asked for what is put aside, nor is it taken for an answer.
    assert (await client.get("/v1/state")).json()["industry"] == "Healthcare"


@pytest.mark.parametrize("name", ["", "company_size", "persona", "x" * 300])
async def test_what_nobody_asked_cannot_be_put_aside(client: Any, services: Any, name: str) -> None:
    await declared(client, services, days=1, industry="Healthcare")
    sent = await client.post("/privacy/answer", data={"name": name, "action": "later"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/start")
    told = (await client.get("/v1/me")).json()
    assert not [fact for fact in told["facts"] if fact["name"].startswith("declined")]


async def test_an_empty_answer_forgets_nothing(client: Any, services: Any) -> None:
    await declared(client, services, days=91, industry="Healthcare")
    sent = await client.post("/privacy/answer", data={"name": "industry", "value": ""})
    assert sent.headers["location"] == "/start"
    assert (await client.get("/v1/state")).json()["industry"] == "Healthcare"


async def test_a_suggestion_that_is_followed_is_declared(client: Any, services: Any) -> None:
    visitor = await declared(client, services, days=8, industry="Healthcare")
    await read(client, visitor, 3)
    yes = {"name": "industry", "value": "eCommerce", "suggestion": "eCommerce"}
    await client.post("/privacy/answer", data=yes)
    page = (await client.get("/")).text
    assert 'data-variant="ecommerce"' in page
    assert question(page) is None


@pytest.mark.parametrize(
    "given",
    [
        {"name": "industry", "value": "Nonsense"},
        {"name": "email", "value": "x@example.com"},
        {"name": "declined_questions", "value": "x"},
        {"name": "industry", "value": "SaaS", "suggestion": "Education"},
        {"name": "../x", "value": "<script>"},
        {},
    ],
)
async def test_what_nobody_asked_is_no_answer(
    client: Any, services: Any, given: dict[str, str]
) -> None:
    await declared(client, services, days=100, industry="Healthcare")
    sent = await client.post("/privacy/answer", data=given)
    assert (sent.status_code, sent.headers["location"]) == (303, "/start")
    assert (await client.get("/v1/state")).json()["industry"] == "Healthcare"


async def test_another_site_cannot_answer(client: Any, services: Any) -> None:
    await declared(client, services, days=100, industry="Healthcare")
    await client.post(
        "/privacy/answer",
        data={"name": "industry", "value": "SaaS", "next": "https://evil.example"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert (await client.get("/v1/state")).json()["industry"] == "Healthcare"


async def test_machines_and_previews_are_not_asked(client: Any, services: Any) -> None:
    await declared(client, services, days=100, industry="Healthcare")
    bot = {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
    assert question((await client.get("/", headers=bot)).text) is None
