"""Forms without a browser: only their own questions, in the visitor's language, and back again."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio
HIDDEN = {"page": "contact", "block": "contact-form"}
FILLED = {"name": "Ada", "email": "ada@example.com", "message": "Hello"}


async def test_only_the_forms_own_questions_are_kept(client: Any, services: Any) -> None:
    extra = {f"field_{n}": "x" for n in range(50)}
    sent = await client.post("/forms/contact", data={**HIDDEN, **FILLED, **extra})
    assert sent.headers["location"] == "/contact?sent=contact#contact"
    (event,) = [e for e in await services.stream.read() if e.name == "Form Submitted"]
    assert event.properties["answers"] == FILLED


async def test_a_form_that_the_block_does_not_have_is_missing(client: Any, services: Any) -> None:
    for path, hidden in (
        ("/forms/newsletter", HIDDEN),
        ("/forms/contact", {**HIDDEN, "block": "home-hero"}),
        ("/forms/contact", {**HIDDEN, "page": "nowhere"}),
        ("/forms/contact", {}),
    ):
        answer = await client.post(path, data={**hidden, **FILLED})
        assert answer.status_code == 404, (path, hidden)
    assert [e for e in await services.stream.read() if e.name == "Form Submitted"] == []


async def test_a_form_that_is_shown_again_leads_to_its_page(client: Any) -> None:
    answer = await client.post("/forms/contact", data={**HIDDEN, "name": "Ada", "email": "no"})
    assert answer.status_code == 422
    for address in ("/contact?locale=de", "/start?next=%2Fcontact"):
        assert f'href="{address}"' in answer.text
    assert 'name="next" value="/contact"' in answer.text


async def test_what_is_wrong_is_said_in_the_visitors_language(client: Any) -> None:
    german = {"Accept-Language": "de"}
    answer = await client.post("/forms/contact", data=HIDDEN, headers=german)
    assert "Bitte füllen Sie „Ihr Name“ aus." in answer.text
    answer = await client.post("/start", data={"complete": "1"}, headers=german)
    assert "Bitte wählen Sie Ihre Branche." in answer.text


async def test_the_start_form_remembers_where_to_go_after_an_error(client: Any) -> None:
    answer = await client.post("/start", data={"complete": "1", "next": "/blog?page=2"})
    assert answer.status_code == 422
    assert 'value="/blog?page=2"' in answer.text


async def test_the_foot_of_the_page_speaks_the_visitors_language(client: Any) -> None:
    for locale, text in (
        ("de-AT", "Die passende Seite für jeden Besuch"),
        ("en", "The right page"),
    ):
        page = (await client.get(f"/about?locale={locale}")).text
        assert text in page[page.index("<footer") :]
