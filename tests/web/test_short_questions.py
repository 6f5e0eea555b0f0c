"""Short questions over HTTP: asked one at a time, answered or put aside, or not asked at all."""

from __future__ import annotations

import html
import re
from typing import Any

import msgspec
import pytest

from persx.model.attribute import Purpose
from persx.model.clock import DAY, MINUTE
from persx.model.event import anonymous_key
from persx.model.question import QuestionDocument
from persx.model.workspace import ConsentMode, ConsentSettings, Workspace
from persx.testing import see
from tests.conftest import WRITE_KEY
from tests.web.test_consent import publish
from tests.web.test_receipts_and_me import SERVER, carry, come, outside

pytestmark = pytest.mark.anyio
INNER = ("/blog", "/contact", "/personas", "/test-ideas")


def bar(text: str) -> tuple[str, str, list[str]] | None:
    """Kind of the bar above a page, its question, and the answers to click on."""
    found = re.search(r'<aside class="reprompt".*?</aside>', text, re.DOTALL)
    if found is None:
        return None
    kind = re.search(r'data-testid="(\w+)"', found[0])
    asked = re.search(r"<strong>(.*?)</strong>", found[0])
    assert kind
    assert asked
    answers = re.findall(r'<button class="pill[^"]*"[^>]* value="([^"]*)"', found[0])
    return kind[1], html.unescape(asked[1]), [html.unescape(each) for each in answers]


async def changed(services: Any, **parts: Any) -> None:
    """Publish the demo with other settings, attributes or questions."""
    workspace: Workspace = (await services.store.snapshot()).workspace
    if "settings" in parts:
        parts["settings"] = msgspec.structs.replace(workspace.settings, **parts["settings"])
    for name in {"attributes", "questions"} & parts.keys():
        parts[name] = {**getattr(workspace, name), **parts[name]}
    await publish(services, msgspec.structs.replace(workspace, **parts))


async def walk(client: Any, pages: int) -> str:
    """Look at some pages without a quiz; return the last one."""
    for n in range(pages):
        text = (await client.get(INNER[n % len(INNER)])).text
    return str(text)


async def answer(client: Any, name: str, **sent: str) -> Any:
    return await client.post(
        "/preferences/answer", data={"name": name, "next": "/blog?x=1", **sent}
    )


async def facts(client: Any) -> dict[str, Any]:
    told = (await client.get("/v1/me")).json()
    return {fact["name"]: fact["value"] for fact in told["facts"] if fact["source"] == "declared"}


async def test_who_is_here_for_the_first_time_looks_around_first(client: Any) -> None:
    assert bar((await client.get("/")).text) is None
    asked = bar((await client.get("/")).text)
    assert asked is not None
    assert asked[:2] == ("reprompt", "Which industry are you in?")
    assert asked[2] == ["eCommerce", "Healthcare", "SaaS", "Financial Services", "Education"]


async def test_who_arrives_on_an_inner_page_is_asked_at_once_and_answers_with_a_click(
    client: Any,
) -> None:
    asked = bar((await client.get("/blog?x=1")).text)
    assert asked is not None
    assert asked[0] == "reprompt"
    sent = await answer(client, "industry", value="Education")
    there = "/blog?x=1&industry=education"
    assert (sent.status_code, sent.headers["location"]) == (303, there)
    page = (await client.get("/blog")).text
    assert bar(page) is None
    assert (await client.get("/v1/state")).json()["industry"] == "Education"
    client.cookies.clear()
    page = (await client.get(there)).text
    assert bar(page) is not None, "the address brings the answer back where cookies are lost"
    assert "This page speaks to Education." in page


async def test_put_aside_it_is_not_asked_again_in_this_session_nor_soon(
    client: Any, services: Any
) -> None:
    await client.get("/blog")
    sent = await answer(client, "industry", action="later")
    assert (sent.status_code, sent.headers["location"]) == (303, "/blog?x=1")
    assert bar((await client.get("/")).text) is None
    client.cookies.delete("persx_asked")
    assert bar((await client.get("/blog")).text) is None, "another session knows of it too"
    clock = services.clock
    services.clock = lambda: clock() + 91 * DAY
    assert bar((await client.get("/blog")).text) is not None, "it has rested"


async def test_short_questions_come_after_some_pages_one_at_a_time_and_two_at_most(
    client: Any, services: Any
) -> None:
    await come(client, services)
    assert bar(await walk(client, 3)) is None
    asked = bar(await walk(client, 1))
    assert asked == (
        "question",
        "How many people work at your company?",
        ["Just me", "2 to 50", "51 to 500", "More than 500"],
    )
    assert bar(await walk(client, 5)) == asked, "it stays until it is answered"
    sent = await answer(client, "company-size", value="2 to 50")
    assert sent.status_code == 303
    asked = bar(await walk(client, 1))
    assert asked is not None
    assert asked[1] == "What do you work on?"
    await answer(client, "role", value="Engineering")
    assert bar(await walk(client, 6)) is None
    assert await facts(client) == {
        "industry": "SaaS", "company_size": "2 to 50", "role": "Engineering",
    }  # fmt: skip
    page = (await client.get("/about")).text
    assert 'data-block="about-cta" data-type="cta" data-variant="engineers"' in page


