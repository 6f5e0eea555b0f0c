"""Reviewing: a week or a month from the holdout's readouts, kept so that it can be read again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from persx.app.health_gathering import extended_timeline
from persx.app.health_record import load_record, load_status
from persx.app.reports import Observation, Window, observe
from persx.app.services import Services, simulation_mark
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.experiments.comparing import meant
from persx.experiments.live import live_experiments, live_plan
from persx.experiments.readout import Method, Readout, ReadoutPlan, read_out
from persx.experiments.statistics.interval import CONFIDENCE
from persx.health.review.figures import Figure, change, of_segment, together, whole
from persx.health.review.finding import improved, rewrites, stale, underperforming
from persx.health.review.periods import Kind, Period, before, period_at, read_period
from persx.health.review.review import (
    REWRITES_SHOWN,
    ArmReview,
    ExperimentReview,
    HealthLine,
    IndustryReview,
    MonthReview,
    Review,
)
from persx.health.sql import query
from persx.health.status import Status
from persx.model.clock import DAY, Millis
from persx.model.errors import BadInput, NotFound, PersxError
from persx.model.question import INDUSTRY
from persx.model.workspace import HOLDOUT, TARGETED, Workspace
from persx.storage.scope import System

_SCOPE: Final = System("a review")
_KEPT: Final = "review:"

RECENT: Final = 28 * DAY
"""A week says little of one industry: their standing is judged by four."""

MONTHS: Final = 6
"""Months whose trend is shown."""

_NO_HOLDOUT: Final = (
    "There is no holdout: its share is 0 in settings.yaml, so nobody sees generic content to "
    "compare with."
)
_NOBODY: Final = "Nobody had entered the holdout yet."


class ReviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which review.

    Attributes:
        period: ``2026-W47`` or ``2026-11``; empty for the last week that is over.
        fresh: Compute it anew, though it is kept; what is kept stays.
    """

    period: str = ""
    fresh: bool = False


class KeptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All reviews that are kept."""


class KeptReviews(msgspec.Struct, frozen=True, kw_only=True):
    """The periods whose review is kept, newest first."""

    weeks: tuple[str, ...] = ()
    months: tuple[str, ...] = ()


async def review(services: Services, request: ReviewRequest) -> Review:
    """Return the review of a period: the one that is kept, or a new one.

    A new one is kept once its period is over.

    Raises:
        BadInput: There is no such period, or it has not begun.
        NotFound: Nothing is published.
    """
    workspace, now = await _workspace(services), services.clock()
    zone = workspace.settings.zone
    period = (
        read_period(request.period, zone)
        if request.period
        else before(period_at(now, Kind.WEEK, zone))
    )
    if period.begin > now:
        raise BadInput(
            f"{period.title} has not begun.", value=period.name, hint="Name an earlier one."
        )
    kept = None if request.fresh else await kept_review(services, period.name)
    if kept is not None:
        return kept
    made = await make_review(services, workspace, period)
    if made.over:
        await services.store.swap_value(_name(period.name), None, msgspec.json.encode(made))
    return made


async def kept_review(services: Services, name: str) -> Review | None:
    """Return a review as it was made; none where none is kept."""
    raw = await services.store.value(_name(name))
    try:
        return msgspec.json.decode(raw, type=Review) if raw else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        # Another version wrote it: it is made anew.
        await services.store.set_value(_name(name), None)
        return None


async def kept_reviews(services: Services, _request: KeptRequest) -> KeptReviews:
    """Return which reviews can be read again."""
    names = [name.removeprefix(_KEPT) for name in await services.store.values(_KEPT)]
    return KeptReviews(
        weeks=tuple(sorted((name for name in names if "W" in name), reverse=True)),
        months=tuple(sorted((name for name in names if "W" not in name), reverse=True)),
    )


def _name(period: str) -> str:
    return f"{_KEPT}{period}"


async def _workspace(services: Services) -> Workspace:
    snapshot = await services.store.snapshot()
    if snapshot is None:
        raise NotFound("Nothing is published, so there is nothing to review.")
    return snapshot.workspace


async def make_review(services: Services, workspace: Workspace, period: Period) -> Review:
    """Compute a review from the log as it is now."""
    now = services.clock()
    reading = Reading(services, workspace)
    today, earlier = await reading.window(period), await reading.window(before(period))
    recent = today
    if period.kind is Kind.WEEK:
        recent = await reading.between(period.end - RECENT, period.end)
    industries = tuple(
        IndustryReview(
            name=name,
            now=today.industries[name],
            earlier=earlier.industries[name],
            change=change(today.industries[name], earlier.industries[name]),
            recent=recent.industries[name],
        )
        for name in workspace.industries
    )
    everybody = (
        today.everybody,
        earlier.everybody,
        change(today.everybody, earlier.everybody),
    )
    _, record = await load_record(services.store)
    timeline = await extended_timeline(services.store, record.timeline)
    experiments = await _experiments(services, workspace, period)
    under = underperforming(recent.everybody, industries)
    end = min(now, period.end)
    wanted = rewrites(workspace, under, experiments, await _shown(services, period), timeline, end)
    current = now < period.end or period == before(period_at(now, period.kind, period.zone))
    return Review(
        site=workspace.settings.name,
        period=period,
        made=now,
        over=now >= period.end,
        snapshot=today.snapshot,
        metric=today.metric,
        recent="the four weeks that end with it" if recent is not today else "the month",
        everybody=everybody[0],
        earlier=everybody[1],
        change=everybody[2],
        industries=industries,
        improved=improved(everybody, industries, experiments),
        under=under,
        rewrites=wanted[:REWRITES_SHOWN],
        rewrites_left_out=max(0, len(wanted) - REWRITES_SHOWN),
        stale=stale(timeline, end),
        experiments=experiments,
        months=await reading.months(period),
        health=_health(await load_status(services.store)) if current else (),
        notes=today.notes,
        simulated=await simulation_mark(services.store) is not None,
    )


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What the holdout tells of a window.

    Attributes:
        industries: One for each industry of the workspace.
        began: Somebody had entered by its end.
    """

    everybody: Figure
    industries: dict[str, Figure]
    snapshot: int | None = None
    metric: str = ""
    notes: tuple[str, ...] = ()
    began: bool = False


