"""The shop of the second demo, and a browser's client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from persx.app import passwords
from persx.app.background import background
from persx.app.home import open_home
from persx.app.settings import ServerSettings
from persx.web.server import create_app
from tests.conftest import PASSWORD, SERVER_KEY, WRITE_KEY
from tests.demos import publish_demo

PEOPLE = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}


@pytest.fixture
async def demo_shop() -> AsyncIterator[Any]:
    settings = ServerSettings(
        write_key=WRITE_KEY, server_key=SERVER_KEY, admin_password=PASSWORD, store="memory"
    )
    async with open_home(None, settings) as services:
        await publish_demo(services, "shop")
        yield services


@pytest.fixture
async def shop_client(demo_shop: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(demo_shop, command_token="token-for-tests")
    async with background(demo_shop):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://site.test", headers=PEOPLE
        ) as made:
            yield made


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that take no time, for tests that sign in a hundred times."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
