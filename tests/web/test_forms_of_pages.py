"""Forms without a browser: only their own questions, in the visitor's language, and back again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from persx.testing import see

pytestmark = pytest.mark.anyio
HIDDEN = {"page": "contact", "block": "contact-form"}
FILLED = {"name": "Ada", "email": "ada@example.com", "message": "Hello"}


async def test_only_the_forms_own_questions_are_kept(client: Any, services: Any) -> None:
    extra = {f"field_{n}": "x" for n in range(50)}
    sent = await client.post("/forms/contact", data={**HIDDEN, **FILLED, **extra})
    assert sent.headers["location"] == "/contact?sent=contact#contact"
    (event,) = [e for e in await see(services.stream).read() if e.name == "Form Submitted"]
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
    assert [e for e in await see(services.stream).read() if e.name == "Form Submitted"] == []


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


async def test_every_field_that_is_wrong_says_so_itself(client: Any, services: Any) -> None:
    given = {**HIDDEN, "name": " ", "email": "nonsense", "message": "x" * 5_001, "company": "A&B"}
    answer = await client.post("/forms/contact", data=given)
    assert answer.status_code == 422
    marked = re.findall(
        r'name="(\w+)"[^>]* aria-invalid="true" aria-describedby="([^"]+)"', answer.text
    )
    assert marked == [(name, f"contact-form-{name}-error") for name in ("name", "email", "message")]
    for name, id_ in marked:
        assert f'id="{id_}"' in answer.text
        assert answer.text.count(f'href="#contact-form-{name}"') == 2, "in the form, and on top"
    assert "“What should your site do better?” is longer than 5000 characters." in answer.text
    assert 'value="nonsense"' in answer.text
    assert 'value="A&amp;B"' in answer.text
    assert [e for e in await see(services.stream).read() if e.name == "Form Submitted"] == []


async def test_a_missing_industry_is_said_beside_the_question(client: Any) -> None:
    text = (await client.post("/start", data={"complete": "1"})).text
    assert re.search(
        r'role="radiogroup"[^>]* aria-invalid="true"[^>]*="field-industry-error"', text
    )
    assert '<p class="field-error" id="field-industry-error">Please choose your industry.' in text


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
