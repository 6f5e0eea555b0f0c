"""A small shop with pipelines, and visitors who look at its items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from persx.app.background import Filling
from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.model.clock import MINUTE
from persx.model.event import Event, EventType
from persx.model.item import Item, ItemId
from persx.storage.items import put

NOW = 1_699_956_000_000

PIPELINES = """
popular:
  label: What many like
  every: 1d
  sources: [{recommender: popularity}]
bought:
  label: What is bought
  since: 30d
  sources: [{recommender: popularity, actions: [bought]}]
"""


def files(pipelines: str = PIPELINES, mode: str = "opt_out") -> dict[str, str]:
    return {
        "settings.yaml": f"{{name: Shop, zone: Europe/Vienna, holdout: {{share: 0}}, "
        f"consent: {{mode: {mode}}}}}",
        "pipelines.yaml": pipelines,
        "blocks/plain.yaml": "{type: cta, content: {headline: Plain, label: Go, href: /}}",
        "pages/home.yaml": "{path: /, title: Home, blocks: [plain]}",
    }


async def serve(services: Services, site: dict[str, str]) -> None:
    base = {path: file.digest for path, file in (await services.store.drafts()).items()}
    await push(services, PushRequest(files=site, base=base, author="ada"))
    await publish(services, PublishRequest(author="ada", message=""))
    await services.refresh()


@asynccontextmanager
async def shop(
    home: Path | None = None, site: dict[str, str] | None = None, **settings: Any
) -> AsyncIterator[Services]:
    """The shop at work, at a moment that stands still."""
    async with open_home(home, ServerSettings(**settings), clock=lambda: NOW) as services:
        await serve(services, site or files())
        filling = Filling(services)
        await filling.take_up()
        yield services
        await filling.stop()


async def have(services: Services, *ids: str, **facts: Any) -> None:
    """Put items into the catalogue."""
    items = [Item(id=ItemId(id), title=id, url=f"/p/{id}", **facts) for id in ids]
    await put(services.items, items)


_numbers = iter(range(1, 1 << 40))


def said(visitor: str, name: str, ago: int = 0, **properties: Any) -> Event:
    """An event of a visitor, so many minutes ago; a page view where the name is a path."""
    number = next(_numbers)
    at = NOW - ago * MINUTE
    page = name.startswith("/")
    return Event(
        type=EventType.PAGE if page else EventType.TRACK,
        message_id=f"m{number}",
        anonymous_id=visitor,
        name=None if page else name,
        timestamp=at,
        received=at,
        properties={"path": name} if page else properties,
        context={"userAgent": "Firefox 120; Linux; phone"},
    )


async def tell(services: Services, events: Iterable[Event]) -> None:
    await services.stream.append(list(events))


def viewed(visitor: str, *ids: str, ago: int = 0) -> list[Event]:
    """A visitor views some items, a minute after another."""
    return [
        said(visitor, "Product Viewed", ago=ago + 2 * (len(ids) - place), product_id=id)
        for place, id in enumerate(ids)
    ]
