"""A small workspace with a block that learns, and visitors who go through all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from persx.app.background import Filling
from persx.app.collecting import collect
from persx.app.deciding import Decided, current_plan, decide_for
from persx.app.exposing import confirm, exposure_token
from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.visiting import Visitor
from persx.model.clock import DAY
from persx.model.decision import Decision
from persx.model.event import Event, EventType
from tests.conftest import PASSWORD, SERVER_KEY, WRITE_KEY

NOW = 1_795_773_600_000
INDUSTRIES = ("SaaS", "Healthcare")

HERO = """
type: cta
content: {headline: For everybody, label: Go, href: /}
policy: learn
learn: {goal: signup, by: [industry], window: 1d, exploration: 0.1, held_out: 0.1}
variants:
  short: {content: {headline: Short}}
  long: {content: {headline: Long and slow}}
  saas: {when: industry == "SaaS", content: {headline: For SaaS}}
"""


def files(hero: str = HERO, **more: str) -> dict[str, str]:
    """The workspace's files; names of `more` stand for paths, `__` for a slash."""
    made = {
        "settings.yaml": "{name: Learning, holdout: {share: 0}}",
        "attributes.yaml": "industry: {type: string, values: industries, purpose: personalization}",
        "industries.yaml": "\n".join(f"{name}: {{label: {name}}}" for name in INDUSTRIES),
        "goals.yaml": "signup: {event: Signed Up}",
        "blocks/hero.yaml": hero,
        "blocks/plain.yaml": "{type: cta, content: {headline: Plain, label: Go, href: /}}",
        "pages/home.yaml": "{path: /, title: Home, blocks: [hero, plain]}",
    }
    return made | {name.replace("__", "/") + ".yaml": text for name, text in more.items()}


class Site:
    """A site at work whose clock stands where the test puts it."""

    def __init__(self) -> None:
        self.now = NOW
        self.services: Services
        self.filling: Filling
        self._messages = 0

    def __call__(self) -> int:
        return self.now

    async def serve(self, site: Mapping[str, str] | None = None) -> None:
        """Publish a workspace."""
        drafts = await self.services.store.drafts()
        base = {path: file.digest for path, file in drafts.items()}
        changed = dict(files() if site is None else site)
        await push(self.services, PushRequest(files=changed, base=base, author="ada"))
        await publish(self.services, PublishRequest(author="ada", message=""))
        await self.services.refresh()
        await self.filling.take_up()

    async def decide(self, who: str, page: str = "home", **context: Any) -> Decided:
        """Decide a page for a visitor, as the site does."""
        plan = current_plan(self.services)
        return await decide_for(
            self.services, self.visitor(who), plan=plan, page=plan.pages[page], context=context
        )

    async def see(self, who: str, *, confirmed: bool = True) -> Decision:
        """Show the home page to a visitor, whose browser confirms it; return its hero."""
        decided = await self.decide(who)
        token = exposure_token(self.services.signer, decided, self.visitor(who), "/", "Home")
        if confirmed:
            assert await confirm(self.services, self.services.signer, token, {})
        return decided.decision.decisions[0]

    async def say(self, who: str, **traits: Any) -> None:
        """Let a visitor declare something."""
        await self._event(who, EventType.IDENTIFY, traits=traits)

    async def sign_up(self, who: str, *, at: int | None = None) -> None:
        """Let a visitor reach the goal."""
        await self._event(who, EventType.TRACK, at=at, name="Signed Up")

    async def _event(
        self, who: str, type: EventType, *, at: int | None = None, **fields: Any
    ) -> None:
        self._messages += 1
        event = Event(
            type=type,
            message_id=f"m{self._messages}",
            anonymous_id=who,
            timestamp=self.now if at is None else at,
            received=self.now,
            verified=True,
            **fields,
        )
        await collect(self.services, [event])

    @staticmethod
    def visitor(who: str) -> Visitor:
        """The visitor behind an anonymous id."""
        return Visitor(anonymous_id=who, trusted=True)

    async def day_passes(self) -> None:
        """Let every window be over."""
        self.now += DAY + 1


@asynccontextmanager
async def opened(site: Site, store: str = "memory") -> AsyncIterator[Site]:
    """A home at work."""
    settings = ServerSettings(
        write_key=WRITE_KEY, server_key=SERVER_KEY, admin_password=PASSWORD, store=store
    )
    async with open_home(None, settings, clock=site) as services:
        site.services, site.filling = services, Filling(services)
        await site.serve()
        yield site
        await site.filling.stop()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The workspace served, all in memory."""
    async with opened(Site()) as made:
        yield made
