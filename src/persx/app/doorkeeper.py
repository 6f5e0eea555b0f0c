"""What signing in shares while a server runs: turns for hashing, counters of tries, one lock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from persx.app.passwords import PasswordDesk
from persx.app.throttle import Throttle
from persx.model.clock import Millis


@dataclass(slots=True)
class Doorkeeper:
    """Kept in memory only.

    Attributes:
        changing: Held while accounts are looked at and changed together, such as to keep the
            last administrator.
        unlisted: Failures under names that nobody has, since `since`: a flood of them is told
            in one line of the audit log.
    """

    desk: PasswordDesk = field(default_factory=PasswordDesk)
    throttle: Throttle = field(default_factory=Throttle)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    unlisted: int = 0
    listed: int = 0
    since: Millis = 0