async def test_no_session_is_asked_more_than_the_workspace_allows(
    client: Any, services: Any
) -> None:
    await changed(services, settings={"questions_per_session": 1})
    await client.get("/blog")
    await answer(client, "industry", value="SaaS")
    assert bar(await walk(client, 8)) is None, "the industry was the one question"
    clock = services.clock
    services.clock = lambda: clock() + 31 * MINUTE
    asked = bar(await walk(client, 4))
    assert asked is not None
    assert asked[0] == "question"
    await changed(services, settings={"questions_per_session": 0})
    client.cookies.clear()
    assert bar(await walk(client, 8)) is None


async def test_an_answer_that_was_taken_back_may_be_asked_again_but_not_at_once(
    client: Any, services: Any
) -> None:
    await come(client, services)
    await walk(client, 3)
    await answer(client, "company-size", value="2 to 50")
    await client.post("/privacy", data={"action": "delete", "name": "company_size"})
    await changed(services, questions={}, settings={"questions_per_session": 5})
    assert "How many people" not in await walk(client, 2)
    client.cookies.delete("persx_asked")
    asked = bar(await walk(client, 4))
    assert asked is not None
    assert asked[1] == "How many people work at your company?"


async def test_what_expired_is_asked_again(client: Any, services: Any) -> None:
    await come(client, services)
    await walk(client, 3)
    await answer(client, "company-size", value="Just me")
    clock = services.clock
    services.clock = lambda: clock() + 731 * DAY
    await changed(services, settings={"reask_days": 0})
    await client.post("/privacy/answer", data={"name": "industry", "value": "SaaS"})
    asked = bar(await walk(client, 4))
    assert asked is not None
    assert asked[1] == "How many people work at your company?"


async def test_a_rule_says_who_is_asked(client: Any, services: Any) -> None:
    asks = QuestionDocument(
        name="company-size", attribute="company_size", text="How many?", after=0,
        when='industry == "Education"',
    )  # fmt: skip
    await changed(services, questions={"company-size": asks})
    await come(client, services, "SaaS")
    assert "How many?" not in await walk(client, 3)
    await come(client, services, "Education")
    assert "How many?" in await walk(client, 1)


async def test_doubts_about_what_was_declared_come_first_and_count(
    client: Any, services: Any
) -> None:
    await changed(services, settings={"questions_per_session": 1})
    visitor = outside(services)
    carry(client, services, visitor)
    body = {"anonymousId": visitor, "traits": {"industry": "SaaS"}}
    await client.post("/v1/identify", json=body, headers=SERVER)
    clock = services.clock
    services.clock = lambda: clock() + 100 * DAY
    asked = bar(await walk(client, 6))
    assert asked is not None
    assert asked[0] == "asking"
    await client.post("/privacy/answer", data={"name": "industry", "value": "SaaS"})
    assert bar(await walk(client, 6)) is None, "one question was asked"


async def test_two_devices_remember_together_what_each_put_aside(
    client: Any, services: Any
) -> None:
    await changed(services, settings={"questions_per_session": 5})
    first = await come(client, services)
    await answer(client, "company-size", action="later")
    second = await come(client, services)
    await answer(client, "role", action="later")
    for device in (first, second):
        body = {"anonymousId": device, "userId": "ada", "traits": {}}
        await client.post("/v1/identify", json=body, headers=SERVER)
    for device in (first, second):
        carry(client, services, device)
        assert bar(await walk(client, 8)) is None
    told = (await client.get("/v1/me")).text
    assert "declined_questions.company-size" in told
    assert "declined_questions.role" in told


async def test_what_was_put_aside_is_exported_and_erased(client: Any, services: Any) -> None:
    visitor = await come(client, services)
    await answer(client, "role", action="later")
    assert "declined_questions.role" in (await client.get("/v1/me")).text
    privacy = (await client.get("/privacy")).text
    assert "declined_questions" not in privacy, "it is no fact about them"
    assert (await client.delete("/v1/me")).status_code == 200
    assert "persx_asked" not in client.cookies
    assert await see(services.store).states(anonymous_key(visitor)) == []


@pytest.mark.parametrize(
    "sent",
    [
        {"name": "company-size", "value": "a million"},
        {"name": "company-size", "value": ""},
        {"name": "company-size"},
        {"name": "company-size", "value": "x" * 100_000},
        {"name": "first-test", "value": "maybe"},
        {"name": "email-topics", "value": "Everything"},
        {"name": "industry", "value": "<script>alert(1)</script>"},
        {"name": "no-such-question", "value": "x"},
        {"name": "declined_questions", "value": "x"},
        {"name": "", "value": "x"},
        {},
    ],
)
async def test_what_is_no_answer_changes_nothing(
    client: Any, services: Any, sent: dict[str, str]
) -> None:
    await come(client, services)
    before = await facts(client)
    for extra in ({}, {"page": "about", "block": "about-quiz"}, {"page": "home", "block": "x"}):
        got = await client.post("/preferences/answer", data={**sent, **extra, "allows": "yes"})
        assert got.status_code in (303, 422)
        assert got.headers.get("location", "/preferences").startswith("/preferences")
        assert "<script>alert" not in got.text
    assert await facts(client) == before


