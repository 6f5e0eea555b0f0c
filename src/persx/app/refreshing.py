"""Refreshing: what somebody looks at is read again beside the requests, so that nobody waits."""

from __future__ import annotations

import logging
import time
from typing import Final

from persx.app.kept_sums import PATIENCE, generation, load
from persx.app.pace import Pace
from persx.app.recent_reports import Recent, kept_sums, read_together
from persx.app.reports import Question, ReportRequest, ask
from persx.app.services import Services
from persx.model.clock import DAY, Millis
from persx.model.errors import PersxError

_log = logging.getLogger("persx")

SLOW_SECONDS: Final = 0.25
"""What is read faster is read when somebody asks."""

ASKED: Final = DAY
"""What nobody asked for so long is left alone."""


class Refreshing:
    """Reads experiments again, one at a time, of which somebody wants to know.

    What was never read comes first, and at once. Readings that replace older ones take no more
    than one part in `PATIENCE` of the time, however many experiments there are.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rest_until = 0.0

    async def look(self) -> int:
        """Read what is due; return how many were read."""
        services = self._services
        now, asked = services.clock(), services.readings.asked
        for name in [name for name, at in asked.items() if now - at > ASKED]:
            del asked[name]
        if not asked or await generation(services.store) is None:
            return 0
        pace, read, later = Pace(services), 0, []
        for name in tuple(asked):
            question = await self._question(name)
            found = await kept_sums(services, question) if question else None
            if question is not None and found is None:
                read += await self._read(question, pace)
            elif question is not None and found is not None and self._due(name, found, now):
                later.append((found.kept.as_of, question))
        for _, question in sorted(later, key=lambda each: each[0]):
            if time.monotonic() < self._rest_until:
                break
            read += await self._read(question, pace)
            kept = await load(services.store, question.plan.experiment)
            if kept is not None:
                self._rest_until = time.monotonic() + PATIENCE * kept.seconds
        return read

    def _due(self, name: str, found: Recent, now: Millis) -> bool:
        """Tell whether older sums are to be replaced: slow ones, and those that somebody saw."""
        kept = found.kept
        if found.exact or kept.is_young(now):
            return False
        return kept.seconds > SLOW_SECONDS or not kept.is_young(self._services.readings.asked[name])

    async def _question(self, name: str) -> Question | None:
        try:
            return await ask(self._services, ReportRequest(name=name))
        except PersxError:
            # It is not served any more.
            self._services.readings.asked.pop(name, None)
            return None

    async def _read(self, question: Question, pace: Pace) -> int:
        try:
            await read_together(self._services, question)
        except Exception:
            # The others are read nevertheless; this one, when somebody asks again.
            _log.exception("The experiment '%s' could not be read", question.plan.experiment)
            self._services.readings.asked.pop(question.plan.experiment, None)
            return 0
        await pace.rest()
        return 1