class Reading:
    """Reads the holdout out, window by window; each one once."""

    def __init__(self, services: Services, workspace: Workspace) -> None:
        self._services, self._workspace = services, workspace
        self._taken: dict[Window, Taken] = {}
        self._first: Millis | None = None
        self._plan: ReadoutPlan | None = None
        if HOLDOUT in live_experiments(workspace):
            self._plan = live_plan(workspace, HOLDOUT, CONFIDENCE, method=Method.FIXED)

    async def window(self, period: Period) -> Taken:
        """Read out those who entered in a period."""
        return await self.between(period.begin, period.end)

    async def between(self, since: Millis, until: Millis) -> Taken:
        """Read out those who entered between two moments."""
        window = Window(since, until)
        if window not in self._taken:
            self._taken[window] = await self._read(window)
        return self._taken[window]

    async def months(self, period: Period) -> tuple[MonthReview, ...]:
        """Return the months up to the one in which a period ends, from the first with visitors."""
        last = period_at(period.end - 1, Kind.MONTH, period.zone)
        now = self._services.clock()
        months = [before(last, steps) for steps in reversed(range(MONTHS + 1))]
        taken = [await self._month(month) for month in months]
        found = []
        for place, month in enumerate(months[1:], 1):
            figures, earlier = taken[place], taken[place - 1]
            if not figures.began and month != last:
                continue
            found.append(
                MonthReview(
                    name=month.name,
                    whole=now >= month.end,
                    everybody=figures.everybody,
                    industries=figures.industries,
                    changes={
                        "": change(figures.everybody, earlier.everybody),
                        **{
                            name: change(figure, earlier.industries[name])
                            for name, figure in figures.industries.items()
                        },
                    },
                )
            )
        return tuple(found)

    async def _month(self, month: Period) -> Taken:
        """Return a month as it was told when it was over, where that is kept."""
        kept = await kept_review(self._services, month.name)
        names = set(self._workspace.industries)
        if kept is None or {each.name for each in kept.industries} != names:
            return await self.window(month)
        return Taken(
            everybody=kept.everybody,
            industries={each.name: each.now for each in kept.industries},
            began=bool(kept.everybody.n or kept.everybody.control_n),
        )

    async def _read(self, window: Window) -> Taken:
        names = tuple(self._workspace.industries)
        if self._plan is None:
            nothing = Figure(why=(_NO_HOLDOUT,))
            return Taken(everybody=nothing, industries=dict.fromkeys(names, nothing))
        if self._first is not None and window.until <= self._first:
            nothing = Figure(why=(_NOBODY,))
            return Taken(everybody=nothing, industries=dict.fromkeys(names, nothing))
        found = await observe(self._services, self._workspace, self._plan, window)
        self._first = found.first
        return await asyncio.to_thread(_taken, found, names)


