"""The server of a simulation: what one does by itself happens on the simulated days.

Health is looked at every few hours, with the product's own detector, record and alerts, and blocks
that learn publish by their schedule, so that whoever comes next is drawn by what was learned.
"""

from __future__ import annotations

import logging
from typing import Final

from persx.app.health_record import Health, Record
from persx.app.learning import is_stopped, learn_block
from persx.app.looking import look
from persx.app.services import Services
from persx.app.simulated_log import SimulatedLog
from persx.decide.plan import Plan
from persx.experiments.live import learning_blocks
from persx.model.clock import DAY, HOUR, SECOND, Millis, parse_duration
from persx.model.errors import Conflict
from persx.model.simulation import Alarm, Simulated, Simulation

STEPS: Final = (6 * HOUR, 3 * HOUR, 2 * HOUR, HOUR)
"""How often something is done: the more visitors, the oftener."""

VISITORS_A_STEP: Final = 50
"""So many come in between at most, where they are not too many for the shortest step."""

_log = logging.getLogger("persx")


def _step(plan: Plan, asked: Simulation) -> Millis:
    """Return how much time lies between two steps."""
    visitors = asked.visitors / (asked.days * DAY)
    periods = [parse_duration(each.every) for each in learning_blocks(plan.workspace).values()]
    fits = [
        step
        for step in STEPS
        if step * visitors <= VISITORS_A_STEP and step <= min(periods, default=step)
    ]
    return fits[0] if fits else STEPS[-1]


class SimulatedServer:
    """Does what is due every few hours of the simulation.

    Args:
        plan: What is served.
        asked: What is simulated.
        real: The home's services, which are told that their record of health has changed.
        own: Those of the simulation, whose clock is the simulated one; their tally is made here.
        log: Where its events wait.
        done: What was simulated, to be told of alarms and of what was learned.
    """

    def __init__(
        self,
        plan: Plan,
        asked: Simulation,
        *,
        real: Services,
        own: Services,
        log: SimulatedLog,
        done: Simulated,
    ) -> None:
        self._real, self._own, self._log, self._done = real, own, log, done
        self._learned: dict[str, Millis] = {}
        self._told: set[str] = set()
        self._step = _step(plan, asked)
        self.due = done.start
        # The simulated clock says too how long ago the last decisions were.
        own.health = Health(own.clock, lambda: own.clock() / SECOND)
        own.health.looking = real.health.looking
        # It is the same process, whose lease a server beside it has perhaps already.
        own.health.holder = real.health.holder

    async def tend(self, plan: Plan) -> None:
        """Do what is due now."""
        self.due += self._step
        await self._learn(plan)
        await self._look()

    async def _learn(self, plan: Plan) -> None:
        now = self._own.clock()
        for block, settings in learning_blocks(plan.workspace).items():
            last = self._learned.get(block)
            if last is not None and now - last < parse_duration(settings.every):
                continue
            if await is_stopped(self._own, block):
                continue
            await self._log.flush()
            try:
                await learn_block(self._own, plan, block, settings)
            except Conflict as error:
                _log.info("A simulation learns later: %s", error)
                continue
            self._learned[block] = now
            self._done.learned[block] = self._done.learned.get(block, 0) + 1

    async def _look(self) -> None:
        own: Health = self._own.health
        real = self._real.health
        # Both this one and a server that looks at the same home read anew what is kept.
        own.forget()
        await look(self._own, log=False)
        record: Record | None = own.record
        real.forget()
        for posted in record.posted if record else ():
            alert = posted.alert
            if alert.id not in self._told and alert.at == self._own.clock():
                self._told.add(alert.id)
                self._done.alarms.append(
                    Alarm(
                        at=alert.at,
                        objective=alert.objective,
                        kind=alert.kind,
                        subjects=tuple(each.subject for each in alert.findings),
                    )
                )
