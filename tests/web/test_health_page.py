"""Health in the studio and over HTTP: the page, silences, and what browsers report."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
import pytest

from persx.app.audit import AuditRequest, entries
from persx.app.looking import look
from persx.app.services import ROUTES
from persx.health.status import Point, Status
from persx.model.clock import HOUR
from persx.model.decision import Reason
from persx.web.admin.health import line_of
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.health.conftest import decided
from tests.staff import csrf, make_account, sign_in

pytestmark = pytest.mark.anyio

PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


async def signed_in(client: Any, services: Any, role: str = "publisher") -> str:
    await make_account(services, "ada", role)
    assert (await sign_in(client, "ada")).status_code == 303
    return await csrf(client)


async def test_before_the_first_look_nothing_is_claimed(client: Any, services: Any) -> None:
    await signed_in(client, services)
    page = (await client.get("/admin/health")).text
    assert "Nothing has been looked at yet" in page
    assert "✓" not in page


async def test_the_page_tells_what_is_wrong_where_and_how_sure(client: Any, services: Any) -> None:
    await signed_in(client, services)
    decided(services, Reason.ERROR, 60)
    await look(services)
    page = (await client.get("/admin/health")).text
    card = page[page.index('data-testid="objective-content-works"') :]
    card = card[: card.index("</article>")]
    assert "Confirmed to miss the objective: Content that fails" in page
    assert '<span class="state">Confirmed</span>' in card
    assert "home-hero · SaaS" in card
    assert "60 of 60" in card
    assert 'role="img" aria-label="From ' in card
    assert len(re.findall(r'data-testid="criterion-\d+"', page)) == 12
    unknown = page[page.index('data-testid="criterion-2"') - 60 :][:60]
    assert 'class="unknown"' in unknown
    assert page.count('data-testid="indicator-') == 14
    assert "style=" not in page


async def test_a_silence_says_who_and_why_and_can_be_ended(client: Any, services: Any) -> None:
    token = await signed_in(client, services)
    decided(services, Reason.ERROR, 60)
    await look(services)
    asked = {"csrf": token, "objective": "content-works", "length": "a week"}
    refused = await client.post("/admin/health/silences", data={**asked, "why": " "})
    assert refused.status_code == 422
    assert "A silence needs a reason." in refused.text
    made = await client.post("/admin/health/silences", data={**asked, "why": "<b>moving</b>"})
    assert made.status_code == 303
    page = (await client.get("/admin/health")).text
    assert "by ada: &lt;b&gt;moving&lt;/b&gt;" in page
    (id,) = re.findall(r"/admin/health/silences/(\w+)/end", page)
    ended = await client.post(f"/admin/health/silences/{id}/end", data={"csrf": token})
    assert ended.status_code == 303
    assert "moving" not in (await client.get("/admin/health")).text
    noted = (await entries(services, AuditRequest(what="health"))).entries
    assert [(each.who, each.what) for each in noted] == [
        ("ada", "health.unsilence"), ("ada", "health.silence")
    ]  # fmt: skip


async def test_a_viewer_sees_but_does_not_silence(client: Any, services: Any) -> None:
    token = await signed_in(client, services, "viewer")
    decided(services, Reason.ERROR, 60)
    await look(services)
    assert "Silence its alerts" not in (await client.get("/admin/health")).text
    asked = {"csrf": token, "objective": "*", "length": "a day", "why": "no"}
    answer = await client.post("/admin/health/silences", data=asked)
    assert answer.status_code == 403


async def test_opening_the_page_is_a_review_of_this_week_without_a_name(
    client: Any, services: Any
) -> None:
    await signed_in(client, services, "viewer")
    await client.get("/admin/health")
    kept = await services.store.values("health:reviewed:")
    assert len(kept) == 1
    assert set(kept.values()) == {b"1"}


async def test_errors_of_scripts_are_bounded_by_pages_and_hold_nothing_that_was_said(
    client: Any, services: Any, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"kind": "TypeError", "source": "/static/site.js", "line": 7}
    for _ in range(3):
        assert (await client.post("/v1/client-error", json=said)).status_code == 204
    assert services.metrics.errors_by_place().get("browser", 0) == 0, "no page was shown"
    await client.get("/", headers=PERSON)
    hostile = {"kind": "maria@example.com", "source": "/static/../../etc?mail=maria", "line": 1}
    for body in (hostile, said, said):
        await client.post("/v1/client-error", json=body, headers=PERSON)
    assert services.metrics.errors_by_place()["browser"] == 1
    assert "maria" not in caplog.text
    assert "Error at a script:1" in caplog.text
    foreign = {**PERSON, "Sec-Fetch-Site": "cross-site"}
    await client.get("/", headers=PERSON)
    await client.post("/v1/client-error", json=said, headers=foreign)
    assert services.metrics.errors_by_place()["browser"] == 1


async def test_pages_and_decisions_are_timed_and_counted(client: Any, services: Any) -> None:
    await client.get("/contact", headers=PERSON)
    await client.get("/contact", headers={"User-Agent": "Googlebot/2.1"})
    await client.post(
        "/v1/decide",
        json={"anonymousId": "somebody", "page": "contact"},
        headers={"Authorization": f"Bearer {WRITE_KEY}"},
    )
    await client.get("/metrics")
    await client.get("/admin")
    status = await look(services)
    found = {each.name.value: each for each in status.indicators}
    assert found["latency"].denominator == 3
    assert found["server-errors"].denominator == 2, "a bot is no person"


async def test_a_key_for_reports_reads_health_and_no_other(client: Any) -> None:
    async def ask(name: str, key: str) -> httpx.Response:
        answer: httpx.Response = await client.post(
            f"/v1/commands/{name}", json={}, headers={"Authorization": f"Bearer {key}"}
        )
        return answer

    assert (await ask("last-health", SERVER_KEY)).status_code == 200
    assert (await ask("last-health", WRITE_KEY)).status_code == 403
    assert (await ask("silence", WRITE_KEY)).status_code == 403
    assert (await ask("health", SERVER_KEY)).status_code == 403


async def test_the_page_shows_a_look_that_an_earlier_process_took(
    client: Any, services: Any
) -> None:
    from tests.health.conftest import restarted

    await signed_in(client, services)
    decided(services, Reason.ERROR, 60)
    await look(services)
    restarted(services)
    assert "Confirmed to miss" in (await client.get("/admin/health")).text
    services.clock = lambda clock=services.clock: clock() + HOUR  # type: ignore[misc]


def test_a_line_keeps_within_its_picture() -> None:
    points = [Point(f"2026-11-{day:02}", day / 30) for day in range(1, 31)]
    for some in ([points[0]], points[:2], points):
        line = line_of(some, 0.7)
        assert line is not None
        for pair in line.points.split():
            left, top = map(float, pair.split(","))
            assert 0 <= left <= 240
            assert 0 <= top <= 48
        assert 0 <= line.target <= 48
    assert line_of([], 0.7) is None


async def test_how_long_answers_took_is_told_by_what_was_asked_for(
    client: Any, services: Any
) -> None:
    def count(route: str) -> float:
        found = services.metrics.registry.get_sample_value(
            "persx_request_seconds_count", {"route": route}
        )
        assert found is not None, "told from the beginning"
        return float(found)

    before = {route: count(route) for route in ROUTES}
    for path in ("/", "/contact", "/no-such-page", "/admin", "/admin/health", "/healthz"):
        await client.get(path, headers=PERSON)
    await client.post("/v1/track", json={}, headers=PERSON)
    await client.post("/v1/decide", content=b"{", headers=PERSON)
    found = {route: count(route) - before[route] for route in ROUTES if count(route)}
    assert found == {"site": 3, "studio": 2, "operations": 1, "collect": 1, "decide": 1}
    buckets = "persx_request_seconds_bucket", {"route": "site", "le": "+Inf"}
    assert services.metrics.registry.get_sample_value(*buckets) == count("site")


async def test_names_become_no_markup(client: Any, services: Any) -> None:
    await signed_in(client, services)
    decided(services, Reason.ERROR, 60)
    status = await look(services)
    evil = "<script>alert(1)</script>"
    raw = msgspec.json.encode(status).decode()
    raw = raw.replace("home-hero", evil).replace("Content that fails", evil)
    services.health.status = msgspec.json.decode(raw, type=Status)
    page = (await client.get("/admin/health")).text
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert evil not in page


async def test_a_home_where_nothing_is_published_has_a_page(client: Any, services: Any) -> None:
    """As a look finds it that no publication was made for."""
    await signed_in(client, services)
    services.health.status = Status(at=1)
    page = await client.get("/admin/health")
    assert page.status_code == 200
    assert "There are no data yet." in page.text
