"""Offers: what a page may ask for once, by a random name that it holds, without any id in it."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from persx.model.clock import HOUR, Millis

LENGTH: Final = HOUR
MOST: Final = 1_000

T = TypeVar("T")


class Offers(Generic[T]):
    """Offers that stand for an hour, in memory alone: who leaves one leaves nothing behind."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[T, Millis]] = OrderedDict()

    def make(self, content: T, now: Millis) -> str:
        """Keep an offer; return its name."""
        name = secrets.token_urlsafe(16)
        self._kept[name] = (content, now + LENGTH)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str, now: Millis) -> T | None:
        """Return an offer that still stands."""
        content, until = self._kept.get(name, (None, 0))
        return content if now < until else None

    def take(self, name: str, now: Millis) -> T | None:
        """Return an offer that still stands; it does so no longer."""
        content = self.find(name, now)
        self._kept.pop(name, None)
        return content
