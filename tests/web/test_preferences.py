"""The preference centre: everybody's own answers, to see, to change and to take back."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from persx.model.workspace import ConsentMode, ConsentSettings
from persx.testing import see
from tests.web.test_receipts_and_me import SERVER, come
from tests.web.test_short_questions import changed, facts

pytestmark = pytest.mark.anyio


def section(text: str, purpose: str) -> str:
    found = re.search(rf'<form [^>]*data-testid="section-{purpose}".*?</form>', text, re.DOTALL)
    assert found is not None, purpose
    return html.unescape(found[0])


def chosen(text: str) -> set[str]:
    """Field and value of everything that is checked, but for what says that nothing is."""
    found = re.findall(r'name="value\.([^"]+)" value="([^"]*)" checked', text)
    return {f"{name}={value}" for name, value in found if value}


async def save(client: Any, purpose: str, asked: list[str], **values: Any) -> Any:
    data: dict[str, Any] = {"section": purpose, "asked": asked}
    data |= {f"value.{name.replace('_', '-')}": value for name, value in values.items()}
    return await client.post("/preferences", data=data)


async def test_it_is_found_from_every_page_and_from_the_privacy_page(client: Any) -> None:
    for path in ("/", "/privacy", "/start", "/there/is/no/such/page"):
        assert 'href="/preferences"' in (await client.get(path)).text
    assert (await client.get("/privacy")).text.count('href="/preferences"') == 2


async def test_answers_are_seen_changed_and_taken_back(client: Any, services: Any) -> None:
    await come(client, services)
    page = (await client.get("/preferences")).text
    assert chosen(page) == set()
    assert "<dt>Industry</dt><dd>SaaS</dd>" in page
    assert "not told yet" in page
    assert 'href="/start?next=%2Fpreferences"' in page
    asked = ["first-test", "company-size", "role"]
    sent = await save(client, "personalization", asked, company_size="2 to 50", first_test="no")
    assert sent.headers["location"] == "/preferences?saved=personalization#personalization"
    page = (await client.get(sent.headers["location"])).text
    assert "Saved. It holds from the next page on." in section(page, "personalization")
    assert "Saved." not in section(page, "marketing")
    assert chosen(page) == {"company-size=2 to 50", "first-test=no"}
    topics = ["Test ideas", "Product news"]
    await save(
        client, "marketing", ["email-topics", "email-frequency"],
        email_topics=topics, email_frequency="Once a month",
    )  # fmt: skip
    assert await facts(client) == {
        "industry": "SaaS", "company_size": "2 to 50", "runs_tests": False,
        "email_topics": topics, "email_frequency": "Once a month",
    }  # fmt: skip
    # What is left empty is forgotten; the other section and what was not asked stay.
    await save(client, "personalization", asked, company_size="")
    await save(client, "marketing", ["email-topics"])
    assert await facts(client) == {"industry": "SaaS", "email_frequency": "Once a month"}


async def test_what_is_wrong_is_said_at_the_answer_and_nothing_is_lost(
    client: Any, services: Any
) -> None:
    await come(client, services)
    sent = await save(
        client, "personalization", ["company-size", "role"],
        company_size="Millions<script>", role="Product",
    )  # fmt: skip
    assert sent.status_code == 422
    assert "Not saved yet" in sent.text
    assert "Please choose one of the answers." in section(sent.text, "personalization")
    assert "<script>" not in re.sub(r'<script (src|type)="[^>]*>', "", sent.text)
    assert chosen(sent.text) == {"role=Product"}
    assert await facts(client) == {"industry": "SaaS"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"section": "everything"},
        {"section": "personalization"},
        {"section": "personalization", "asked": "email-topics", "value.email-topics": "Test ideas"},
        {"section": "personalization", "asked": "industry", "value.industry": "Education"},
        {"section": "personalization", "asked": "../etc", "value.../etc": "x"},
        {"section": "necessary", "asked": "generic_content", "value.generic_content": "yes"},
    ],
)
async def test_only_what_is_asked_can_be_said(
    client: Any, services: Any, data: dict[str, str]
) -> None:
    await come(client, services)
    assert (await client.post("/preferences", data=data)).status_code == 303
    assert await facts(client) == {"industry": "SaaS"}


async def test_nobody_sees_or_changes_what_is_anothers(client: Any, services: Any) -> None:
    ada = await come(client, services)
    await save(client, "personalization", ["role"], role="Engineering")
    cookies = dict(client.cookies)
    client.cookies.clear()
    for params in ({"anonymousId": ada}, {"userId": ada}, {"visitor": ada}):
        assert chosen((await client.get("/preferences", params=params)).text) == set()
        await client.post(
            "/preferences",
            params=params,
            data={"section": "personalization", "asked": "role", "value.role": "Product", **params},
        )
        client.cookies.clear()
    client.cookies.update(cookies)
    assert chosen((await client.get("/preferences")).text) == {"role=Engineering"}


async def test_it_speaks_german(client: Any) -> None:
    page = (await client.get("/preferences", headers={"Accept-Language": "de"})).text
    for said in ("Ihre Einstellungen", "Worüber dürfen wir Ihnen schreiben?", "Neue Artikel"):
        assert said in page


async def test_looking_keeps_nothing(client: Any, services: Any) -> None:
    await client.get("/preferences")
    assert not client.cookies
    await save(client, "personalization", ["role"])
    assert not client.cookies
    assert await see(services.stream).read(0, 100) == []


async def test_each_section_asks_for_its_own_permission(client: Any, services: Any) -> None:
    await changed(services, settings={"consent": ConsentSettings(mode=ConsentMode.OPT_IN)})
    page = (await client.get("/preferences")).text
    assert "Marketing – What you are interested in" in section(page, "marketing")
    assert "Marketing –" not in section(page, "personalization")
    assert "Personalization – The pages remember" in section(page, "personalization")
    sent = await save(client, "marketing", ["email-topics"], email_topics="Test ideas")
    assert sent.status_code == 422, "the form did not say what it allows"
    assert await see(services.stream).read(0, 100) == []
    data = {
        "section": "personalization", "asked": "role", "value.role": "Product", "allows": "yes",
    }  # fmt: skip
    assert (await client.post("/preferences", data=data)).status_code == 303
    granted = (await client.get("/v1/consent")).json()["granted"]
    assert granted == {
        "necessary": True, "personalization": True, "analytics": False, "marketing": False,
    }  # fmt: skip
    page = (await client.get("/preferences")).text
    assert "By saving you allow" not in section(page, "personalization")
    assert "By saving you allow" in section(page, "marketing")
    assert chosen(page) == {"role=Product"}


# The link in an e-mail


async def link_for(client: Any, user: str) -> str:
    got = await client.post("/v1/preferences/link", json={"userId": user}, headers=SERVER)
    assert got.status_code == 200
    found = re.fullmatch(r"http://site\.test(/preferences\?for=\S+)", got.json()["url"])
    assert found is not None
    return found[1]


async def identify(client: Any, user: str, **traits: Any) -> None:
    body = {"userId": user, "traits": traits}
    assert (await client.post("/v1/identify", json=body, headers=SERVER)).status_code == 200


async def test_a_link_leads_to_ones_preferences_and_to_nothing_else(client: Any) -> None:
    await identify(client, "ada", role="Engineering", industry="Healthcare")
    link = await link_for(client, "ada")
    page = await client.get(link)
    assert chosen(page.text) == {"role=Engineering"}
    assert page.headers["referrer-policy"] == "same-origin"
    assert "Healthcare" not in re.sub(r"<head>.*?</head>", "", page.text, flags=re.DOTALL)
    data = {
        "section": "marketing", "asked": "email-topics", "value.email-topics": "Product news",
        "for": link.partition("=")[2],
    }  # fmt: skip
    sent = await client.post("/preferences", data=data)
    assert not client.cookies, "nobody becomes somebody by a link"
    assert chosen((await client.get(sent.headers["location"])).text) == {
        "role=Engineering", "email-topics=Product news",
    }  # fmt: skip
    assert chosen((await client.get("/preferences")).text) == set()
    me = await client.get("/v1/me", params={"userId": "ada"}, headers=SERVER)
    told = {fact["name"]: fact["value"] for fact in me.json()["facts"]}
    assert told["email_topics"] == ["Product news"]
    assert told["role"] == "Engineering", "what was not asked stays"


async def test_who_is_signed_in_elsewhere_stays_who_they_are(client: Any, services: Any) -> None:
    await identify(client, "ada", role="Engineering")
    await come(client, services)
    before = dict(client.cookies)
    link = await link_for(client, "ada")
    page = (await client.get(link)).text
    assert '"industry":"SaaS"' in page.replace(" ", "")
    data = {
        "section": "personalization", "asked": "role", "value.role": "Product",
        "for": link.partition("=")[2],
    }  # fmt: skip
    await client.post("/preferences", data=data)
    assert dict(client.cookies) == before
    assert await facts(client) == {"industry": "SaaS"}


async def test_a_link_that_is_not_ours_leads_nowhere(client: Any, services: Any) -> None:
    await identify(client, "ada", role="Engineering")
    link = await link_for(client, "ada")
    token = link.partition("=")[2]
    forged = [token[:-2], "x", token.replace(".", "", 1), services.signer.visitor("ada")]
    for wrong in (*forged, f"A{token}"):
        page = await client.get("/preferences", params={"for": wrong})
        assert "does not work any more" in page.text
        assert chosen(page.text) == set()
        data = {"section": "personalization", "asked": "role", "for": wrong}
        assert (await client.post("/preferences", data=data)).status_code == 422
    assert chosen((await client.get(link)).text) == {"role=Engineering"}
    erased = await client.delete("/v1/visitors/u:ada", headers=SERVER)
    assert erased.status_code == 200
    assert "does not work any more" in (await client.get(link)).text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer write_for_tests"}])
async def test_only_the_server_makes_links(client: Any, headers: dict[str, str]) -> None:
    got = await client.post("/v1/preferences/link", json={"userId": "ada"}, headers=headers)
    assert got.status_code == 403
    for wrong in ({}, {"userId": ""}, {"userId": "x" * 10_000}, {"userId": 3}):
        got = await client.post("/v1/preferences/link", json=wrong, headers=SERVER)
        assert got.status_code == 400
