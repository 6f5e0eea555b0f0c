"""Simulating: visitors with known effects go through the real pipeline, days in the past.

They are decided for by the real engine, confirm their pages by real tokens, declare, consent and
convert through the use cases that the site's own pages use; only the clock is another, and events
are kept a batch at a time. Whatever they cause is marked as simulated where it enters the log.
"""

from __future__ import annotations

import copy
import heapq
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from persx.app.breaking import broken_plan
from persx.app.collecting import collect_from
from persx.app.consenting import BANNER, answer
from persx.app.deciding import current_plan, decide_for
from persx.app.decision_log import DecisionLog
from persx.app.declaring import declare
from persx.app.exposing import confirm, exposure_token
from persx.app.health_record import Health
from persx.app.live_catalogue import LiveCatalogue
from persx.app.looking import look
from persx.app.pace import Pace
from persx.app.publication import Publication, Served
from persx.app.services import Metrics, Services, add_simulated
from persx.app.simulated_effects import checked
from persx.app.simulated_log import SimulatedLog
from persx.app.simulated_people import Person, Seen, Town, people, whole_effect
from persx.app.simulated_server import SimulatedServer
from persx.app.simulated_wishes import Wishes
from persx.app.tally import SimulatedTally
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.app.visiting import Visitor, new_id
from persx.content.rendering import Renderer
from persx.decide.plan import Plan
from persx.experiments.sql import query
from persx.model.attribute import Purpose, Value
from persx.model.clock import DAY, Millis
from persx.model.errors import Conflict
from persx.model.event import EventType
from persx.model.probe import PERSONAL
from persx.model.question import INDUSTRY
from persx.model.simulation import (
    ID_PREFIX,
    Effects,
    Habits,
    Simulated,
    Simulation,
    Truth,
)
from persx.model.visitor import Grant
from persx.model.workspace import HOLDOUT, ConsentMode, Page
from persx.storage.ports import Stream
from persx.storage.scope import System
from persx.visitors.consent import ASKED

_SCOPE: Final = System("a simulation")

BATCH: Final = 2_000
"""Events that are kept in one transaction."""

TURN: Final = 10
"""Visits after which others get their turn: some ten milliseconds."""

PAGE_MILLIS: Final = 45_000
"""How long a page is looked at."""

_ONE: Final = 1.0


async def simulate(services: Services, asked: Simulation) -> Simulated:
    """Have simulated visitors come, in the last days, and return what is true of them.

    Raises:
        Unavailable: Nothing is published.
        BadInput: An industry, goal, block or variant that the workspace does not have.
        Conflict: Real visitors were here.
    """
    await services.refresh()
    plan = current_plan(services)
    effects = checked(plan, asked.effects)
    if not asked.into_real_data:
        await _refuse_real(services)
    run = _Run(services, msgspec.structs.replace(asked, effects=effects), plan)
    # Said before the first of them comes: a crash in between must not hide it.
    await add_simulated(services, asked.visitors)
    done = await run.all()
    if not services.health.serving:
        # Nobody else will, in a process that ends now.
        await look(services)
    return done


async def _refuse_real(services: Services) -> None:
    answered = await services.warehouse.seen_by(_SCOPE).query(query("real_events"))
    if found := int(answered.rows[0][0]):
        raise Conflict(
            f"{found:,} events of real visitors are here: simulated ones would spoil every "
            "figure, and could be told apart but not taken out.",
            value=found,
            hint="Simulate into a home of its own, or say --into-real-data.",
        )


class _Somebody:
    """What a person's browser and memory hold between their visits."""

    def __init__(self, person: Person, effects: Effects) -> None:
        self.person = person
        self.seen = Seen(effects, person.industry)
        self.ids = 0
        self.forget()

    def forget(self) -> None:
        """Clear the browser: whoever comes next is somebody new."""
        self.ids += 1
        self.new = True
        self.entered = False
        self.declared: Mapping[str, Value] = {}
        self.declared_at: Millis = 0
        self.answers: Mapping[Purpose, Grant] = {}


class _Due(NamedTuple):
    """Something that happens later: a visit, or a conversion where `goal` names one."""

    at: Millis
    order: int
    somebody: _Somebody
    visit: int
    goal: str = ""
    worth: float = 0.0


