"""Throttling: each failed try makes the next one wait longer; nobody is locked out for good."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from persx.model.clock import HOUR, MINUTE, SECOND, Millis

MOST_KEPT: Final = 20_000
"""Counters that are kept; those that were not touched for longest go first."""

FORGOTTEN_AFTER: Final = HOUR


class Limit(msgspec.Struct, frozen=True):
    """How tries of one kind are slowed down.

    Attributes:
        free: Tries that are not.
        longest: The longest wait between two; each wait is twice the one before, from a second.
    """

    free: int
    longest: Millis

    def wait(self, tries: int) -> Millis:
        """Return how long after the last of some failed tries the next one may come.

        >>> [Limit(3, 60_000).wait(tries) // 1_000 for tries in (2, 3, 4, 8, 9, 100)]
        [0, 1, 2, 32, 60, 60]
        """
        if tries < self.free:
            return 0
        return min(self.longest, SECOND << min(tries - self.free, 30))


PAIR: Final = Limit(free=5, longest=5 * MINUTE)
"""One account from one address."""

ADDRESS: Final = Limit(free=20, longest=5 * MINUTE)
"""Whatever account, from one address."""

ACCOUNT: Final = Limit(free=50, longest=MINUTE)
"""One account from anywhere, but for devices on which its owner has signed in."""

DEVICE: Final = Limit(free=5, longest=5 * MINUTE)
"""One account from a device on which its owner has signed in."""

CODE: Final = Limit(free=5, longest=15 * MINUTE)
"""Codes of the second factor; who gets here knows the password."""


class _Counter(msgspec.Struct):
    tries: int = 0
    last: Millis = 0


class Throttle:
    """Counts tries in memory, under keyed hashes: neither names nor addresses are kept."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._key = secrets.token_bytes(32)
        self._counters: OrderedDict[bytes, _Counter] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._counters)

    def admit(self, tries: Sequence[tuple[Limit, str]], now: Millis) -> Millis:
        """Count a try, unless it comes too early; return how long to wait, 0 where it may go on.

        The try counts before its result is known, so that many at once are no way around it;
        `forgive` takes it back. One that comes too early does not count: asking again and again
        makes nobody wait longer.

        Args:
            tries: What it counts for: limits, and the texts that tell one counter from another.
        """
        keys = [(limit, self._hash(text)) for limit, text in tries]
        wait = max((self._wait(limit, key, now) for limit, key in keys), default=0)
        if wait > 0:
            return wait
        for _, key in keys:
            counter = self._counters.setdefault(key, _Counter())
            counter.tries += 1
            counter.last = now
            self._counters.move_to_end(key)
        while len(self._counters) > self._most:
            self._counters.popitem(last=False)
        return 0

    def forgive(self, tries: Sequence[tuple[Limit, str]], *, all: bool = True) -> None:
        """Forget the tries of these counters; or the last one alone, where only it was right."""
        for _, text in tries:
            key = self._hash(text)
            counter = self._counters.get(key)
            if counter is not None:
                counter.tries = 0 if all else max(0, counter.tries - 1)
                if not counter.tries:
                    del self._counters[key]

    def _wait(self, limit: Limit, key: bytes, now: Millis) -> Millis:
        counter = self._counters.get(key)
        if counter is None:
            return 0
        if now - counter.last > FORGOTTEN_AFTER:
            del self._counters[key]
            return 0
        return counter.last + limit.wait(counter.tries) - now

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode("utf-8", "replace"), "sha256")[:16]
