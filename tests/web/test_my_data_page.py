"""/privacy and the studio's page on a visitor: what is shown to whom, and what can be done."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from persx.app.looks import looks
from persx.app.slow_reads import MOST_WAITING
from persx.model.clock import DAY, SECOND, iso, system_clock
from tests.staff import enter
from tests.web.test_receipts_and_me import SERVER, WRITE, carry, come, outside

pytestmark = pytest.mark.anyio
HOSTILE = "<script>alert(1)</script>{{7*7}}'\""


async def tell(client: Any, visitor: str, **traits: Any) -> None:
    # A moment ago, so that whatever the visitor says in this test was said later.
    when = iso(system_clock() - SECOND)
    body = {"anonymousId": visitor, "traits": traits, "timestamp": when}
    assert (await client.post("/v1/identify", json=body, headers=SERVER)).status_code == 200


async def page(client: Any, **headers: str) -> str:
    """What the visitor's own page says in its main part."""
    text = (await client.get("/privacy", headers=headers)).text
    return html.unescape(text[text.index("<main") : text.index("</main>")])


def facts(text: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", text))


async def test_every_fact_says_where_it_comes_from_since_when_and_what_for(
    client: Any, services: Any
) -> None:
    visitor = outside(services)
    carry(client, services, visitor)
    old = {
        "anonymousId": visitor,
        "traits": {"industry": "SaaS"},
        "timestamp": iso(1_780_000_000_000),
    }
    await client.post("/v1/identify", json=old, headers=SERVER)
    text = await page(client)
    assert facts(text)["Industry"] == "SaaS"
    assert "You told us" in text
    assert "since 28 May 2026" in text
    assert re.search(r"It can change \d+ places on: .*Home", text)
    assert "Your persona follows from it." in text
    assert "all-users-with-industry" in text
    german = await page(client, **{"Accept-Language": "de"})
    assert "seit 28. Mai 2026" in german
    assert 'lang="en"' in german, "audiences are described in the workspace's own language"


async def test_what_is_not_allowed_is_shown_as_kept_and_not_used(
    client: Any, services: Any
) -> None:
    visitor = await come(client, services)
    await tell(client, visitor, email="ada@example.com")
    allowed = await page(client)
    assert facts(allowed)["Work email"] == "ada@example.com"
    assert "Kept, but not used" not in allowed
    denied = await page(client, **{"Sec-GPC": "1"})
    assert facts(denied)["Work email"] == "ada@example.com"
    assert denied.count("Kept, but not used") == 1


async def test_the_last_pages_say_why_in_plain_words(client: Any, services: Any) -> None:
    await come(client, services)
    await client.get("/")
    await client.get("/about")
    text = await page(client)
    assert text.index(">About<") < text.index(">Home<"), "the newest page comes first"
    assert "This version fits what is known of you:" in text
    assert "<li>Industry: SaaS</li>" in text
    assert '<code>industry == "SaaS"</code>' in text
    (id,) = {each.split(".")[0] for each in re.findall(r'href="/v1/decisions/(\w+)"', text)[:1]}
    assert (await client.get(f"/v1/decisions/{id}")).json()["page"] == "about"
    german = await page(client, **{"Accept-Language": "de"})
    assert "Diese Fassung passt zu dem, was von Ihnen bekannt ist:" in german
    assert "<li>Branche: SaaS</li>" in german
    carry(client, services, outside(services, held=True))
    await client.put("/v1/state", json={"industry": "SaaS"})
    await client.get("/")
    assert "You are in a small group, chosen by chance" in await page(client)


async def test_a_fact_is_corrected_and_deleted(client: Any, services: Any) -> None:
    visitor = await come(client, services)
    await tell(client, visitor, company="Analytical Engines", email="ada@example.com")
    sent = {"action": "correct", "name": "company", "value": "Difference Engines"}
    answer = await client.post("/privacy", data=sent)
    assert answer.headers["location"] == "/privacy?done=saved"
    assert facts(await page(client))["Company"] == "Difference Engines"
    assert facts(await page(client))["Industry"] == "SaaS", "the others stay"
    answer = await client.post("/privacy", data={"action": "delete", "name": "company"})
    assert answer.headers["location"] == "/privacy?done=deleted"
    assert "Company" not in facts(await page(client))
    client.cookies.delete("persx_state")
    assert "Company" not in facts(await page(client)), "the store has forgotten it too"
    assert (await client.get("/v1/state")).json()["industry"] == "SaaS"
    told = await client.get("/privacy?done=deleted")
    assert "Deleted. This site does not use it any more." in told.text
    assert 'role="status"' not in (await client.get("/privacy?done=__class__")).text


@pytest.mark.parametrize(
    "sent",
    [
        {"action": "correct", "name": "industry", "value": HOSTILE},
        {"action": "correct", "name": HOSTILE, "value": "x"},
        {"action": "correct", "name": "page_views", "value": "9"},
        {"action": "delete", "name": "page_views"},
        {"action": "delete", "name": "declined_questions"},
        {"action": "delete"},
        {"action": "correct", "name": "company", "value": "x" * 6_000},
    ],
)
async def test_what_cannot_be_saved_is_said(
    client: Any, services: Any, sent: dict[str, str]
) -> None:
    await come(client, services)
    answer = await client.post("/privacy", data=sent)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    assert (await client.get("/v1/state")).json()["industry"] == "SaaS"


async def test_a_form_that_says_nothing_that_is_known_changes_nothing(
    client: Any, services: Any
) -> None:
    await come(client, services)
    for sent in ({}, {"action": ""}, {"action": "resett"}, {"action": "x", "name": "industry"}):
        assert (await client.post("/privacy", data=sent)).status_code == 422
    assert facts(await page(client))["Industry"] == "SaaS"


async def test_another_site_changes_nothing(client: Any, services: Any) -> None:
    await come(client, services)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for sent in (
        {"action": "delete", "name": "industry"},
        {"action": "generic", "value": "yes"},
        {"action": "reset"},
    ):
        assert (await client.post("/privacy", data=sent, headers=foreign)).status_code == 422
    assert facts(await page(client))["Industry"] == "SaaS"


async def test_a_visitors_page_shows_nothing_of_anybody_else(client: Any, services: Any) -> None:
    victim = await come(client, services, "Healthcare")
    await tell(client, victim, company="Victim Inc")
    await client.get("/")
    carry(client, services, outside(services))
    forged = {"anonymousId": victim, "id": victim, "userId": victim}
    answer = await client.get("/privacy", params=forged, headers=WRITE)
    for secret in (f"a:{victim}", "Victim Inc"):
        assert secret not in answer.text
    assert facts(answer.text) == {}
    await client.post("/privacy", data={"action": "delete", "name": "company", **forged})
    carry(client, services, victim)
    assert facts(await page(client))["Company"] == "Victim Inc"


async def test_two_clicks_lead_to_what_is_known(client: Any, services: Any) -> None:
    await come(client, services)
    for path in ("/", "/contact", "/start", "/no/such/page"):
        text = (await client.get(path)).text
        footer = text[text.index("<footer") :]
        assert 'href="/privacy"' in footer, path
        assert re.search(r'href="/start[^"]*"[^>]*>Update my industry', footer), path


async def test_the_studio_shows_a_visitor_and_notes_the_look(client: Any, services: Any) -> None:
    visitor = await come(client, services)
    await tell(client, visitor, company="Victim Inc")
    await client.get("/")
    for method in ("GET", "POST"):
        refused = await client.request(method, "/admin/visitors", data={"id": visitor})
        assert "Victim Inc" not in refused.text
        assert "Sign in" in refused.text
    assert await looks(services) == []
    csrf = await enter(client, services)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    refused = await client.post(
        "/admin/visitors", data={"id": visitor, "csrf": csrf}, headers=foreign
    )
    assert (refused.status_code, await looks(services)) == (403, [])
    shown = await client.post("/admin/visitors", data={"id": visitor, "csrf": csrf})
    assert shown.status_code == 200
    assert facts(shown.text)["Company"] == "Victim Inc"
    assert "This version fits what is known of you" in shown.text
    assert "/v1/decisions/" not in shown.text, "a receipt is its bearer's"
    missing = await client.post("/admin/visitors", data={"id": HOSTILE, "csrf": csrf})
    assert missing.status_code == 404
    assert "<script>alert" not in missing.text
    assert (await client.post("/admin/visitors", data={"id": " ", "csrf": csrf})).status_code == 422
    assert (
        await client.post("/admin/visitors", data={"id": "x" * 9_999, "csrf": csrf})
    ).status_code == 422
    found = await looks(services)
    assert [(look.by, look.asked, look.identities) for look in found] == [
        ("admin", HOSTILE, ()), ("admin", visitor, (f"a:{visitor}",)),
    ]  # fmt: skip
    log = (await client.get("/admin/visitors")).text
    assert visitor in log
    assert (await client.get("/v1/me")).json()["staffLooks"][0]["by"] == "admin"


async def test_the_studio_finds_users_by_their_id_too(client: Any, services: Any) -> None:
    body = {"anonymousId": "x1", "userId": "ada", "traits": {"company": "Analytical"}}
    assert (await client.post("/v1/identify", json=body, headers=SERVER)).status_code == 200
    csrf = await enter(client, services)
    for asked in ("ada", "u:ada", "x1", "a:x1"):
        shown = await client.post("/admin/visitors", data={"id": asked, "csrf": csrf})
        assert facts(shown.text)["Company"] == "Analytical", asked
        assert "<code>u:ada</code>" in shown.text
    assert (
        await client.post("/admin/visitors", data={"id": "c:ada", "csrf": csrf})
    ).status_code == 404


async def test_facts_of_old_days_are_dated_by_when_they_were_said(
    client: Any, services: Any
) -> None:
    visitor = outside(services)
    carry(client, services, visitor)
    when = services.clock() - 400 * DAY
    body = {"anonymousId": visitor, "traits": {"company": "Old"}, "timestamp": iso(when)}
    await client.post("/v1/identify", json=body, headers=SERVER)
    await client.put("/v1/state", json={"industry": "SaaS"})
    told = {each["name"]: each for each in (await client.get("/v1/me")).json()["facts"]}
    assert told["company"]["at"] == iso(when)
    assert told["industry"]["at"] > iso(services.clock() - DAY)


async def test_pages_in_the_archive_are_found_by_who_looks_further_back(
    client: Any, services: Any
) -> None:
    await client.put("/v1/state", json={"industry": "SaaS"})
    await client.get("/about")
    await services.decision_log.flush(services.store)
    await services.warehouse.seal()
    await client.get("/contact")
    newest = (await client.get("/privacy")).text
    assert newest.count('data-testid="receipt"') == 1
    assert "Older pages lie in the archive" in newest
    assert 'href="/privacy?older=1#why"' in newest
    all = (await client.get("/privacy?older=1")).text
    assert all.count('data-testid="receipt"') == 2
    assert 'data-testid="older"' not in all
    # Somebody else finds nothing of it.
    client.cookies.clear()
    other = (await client.get("/privacy?older=1")).text
    assert 'data-testid="receipt"' not in other


async def test_where_too_many_look_back_the_newest_are_shown(client: Any, services: Any) -> None:
    await client.put("/v1/state", json={"industry": "SaaS"})
    await client.get("/contact")
    services.slow_reads._waiting = MOST_WAITING
    page = await client.get("/privacy?older=1")
    assert page.status_code == 200
    assert page.text.count('data-testid="receipt"') == 1
    assert "Too many people ask at once" in page.text
    assert 'data-testid="older"' in page.text