class _Run:
    """One simulation."""

    def __init__(self, services: Services, asked: Simulation, plan: Plan) -> None:
        self._real, self._asked, self._plan = services, asked, plan
        self._began = time.perf_counter()
        end = services.clock()
        self._done = Simulated(
            visitors=asked.visitors, seed=asked.seed, start=end - asked.days * DAY, end=end,
            by_blocks=any(each.block or each.variant for each in asked.effects.effects),
        )  # fmt: skip
        self._now = self._done.start
        self._buffer = SimulatedLog(services.stream)
        self._log = DecisionLog(lambda _: None)
        self._goals = {name: plan.workspace.goals[name] for name in asked.effects.goals}
        self._pages = sorted(plan.workspace.pages.values(), key=lambda page: page.path != "/")
        self._due: list[_Due] = []
        self._orders = self._visits = 0
        self._tally = SimulatedTally(lambda: self._now, services.health.tally)
        self._breaks = sorted(asked.breaks, key=lambda each: each.day)
        self._services = self._own_services()
        self._wishes = Wishes(self._services, self._buffer, plan, asked.seed)
        self._server: SimulatedServer | None = None
        if asked.tended and not asked.into_real_data:
            own, log, done = self._services, self._buffer, self._done
            self._server = SimulatedServer(plan, asked, real=services, own=own, log=log, done=done)
        # Told at once where something cannot be broken.
        for each in self._breaks:
            broken_plan(plan, each.block, each.variant)

    def _own_services(self) -> Services:
        own = copy.copy(self._real)
        own.stream = cast(Stream, self._buffer)
        own.metrics = Metrics()
        own.health = Health(lambda: self._now)
        own.health.tally = self._tally
        own.catalogue = LiveCatalogue()
        own.decision_log = self._log
        own.profiles = {}
        own.recommended_to = {}
        own.clock = lambda: self._now
        own.publication = Publication()
        own.publication.served = Served(self._plan, Renderer(self._plan.types))
        return own

    async def all(self) -> Simulated:
        """Have everybody come, in the order of time."""
        tally = self._real.health.tally
        tally.filling = self._now
        try:
            return await self._everybody()
        finally:
            self._tally.hand_over()
            tally.filling = None

    async def _everybody(self) -> Simulated:
        town = Town(
            self._asked.effects.industries,
            tuple(self._goals),
            tuple(page.path for page in self._pages),
        )
        pace = Pace(self._real)
        self._services.simulation = self._real.simulation
        for person in people(self._asked, town, self._done.start, self._done.end):
            await self._until(person.visits[0].at, pace)
            await self._visit(_Somebody(person, self._asked.effects), 0)
            await self._keep(pace)
        await self._until(self._done.end, pace)
        await self._keep(pace, all=True)
        done = self._done
        done.events = self._buffer.kept
        done.seconds = round(time.perf_counter() - self._began, 2)
        return done

    async def _until(self, at: Millis, pace: Pace) -> None:
        """Let happen what is due before a time."""
        while self._due and self._due[0].at <= at:
            due = heapq.heappop(self._due)
            await self._tend(due.at)
            if due.goal:
                await self._convert(due)
            else:
                await self._visit(due.somebody, due.visit)
            await self._keep(pace)
        await self._tend(at)

    async def _tend(self, at: Millis) -> None:
        """Let the server do what is due before a time."""
        while self._server is not None and self._server.due <= at:
            self._now = self._server.due
            await self._server.tend(self._plan)

    async def _keep(self, pace: Pace, *, all: bool = False) -> None:
        # Who comes back makes the events kept earlier: decisions are to be looked at by themselves.
        if all or max(len(self._buffer.events), self._log.pending) >= BATCH:
            await self._buffer.flush()
            await self._log.flush(self._real.store)
            self._real.health.tally.filling = self._now
        self._visits += 1
        if all or self._visits % TURN == 0:
            await pace.rest()

    def _later(self, due: _Due) -> None:
        if due.at < self._done.end:
            self._orders += 1
            heapq.heappush(self._due, due._replace(order=self._orders))

    async def _visit(self, somebody: _Somebody, index: int) -> None:
        person, planned = somebody.person, somebody.person.visits[index]
        self._now = planned.at
        self._break()
        if person.bot:
            self._done.bots += 1
            await self._look(somebody, planned.paths[0])
            return
        self._done.visits += 1
        if planned.cleared:
            somebody.forget()
            self._done.cleared += 1
        if self._id(somebody) in self._buffer.ids:
            # What they did an hour ago is known by now.
            await self._buffer.flush()
        if somebody.new and not somebody.answers:
            await self._answer(somebody)
        pages = 0
        while pages < 1 + int(planned.more * somebody.seen.browse) and self._now < self._done.end:
            if pages == planned.declares and not person.denies:
                await self._declare(somebody)
            await self._look(somebody, planned.paths[pages % len(planned.paths)])
            self._now += PAGE_MILLIS
            pages += 1
        self._done.pages += pages
        for path in await self._wishes.looks_at(person):
            await self._open(somebody, path)
        if index == person.converts and not person.denies:
            self._decide_conversions(somebody)
        if index + 1 < len(person.visits):
            self._later(_Due(person.visits[index + 1].at, 0, somebody, index + 1))

    def _break(self) -> None:
        """Break what is due to break by today."""
        while self._breaks and self._now >= self._done.start + self._breaks[0].day * DAY:
            each = self._breaks.pop(0)
            self._plan = broken_plan(self._plan, each.block, each.variant)
            self._services.publication.served = Served(self._plan, Renderer(self._plan.types))

    def _id(self, somebody: _Somebody) -> str:
        person = somebody.person
        return f"{ID_PREFIX}{self._done.end:x}-{self._asked.seed}-{person.number}-{somebody.ids}"

    def _visitor(self, somebody: _Somebody) -> Visitor:
        if somebody.person.denies:
            # As a browser that carries nothing but its denial: nobody knows it the next time.
            return Visitor(
                anonymous_id=ID_PREFIX + new_id(), trusted=True, new=True, answers=somebody.answers
            )
        return Visitor(
            anonymous_id=self._id(somebody),
            trusted=True,
            new=somebody.new,
            declared=somebody.declared,
            declared_at=somebody.declared_at,
            answers=somebody.answers,
        )

    async def _answer(self, somebody: _Somebody) -> None:
        """Answer the banner, where somebody would: to deny, or because nothing works without."""
        denies = somebody.person.denies
        opt_in = self._plan.workspace.settings.consent.mode is ConsentMode.OPT_IN
        if denies or opt_in:
            given = await answer(
                self._services,
                self._plan,
                self._visitor(somebody),
                dict.fromkeys(ASKED, not denies),
                source=BANNER,
            )
            somebody.answers = given.answers
            self._done.denied += denies and somebody.ids == 1

    async def _declare(self, somebody: _Somebody) -> None:
        facts: Mapping[str, Value] = {INDUSTRY: somebody.person.industry}
        state = await declare(self._services, self._plan, self._visitor(somebody), facts)
        somebody.declared, somebody.declared_at = state.facts, state.at
        somebody.new = False

    async def _look(self, somebody: _Somebody, path: str) -> None:
        """Open a page; where a person may be counted, the page confirms its delivery."""
        person, services, plan = somebody.person, self._services, self._plan
        page = plan.paths[path]
        visitor = self._visitor(somebody)
        decided = await decide_for(
            services,
            visitor,
            plan=plan,
            page=plan.pages[page.name],
            context={
                "page.path": path,
                "device": person.device,
                "locale": plan.workspace.settings.default_locale,
            },
            log=not person.bot,
        )
        if person.bot:
            return
        if decided.profile.storable:
            token = exposure_token(services.signer, decided, visitor, path, _title(page))
            await confirm(services, services.signer, token, {})
            somebody.new = False
            self._enter(somebody, decided.decision.assignments)
        somebody.seen.add(
            [
                (each.block, each.variant)
                for each in decided.decision.decisions
                if each.reason in PERSONAL
            ]
        )

        link = await self._wishes.click(person, self._visitor(somebody), decided, path)
        if link is not None:
            self._done.clicks += 1
            self._now += PAGE_MILLIS // 2
            await self._open(somebody, link)

    async def _open(self, somebody: _Somebody, path: str) -> None:
        if path and self._now < self._done.end:
            self._done.pages += 1
            await self._look(somebody, path)
            self._now += PAGE_MILLIS

    def _enter(self, somebody: _Somebody, assignments: Sequence[Any]) -> None:
        if not somebody.entered and any(
            each.experiment == HOLDOUT and each.eligible for each in assignments
        ):
            somebody.entered = True
            for name in dict.fromkeys(("", somebody.person.industry)):
                self._done.truth.setdefault(name, Truth()).entered += 1

    def _decide_conversions(self, somebody: _Somebody) -> None:
        """Let chance decide, which was drawn before; what was seen moves the rate."""
        person, effects = somebody.person, self._asked.effects
        at = self._now + person.delay
        if at >= self._done.end:
            return
        habits = effects.industries.get(person.industry, Habits())
        for place, (name, rate) in enumerate(effects.goals.items()):
            rate *= habits.conversion
            if not place and somebody.entered:
                whole = rate * whole_effect(effects, person.industry)
                for key in dict.fromkeys(("", person.industry)):
                    self._done.truth[key].generic += min(rate, _ONE)
                    self._done.truth[key].targeted += min(whole, _ONE)
            if person.luck[name] < rate * somebody.seen.conversion:
                worth = habits.revenue * somebody.seen.revenue * person.worth
                self._later(_Due(at, 0, somebody, 0, name, worth))

    async def _convert(self, due: _Due) -> None:
        goal = self._goals[due.goal]
        self._now = due.at
        properties: dict[str, Any] = {"page": "/", "answers": {}}
        for path, value in goal.where.items():
            _put(properties, path, value)
        if goal.value:
            _put(properties, goal.value, round(due.worth, 2))
        properties |= await self._wishes.ordered(due.somebody.person, goal.event)
        await collect_from(
            self._services,
            self._visitor(due.somebody),
            EventType.TRACK,
            name=goal.event,
            properties=properties,
        )
        self._done.conversions[due.goal] = self._done.conversions.get(due.goal, 0) + 1


def _title(page: Page) -> str:
    return page.title or page.name


def _put(properties: dict[str, Any], dotted: str, value: object) -> None:
    """Set a property by its dotted path."""
    *above, last = dotted.split(".")
    for name in above:
        properties = properties.setdefault(name, {})
    properties[last] = value


def _notes(asked: Simulation, done: Simulated) -> Sequence[Noted]:
    detail = f"{asked.visitors} visitors in {asked.days} days, {done.events} events"
    return [Noted("simulate", f"seed {asked.seed}", detail)]


SIMULATE: Final = UseCase("simulate", Simulation, Simulated, simulate, notes=_notes)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (SIMULATE,)