def _taken(found: Observation, industries: tuple[str, ...]) -> Taken:
    """Analyse what was observed; intervals of industries are such that all hold together."""
    seen = msgspec.structs.replace(
        found.observed,
        groups=[each for each in found.observed.groups if each.attribute in ("", INDUSTRY)],
    )
    readout = read_out(found.plan, seen)
    wide = msgspec.structs.replace(
        found.plan, confidence=together(found.plan.confidence, industries)
    )
    by_industry = read_out(wide, seen) if industries else readout
    return Taken(
        everybody=_aimed(found.plan, whole(readout, TARGETED)),
        industries={
            name: _aimed(found.plan, of_segment(by_industry, TARGETED, INDUSTRY, name), name)
            for name in industries
        },
        snapshot=readout.snapshot,
        metric=readout.metrics[0].label if readout.metrics else "",
        notes=tuple(found.observed.notes),
        began=found.observed.first_exposure is not None,
    )


def _aimed(plan: ReadoutPlan, figure: Figure, industry: str = "") -> Figure:
    """Return a figure with the lift that the workspace's targets mean for it."""
    if not plan.metrics:
        return figure
    target = meant(plan, plan.metrics[0], attribute=INDUSTRY if industry else "", value=industry)
    return msgspec.structs.replace(figure, target=target)


async def _experiments(
    services: Services, workspace: Workspace, period: Period
) -> tuple[ExperimentReview, ...]:
    """Read out experiments and holdouts of blocks as they stood at the end of the period."""
    keys = [key for key in live_experiments(workspace) if key != HOLDOUT]
    return tuple([await _experiment(services, workspace, key, period) for key in keys])


async def _experiment(
    services: Services, workspace: Workspace, key: str, period: Period
) -> ExperimentReview:
    declared = workspace.experiments.get(key)
    status = declared.status if declared else "running"
    try:
        plan = live_plan(workspace, key, CONFIDENCE, method=Method.FIXED)
        found = await observe(services, workspace, plan, Window(until=period.end))
        readout: Readout = await asyncio.to_thread(read_out, found.plan, found.observed)
    except PersxError as error:
        return ExperimentReview(name=key, status=status, problem=str(error))
    return ExperimentReview(
        name=key,
        status=status,
        control=readout.control,
        metric=readout.metrics[0].label if readout.metrics else "",
        arms=tuple(
            ArmReview(name=name, figure=whole(readout, name))
            for name in readout.arms
            if name != readout.control
        ),
    )


async def _shown(services: Services, period: Period) -> Mapping[tuple[str, str], int] | None:
    """Return how often variants were shown; none where the decision log has nothing."""
    found = await services.warehouse.seen_by(_SCOPE).query(
        query("variants_shown"), {"begin": period.begin, "end": period.end}
    )
    return {(str(block), str(name)): int(n) for block, name, n in found.rows} or None


def _health(status: Status) -> tuple[HealthLine, ...]:
    return tuple(
        HealthLine(
            title=each.title,
            state=each.state.value,
            value=each.finding.value,
            counted=(
                f"{each.finding.numerator:,} of {each.finding.denominator:,}"
                if each.finding.denominator
                else ""
            ),
            why=each.finding.why or each.description,
        )
        for each in status.objectives
    )


def _noted(_request: ReviewRequest, _made: Review) -> list[Noted]:
    """A review that is kept is an aggregate: it changes nothing that anybody set."""
    return []


REVIEW: Final = UseCase("review", ReviewRequest, Review, review, notes=_noted)
REVIEWS: Final = UseCase("reviews", KeptRequest, KeptReviews, kept_reviews, writes=False)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (REVIEW, REVIEWS)
