"""A small workspace that guesses the industry, and simulated visitors who went through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from persx.app.background import background
from persx.app.collecting import collect
from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.simulating import Crowd, Habit, events_of, habits_of
from persx.model.clock import DAY
from tests.conftest import PASSWORD, SERVER_KEY, WRITE_KEY

NOW = 1_795_773_600_000
START = NOW - 100 * DAY
INDUSTRIES = ("eCommerce", "SaaS", "Healthcare", "Education")

ATTRIBUTES = """
industry: {type: string, values: industries, purpose: personalization, label: Industry}
likely_industry:
  type: string
  source: predicted
  purpose: personalization
  label: Likely industry
  predict: {of: industry, confidence: 0.8, visitors: 400}
"""

HERO = """
type: hero
content: {headline: For everybody, text: All of it., primary_label: Go, primary_href: /}
variants:
  saas:
    when: industry == "SaaS" or likely_industry == "SaaS"
    content: {headline: For SaaS}
  ecommerce:
    when: industry == "eCommerce" or likely_industry == "eCommerce"
    content: {headline: For eCommerce}
"""


def files(attributes: str = ATTRIBUTES, **more: str) -> dict[str, str]:
    """The workspace's files; names of `more` stand for paths, `__` for a slash."""
    made = {
        "settings.yaml": "{name: Guessing, holdout: {share: 0}}",
        "attributes.yaml": attributes,
        "industries.yaml": "\n".join(f"{name}: {{label: {name}}}" for name in INDUSTRIES),
        "blocks/hero.yaml": HERO,
        "blocks/plain.yaml": "{type: cta, content: {headline: Plain, label: Go, href: /}}",
        "pages/home.yaml": "{path: /, title: Home, blocks: [hero]}",
        "pages/plain.yaml": "{path: /plain, title: Plain, blocks: [plain]}",
    }
    return made | {name.replace("__", "/") + ".yaml": text for name, text in more.items()}


class Time:
    """A clock that stands where the test puts it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


async def serve(services: Services, site: dict[str, str]) -> None:
    """Publish a workspace."""
    base = {path: file.digest for path, file in (await services.store.drafts()).items()}
    await push(services, PushRequest(files=site, base=base, author="ada"))
    await publish(services, PublishRequest(author="ada", message=""))
    await services.refresh()


@asynccontextmanager
async def workspace(site: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[Services]:
    """A workspace at work in memory, its background work included."""
    wanted = ServerSettings(
        write_key=WRITE_KEY, server_key=SERVER_KEY, admin_password=PASSWORD, store="memory",
        **settings,
    )  # fmt: skip
    async with open_home(None, wanted, clock=Time()) as services:
        await serve(services, site or files())
        async with background(services):
            yield services


def crowd(**more: Any) -> Crowd:
    """The usual crowd: four industries, 6,000 visitors, of whom about 2,400 declare."""
    habits = habits_of(INDUSTRIES)
    return Crowd(**{"habits": habits, "visitors": 6_000, "start": START, "days": 90, **more})


DULL = {
    "habits": tuple(Habit(value=each, share=1, pages=("/",)) for each in INDUSTRIES),
    "interest": 0.0,
}
"""A crowd whose visits tell nothing of what they would declare."""


async def come(services: Services, **more: Any) -> None:
    """Let a crowd visit."""
    events = events_of(crowd(**more))
    for start in range(0, len(events), 2_000):
        await collect(services, events[start : start + 2_000])


@pytest.fixture
async def guessing() -> AsyncIterator[Services]:
    """The workspace after the usual crowd has visited."""
    async with workspace() as services:
        await come(services)
        yield services


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the server does."""
    return "asyncio"