async def test_another_site_cannot_answer_or_put_aside(client: Any, services: Any) -> None:
    await come(client, services)
    before = await facts(client)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for sent in ({"value": "2 to 50"}, {"action": "later"}):
        data = {"name": "company-size", "next": "https://evil.example/", **sent}
        got = await client.post("/preferences/answer", data=data, headers=foreign)
        assert got.headers["location"] == "/preferences?problem=answer"
    got = await client.post(
        "/preferences",
        data={"section": "personalization", "asked": "role", "value.role": "Product"},
        headers=foreign,
    )
    assert got.status_code == 422
    assert await facts(client) == before
    assert "declined_questions.company-size" not in (await client.get("/v1/me")).text
    safe = await answer(client, "role", value="Product", next="//evil.example")
    assert safe.headers["location"] == "/"


async def test_machines_are_asked_nothing_and_carry_nothing(client: Any) -> None:
    bot = {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
    got = await client.get("/blog", headers=bot)
    assert bar(got.text) is None
    assert "persx_asked" not in got.headers.get("set-cookie", "")


async def test_who_wants_what_everybody_gets_is_asked_nothing(client: Any) -> None:
    await client.get("/blog")
    await client.post("/privacy", data={"action": "generic", "value": "yes"})
    assert bar(await walk(client, 6)) is None


# Consent


async def opt_in(services: Any) -> None:
    await changed(services, settings={"consent": ConsentSettings(mode=ConsentMode.OPT_IN)})


async def test_before_they_agree_nobody_is_asked_and_nothing_is_set(
    client: Any, services: Any
) -> None:
    await opt_in(services)
    assert bar(await walk(client, 6)) is None
    assert not client.cookies
    # An answer to a question that was not put, or put before they changed their mind.
    await answer(client, "company-size", value="2 to 50")
    assert not client.cookies
    assert await see(services.stream).read(0, 100) == []


async def test_a_quiz_says_what_answering_allows(client: Any, services: Any) -> None:
    await opt_in(services)
    page = (await client.get("/about")).text
    assert "By answering you allow this: Personalization" in page
    form = {"name": "first-test", "value": "no", "page": "about", "block": "about-quiz"}
    got = await client.post("/preferences/answer", data=form)
    assert got.status_code == 422, "the form did not say so"
    assert not client.cookies
    form |= {"allows": "yes", "next": "/about#about-quiz"}
    got = await client.post("/preferences/answer", data=form)
    assert got.headers["location"] == "/about#about-quiz"
    assert {"persx_visitor", "persx_state", "persx_consent"} <= set(client.cookies)
    page = (await client.get("/about")).text
    assert "By answering you allow" not in page
    assert "Question 2 of 3" in page
    consent = (await client.get("/v1/consent")).json()
    assert consent["granted"]["personalization"] is True
    assert consent["granted"]["analytics"] is False


async def test_without_storage_a_session_remembers_what_was_put_aside_and_nothing_else(
    client: Any, services: Any
) -> None:
    await opt_in(services)
    form = {"name": "first-test", "action": "later", "next": "/about"}
    got = await client.post("/preferences/answer", data=form)
    assert got.status_code == 303
    assert set(client.cookies) == {"persx_asked"}
    page = (await client.get("/about")).text
    assert "Question 2 of 3" in page
    assert await see(services.stream).read(0, 100) == []


async def test_what_is_for_marketing_is_asked_only_of_who_allows_that(
    client: Any, services: Any
) -> None:
    topics = QuestionDocument(
        name="email-topics", attribute="email_topics", text="What may we write about?", after=0
    )
    await changed(services, questions={"email-topics": topics})
    gpc = {"Sec-GPC": "1"}
    await come(client, services)
    for _ in range(3):
        assert "What may we write" not in (await client.get("/blog", headers=gpc)).text
    asked = (await client.get("/blog")).text
    assert "What may we write about?" in asked
    assert asked.count('type="checkbox" name="value"') == 3


async def test_nobody_asks_in_an_api(client: Any) -> None:
    body = {"anonymousId": "someone", "blocks": ["about-quiz"]}
    headers = {"Authorization": f"Bearer {WRITE_KEY}"}
    got = (await client.post("/v1/decide", json=body, headers=headers)).json()
    content = got["decisions"]["about-quiz"]["content"]
    assert content["questions"] == ["first-test", "company-size", "role"]
    assert Purpose.MARKETING.value not in str(content)
