"""The site without a browser: cookies, exposures, forms, languages, hostile visitors."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import Any

import pytest

from persx.app.access import make_link, use_link
from persx.model.clock import HOUR
from persx.testing import see
from tests.conftest import PASSWORD
from tests.staff import enter

pytestmark = pytest.mark.anyio
HOSTILE = "<script>alert(1)</script>'\"; DROP TABLE event; -- \u202e{{ 7*7 }} \U0001f47b"


async def events(services: Any, name: str) -> list[Any]:
    return [event for event in await see(services.stream).read() if event.name == name]


def exposure_url(html: str) -> str:
    found = re.search(r'src="(/v1/x/[^"]+)"', html)
    assert found is not None
    return found[1]


async def become(client: Any, industry: str) -> None:
    answer = await client.post("/start", data={"industry": industry, "complete": "1"})
    assert answer.status_code == 303


async def test_the_page_is_finished_html_that_no_cache_keeps(client: Any) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]
    assert 'data-testid="block-' in answer.text
    assert "persx_visitor=" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]


async def test_an_exposure_counts_once_and_only_when_confirmed(client: Any, services: Any) -> None:
    await become(client, "SaaS")
    page = await client.get("/")
    assert await events(services, "Experiment Viewed") == []
    url = exposure_url(page.text)
    for _ in range(2):
        image = await client.get(url)
        assert image.headers["content-type"] == "image/gif"
        assert "no-store" in image.headers["cache-control"]
    (exposure,) = await events(services, "Experiment Viewed")
    assert exposure.properties["experiment_id"] == "holdout"
    assert exposure.properties["segments"]["industry"] == "SaaS"
    assert exposure.properties["unit"].startswith("a:")


async def test_who_would_see_default_content_anyway_does_not_count(
    client: Any, services: Any
) -> None:
    await client.get(exposure_url((await client.get("/")).text))
    assert await events(services, "Experiment Viewed") == []
    assert len([e for e in await see(services.stream).read() if e.type == "page"]) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"Sec-Purpose": "prefetch;prerender"},
    ],
)
async def test_machines_make_no_visitor_and_expose_nothing(
    client: Any, services: Any, headers: dict[str, str]
) -> None:
    answer = await client.get("/", headers=headers)
    assert "set-cookie" not in answer.headers
    assert "/v1/x/" not in answer.text
    human = await client.get("/")
    await client.get(exposure_url(human.text), headers=headers)
    assert await see(services.stream).read() == []


async def test_head_makes_no_visitor(client: Any) -> None:
    answer = await client.head("/")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["x", "..", "a.b.c", "%00"])
async def test_a_forged_exposure_is_ignored(client: Any, services: Any, token: str) -> None:
    assert (await client.get(f"/v1/x/{token}")).status_code in (200, 404)
    assert await see(services.stream).read() == []


async def test_another_site_cannot_expose(client: Any, services: Any) -> None:
    url = exposure_url((await client.get("/")).text)
    await client.get(url, headers={"Sec-Fetch-Site": "cross-site"})
    assert await see(services.stream).read() == []


async def test_languages(client: Any) -> None:
    german = await client.get("/", headers={"Accept-Language": "de-CH, de;q=0.9, en;q=0.5"})
    assert '<html lang="de">' in german.text
    assert german.headers["content-language"] == "de"
    chosen = await client.get("/?locale=de-AT")
    assert '<html lang="de-AT">' in chosen.text
    assert '<html lang="de-AT">' in (await client.get("/contact")).text
    assert '<html lang="en">' in (await client.get("/?locale=en")).text


async def test_the_start_form_tells_what_is_wrong(client: Any) -> None:
    empty = await client.post("/start", data={"complete": "1"})
    assert empty.status_code == 422
    wrong = await client.post("/start", data={"industry": HOSTILE})
    assert wrong.status_code == 422
    assert "<script>alert" not in wrong.text


async def test_the_start_form_leads_only_to_our_own_pages(client: Any) -> None:
    for target in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:1"):
        answer = await client.post("/start", data={"industry": "SaaS", "next": target})
        assert answer.headers["location"] == "/?industry=saas"
    answer = await client.post("/start", data={"industry": "SaaS", "next": "/contact?x=1"})
    assert answer.headers["location"] == "/contact?x=1&industry=saas"


async def test_a_form_arrives_as_an_event_and_in_the_owners_list(
    client: Any, services: Any
) -> None:
    page = services.publication.plan.workspace.pages["contact"]
    block = next(
        n for n in page.blocks if services.publication.plan.blocks[n].type == "contact_form"
    )
    content = services.publication.plan.workspace.blocks[block].content
    fields = content.get("fields") or [
        {"name": "name", "type": "text"},
        {"name": "email", "type": "email"},
        {"name": "message", "type": "textarea"},
    ]
    answers = {
        field["name"]: "ada@example.com"
        if field["type"] == "email"
        else (field.get("options") or [HOSTILE])[0]
        for field in fields
    }
    hidden = {"page": "contact", "block": block, "next": "/contact"}
    sent = await client.post("/forms/contact", data={**answers, **hidden})
    assert sent.status_code == 303
    thanks = await client.get(sent.headers["location"].split("#")[0])
    assert 'data-testid="form-thanks"' in thanks.text
    (event,) = await events(services, "Form Submitted")
    assert event.properties["answers"] == answers

    assert HOSTILE not in (await client.get("/admin/submissions")).text
    await client.get(await make_link(services))
    listed = await client.get("/admin/submissions")
    assert "ada@example.com" in listed.text
    assert "<script>alert" not in listed.text
    exported = await client.get("/admin/submissions.csv")
    assert "ada@example.com" in exported.text


async def test_a_form_with_a_bad_address_keeps_what_was_typed(client: Any) -> None:
    hidden = {"page": "contact", "block": "contact-form", "next": "/contact"}
    answer = await client.post(
        "/forms/contact", data={"name": HOSTILE, "email": "nonsense", **hidden}
    )
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "nonsense" in answer.text
    assert "<script>alert" not in answer.text


async def test_what_fills_the_hidden_field_is_ignored(client: Any, services: Any) -> None:
    hidden = {"page": "contact", "block": "contact-form", "website": "http://spam.example"}
    filled = {"name": "x", "email": "x@example.com", "message": "buy", "company": "x"}
    await client.post("/forms/contact", data={**filled, **hidden})
    assert await events(services, "Form Submitted") == []


async def test_missing_pages_are_pages_of_the_site(client: Any) -> None:
    answer = await client.get("/no/such/page")
    assert answer.status_code == 404
    assert 'href="/contact"' in answer.text
    assert (await client.get("/contact/")).headers["location"] == "/contact"


@pytest.mark.parametrize(
    "path", ["/%00", "/" + "a" * 5_000, "/<script>", "/../../etc/passwd", "/%ff%fe"]
)
async def test_hostile_paths_are_just_missing(client: Any, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "<script>" not in answer.text.replace('<script src="/static', "")


async def test_hostile_cookies_make_a_new_visitor(client: Any) -> None:
    cookies = {name: HOSTILE.encode("ascii", "ignore").decode() for name in ("persx_visitor",)}
    answer = await client.get("/", headers={"Cookie": f"persx_visitor={cookies['persx_visitor']}"})
    assert answer.status_code == 200
    assert "persx_visitor=" in answer.headers["set-cookie"]


async def test_static_files_and_nothing_else(client: Any) -> None:
    style = re.search(r'href="(/static/site\.css\?v=\w+)"', (await client.get("/")).text)
    assert style is not None
    answer = await client.get(style[1])
    assert "immutable" in answer.headers["cache-control"]
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/", "/static/x.css"):
        assert (await client.get(path)).status_code == 404


async def test_the_visitors_page_shows_what_is_known_and_forgets_it(client: Any) -> None:
    await become(client, "Education")
    assert "Education" in (await client.get("/privacy")).text
    await client.post("/privacy", data={"action": "reset"})
    page = (await client.get("/privacy")).text
    main = page[page.index("<main") :]
    assert "Education" not in main


async def test_a_one_time_link_signs_in_once(client: Any, services: Any) -> None:
    link = await make_link(services)
    assert (await client.get(link)).status_code == 303
    client.cookies.clear()
    assert (await client.get(link)).status_code == 403
    assert "Sign in" in (await client.get("/admin")).text


async def test_what_only_looks_ahead_does_not_use_a_link_up(client: Any, services: Any) -> None:
    link = await make_link(services)
    for looks in ({"User-Agent": "Slackbot-LinkExpanding 1.0"}, {"Sec-Purpose": "prefetch"}):
        assert "set-cookie" not in (await client.get(link, headers=looks)).headers
    assert "set-cookie" not in (await client.head(link)).headers
    assert (await client.get(link)).status_code == 303


async def test_links_that_were_used_or_are_too_old_are_cleared_away(
    client: Any, services: Any
) -> None:
    now = services.clock()
    used, forgotten = await make_link(services), await make_link(services)
    await client.get(used)
    assert len(await services.store.values("admin:link:")) == 1
    later = dataclasses.replace(services, clock=lambda: now + 2 * HOUR)
    assert await use_link(later, forgotten.rpartition("/")[2]) is None
    await make_link(services)
    await make_link(later)
    assert len(await services.store.values("admin:link:")) == 1


async def test_no_answer_acts_as_a_formula(client: Any, services: Any) -> None:
    hidden = {"page": "contact", "block": "contact-form"}
    for sign in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", " =1", "＝1"):
        given = {"name": sign, "email": "ada@example.com", "message": "a=b", "company": "'x"}
        assert (await client.post("/forms/contact", data={**given, **hidden})).status_code == 303
    await client.get(await make_link(services))
    text = (await client.get("/admin/submissions.csv")).text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 8
    assert {row["name"][0] for row in rows} == {"'"}
    assert {row["message"] for row in rows} == {"a=b"}


async def test_the_password_signs_in(client: Any, services: Any) -> None:
    from persx.app.access import ensure_password

    await ensure_password(services)
    wrong = await client.post("/admin/login", data={"password": "guess"})
    assert wrong.status_code == 403
    right = await client.post("/admin/login", data={"password": PASSWORD})
    assert right.status_code == 303
    assert "Coverage" in (await client.get("/admin")).text


async def test_the_bar_shows_another_industry_and_counts_nothing(
    client: Any, services: Any
) -> None:
    for action in ({"industry": "Healthcare"}, {"industry": "Healthcare", "action": "apply"}):
        await client.post("/admin/bar", data=action)
        assert 'data-reason="targeted"' not in (await client.get("/")).text
    csrf = await enter(client, services)
    await client.post(
        "/admin/bar", data={"industry": "Healthcare", "action": "apply", "csrf": csrf}
    )
    page = await client.get("/")
    assert 'data-variant="healthcare"' in page.text
    assert "/v1/x/" not in page.text
    await client.post("/admin/bar", data={"action": "reset", "csrf": csrf})
    assert 'data-variant="healthcare"' not in (await client.get("/")).text


async def test_metrics_and_health(client: Any) -> None:
    await client.get("/")
    assert (await client.get("/healthz")).text == "ok\n"
    assert (await client.get("/readyz")).json() == {"ready": True, "snapshot": 1}
    metrics = (await client.get("/metrics")).text
    assert 'persx_decisions_total{reason="unknown_visitor"}' in metrics
    assert "persx_events_total" in metrics


async def test_commands_need_their_token(client: Any) -> None:
    assert (await client.post("/v1/commands/publish", json={})).status_code == 403


async def test_industries_goals_and_facts_are_said_in_the_visitors_language(client: Any) -> None:
    german, austrian = ({"Accept-Language": code} for code in ("de", "de-AT"))
    asked = (await client.get("/contact", headers=german)).text
    bar = asked[asked.index('data-testid="reprompt"') :]
    assert re.search(r'value="Healthcare"[^>]*>\s*Gesundheitswesen', bar)
    form = (await client.get("/start", headers=german)).text
    assert 'value="Reduce no-shows"><span>Weniger versäumte Termine</span>' in form
    assert "Krankenhäuser" in form
    assert "Spitäler" not in form
    assert "Spitäler" in (await client.get("/start", headers=austrian)).text
    answers = {"industry": "Healthcare", "goals": "Reduce no-shows", "tools": "Epic"}
    assert (await client.post("/start", data=answers)).status_code == 303
    known = (await client.get("/privacy", headers=austrian)).text
    for label, value in (
        ("Branche", "Gesundheitswesen"),
        ("Ziele", "Weniger versäumte Termine"),
        ("Werkzeuge", "Epic"),
    ):
        assert re.search(rf"<dt>{label}</dt>\s*<dd>{value}</dd>", known), label
    english = (await client.get("/privacy", headers={"Accept-Language": "en"})).text
    assert re.search(r"<dt>Industry</dt>\s*<dd>Healthcare</dd>", english)
    assert (
        '<span class="chip-text">Gesundheitswesen</span>'
        in (await client.get("/about", headers=german)).text
    )


async def test_what_is_not_translated_says_which_language_it_is(client: Any) -> None:
    austrian = {"Accept-Language": "de-AT"}
    home = (await client.get("/", headers=austrian)).text
    assert '<html lang="de-AT">' in home
    assert "<section" in home
    assert not re.search(r'<section[^>]* lang="', home)
    post = (await client.get("/blog/cart-abandonment", headers=austrian)).text
    assert re.search(r'<section[^>]* id="cart-abandonment-body"[^>]* lang="en">', post)
    english = (await client.get("/blog/cart-abandonment", headers={"Accept-Language": "en"})).text
    assert not re.search(r'<section[^>]* lang="', english)
