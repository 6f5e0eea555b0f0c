"""Bots on the site: by name and by pace, they see pages, count for nothing, and are counted."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.robots import MOST_KEPT, QUIET, WINDOW, Pace, Robots
from persx.model.event import BOT_DETECTED
from persx.testing import see

pytestmark = pytest.mark.anyio

MOST = 5
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}


async def opens(browser: httpx.AsyncClient, **headers: str) -> str:
    """Open the home page and load its image; return the image's address."""
    page = await browser.get("/", headers=headers)
    assert page.status_code == 200
    image = re.search(r'src="(/v1/x/[^"]+)"', page.text)
    if image is None:
        return ""
    assert (await browser.get(html.unescape(image[1]), headers=headers)).status_code == 200
    return html.unescape(image[1])


async def names(services: Any) -> list[str | None]:
    return [each.name for each in await see(services.stream).read(limit=1_000)]


def counted(services: Any, found: str) -> float:
    value = services.metrics.registry.get_sample_value("persx_bots_total", {"found": found})
    return float(value or 0.0)


async def test_a_browser_that_is_too_fast_sees_pages_and_is_kept_no_further(
    client: Any, services: Any
) -> None:
    services.settings = msgspec.structs.replace(services.settings, bot_pages=MOST)
    for _ in range(MOST):
        image = await opens(client, **PERSON)
    before = await names(services)
    assert BOT_DETECTED not in before
    for _ in range(20):
        # The same page's image again is no other page.
        await client.get(image, headers=PERSON)
    assert counted(services, "rate") == 0
    for _ in range(10):
        await opens(client, **PERSON)
    assert await names(services) == [*before, BOT_DETECTED]
    assert counted(services, "rate") == 10
    # Another browser is another device.
    transport = client._transport
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as other:
        await opens(other, **PERSON)
    assert len(await names(services)) > len(before) + 1
    metrics = (await client.get("/metrics")).text
    assert 'persx_bots_total{found="rate"} 10.0' in metrics
    assert 'persx_bots_total{found="agent"} 0.0' in metrics


async def test_a_known_bot_sees_pages_and_is_counted(client: Any, services: Any) -> None:
    for agent in ("Googlebot/2.1 (+http://www.google.com/bot.html)", "AhrefsBot/7", "Lighthouse"):
        await opens(client, **{"User-Agent": agent})
    assert counted(services, "agent") == 3
    assert await names(services) == []


@pytest.mark.parametrize("settings", [{"bots": False}, {"bot_pages": 0}])
async def test_who_wants_everything_gets_it(
    client: Any, services: Any, settings: dict[str, Any]
) -> None:
    services.settings = msgspec.structs.replace(
        services.settings, **{"bots": True, "bot_pages": MOST, **settings}
    )
    for _ in range(3 * MOST):
        await opens(client, **PERSON)
    found = await names(services)
    assert len(found) >= 3 * MOST
    assert BOT_DETECTED not in found
    assert counted(services, "rate") == 0


@given(
    st.lists(st.integers(0, 10 * WINDOW), max_size=60),
    st.integers(1, 8),
)
def test_whoever_stays_within_the_limit_is_a_person_in_any_order(
    moments: list[int], most: int
) -> None:
    robots = Robots()
    paces = [robots.view("a", "page", str(n), at, most) for n, at in enumerate(moments)]
    crowded = any(sum(0 <= other - at < 2 * WINDOW for other in moments) > most for at in moments)
    if not crowded:
        assert set(paces) <= {Pace.HUMAN}
    if Pace.FOUND in paces:
        assert paces.index(Pace.FOUND) >= most


def test_a_bot_stays_one_until_it_has_been_quiet_and_devices_are_apart() -> None:
    robots = Robots()
    paces = [robots.view("a", "page", str(n), n, 3) for n in range(5)]
    assert paces == [Pace.HUMAN] * 3 + [Pace.FOUND, Pace.BOT]
    assert robots.view("a", "x", "6", QUIET, 3) is Pace.BOT
    assert robots.view("b", "page", "7", 5, 3) is Pace.HUMAN
    assert robots.view("a", "page", "8", 2 * QUIET + 1, 3) is Pace.HUMAN


def test_no_more_devices_are_timed_than_fit() -> None:
    robots = Robots()
    for number in range(MOST_KEPT + 100):
        robots.view(f"v{number}", "page", "1", number, 1)
    assert len(robots._views) == MOST_KEPT
    for number in range(MOST_KEPT + 100):
        robots.view(f"w{number}", "page", "1", 1, 1)
        assert robots.view(f"w{number}", "page", "2", 1, 1) is Pace.FOUND
    assert len(robots._found) == MOST_KEPT
