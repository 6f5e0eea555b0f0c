"""Health in the studio: objectives, the scorecard, indicators, alerts and their silences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.audit import perform
from persx.app.health import (
    SILENCE,
    UNSILENCE,
    HealthRequest,
    SilenceRequest,
    UnsilenceRequest,
    last_health,
)
from persx.app.health_record import note_review
from persx.app.use_cases import UseCase
from persx.health.scorecard import Criterion, Verdict
from persx.health.status import ObjectiveStatus, Point, Status
from persx.health.wording import share
from persx.model.clock import DAY, HOUR, Millis
from persx.model.errors import PersxError
from persx.model.health import ObjectiveState
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, field, staff_of
from persx.web.visitors import services_of

Asked = TypeVar("Asked")
Done = TypeVar("Done")

LENGTHS: Final[Mapping[str, Millis]] = {
    "an hour": HOUR,
    "a day": DAY,
    "a week": 7 * DAY,
    "30 days": 30 * DAY,
}
DAYS_SHOWN: Final = 30
_WIDTH: Final = 240
_HEIGHT: Final = 48
_MARGIN: Final = 5

WORDS: Final[Mapping[ObjectiveState, str]] = {
    ObjectiveState.OK: "OK",
    ObjectiveState.WATCH: "Watch",
    ObjectiveState.CONFIRMED: "Confirmed",
    ObjectiveState.UNKNOWN: "Unknown",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A small line of values: points of an SVG, and where the target lies.

    Attributes:
        end: Where the last value is: left and top.
        told: The same in words, for who does not see it.
    """

    points: str
    target: float
    end: tuple[float, float]
    told: str


class ObjectiveView(msgspec.Struct, frozen=True, kw_only=True):
    """An objective's card."""

    status: ObjectiveStatus
    value: str
    line: Line | None


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """The page.

    Attributes:
        summary: The state of everything in a sentence, and which state that is.
        groups: The scorecard's groups, with how many criteria are met.
    """

    name: str
    status: Status
    summary: str
    worst: ObjectiveState
    counts: dict[str, int]
    objectives: tuple[ObjectiveView, ...]
    groups: tuple[tuple[str, int, tuple[Criterion, ...]], ...]
    words: dict[ObjectiveState, str]
    lengths: tuple[str, ...] = tuple(LENGTHS)
    problem: str = ""


async def show_health(request: Request) -> Response:
    """Show what was found at the last look."""
    services = services_of(request)
    await note_review(services)
    return await _page(request)


async def send_silence(request: Request) -> Response:
    """Silence an objective's alerts for a while."""
    form = await request.form()
    staff = staff_of(request)
    assert staff is not None
    asked = SilenceRequest(
        objective=field(form, "objective")[:200],
        subject=field(form, "subject")[:200],
        length=LENGTHS.get(field(form, "length"), DAY),
        who=actor_of(request, staff).who,
        why=field(form, "why"),
    )
    return await _done(request, SILENCE, asked)


async def end_silence(request: Request) -> Response:
    """End a silence."""
    return await _done(request, UNSILENCE, UnsilenceRequest(id=request.path_params["id"]))


async def _done(request: Request, use_case: UseCase[Asked, Done], asked: Asked) -> Response:
    staff = staff_of(request)
    assert staff is not None
    try:
        await perform(services_of(request), use_case, asked, actor_of(request, staff))
    except PersxError as error:
        return await _page(request, problem=str(error), status=422)
    return RedirectResponse("/admin/health#silences", 303)


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    found = await last_health(services_of(request), HealthRequest())
    view = view_of(found, site_name(request), problem=problem)
    return studio_page(request, "admin/health.html", view, status)


def view_of(status: Status, name: str, *, problem: str = "") -> HealthView:
    """Arrange a status for the page."""
    counts = {
        WORDS[state]: sum(each.state is state for each in status.objectives)
        for state in ObjectiveState
    }
    worst, summary = _summary(status)
    groups = dict.fromkeys(each.group for each in status.criteria)
    return HealthView(
        name=name,
        status=status,
        summary=summary,
        worst=worst,
        counts=counts,
        objectives=tuple(_objective(each) for each in status.objectives),
        groups=tuple(
            (group, sum(each.verdict is Verdict.MET for each in cards), cards)
            for group in groups
            if (cards := tuple(each for each in status.criteria if each.group == group))
        ),
        words=dict(WORDS),
        problem=problem,
    )


def _summary(status: Status) -> tuple[ObjectiveState, str]:
    if not status.at:
        return ObjectiveState.UNKNOWN, "Nothing has been looked at yet: come back in a minute."
    broken = [each.title for each in status.confirmed]
    if broken:
        return ObjectiveState.CONFIRMED, f"Confirmed to miss the objective: {', '.join(broken)}."
    watched = [each.title for each in status.objectives if each.state is ObjectiveState.WATCH]
    if watched:
        return (
            ObjectiveState.WATCH,
            f"To be watched, though it may be chance: {', '.join(watched)}.",
        )
    if any(each.state is ObjectiveState.OK for each in status.objectives):
        unknown = sum(each.state is ObjectiveState.UNKNOWN for each in status.objectives)
        told = f" Of {unknown} nothing is known yet." if unknown else ""
        return ObjectiveState.OK, f"No objective is missed.{told}"
    return ObjectiveState.UNKNOWN, "There are no data yet."


def _objective(status: ObjectiveStatus) -> ObjectiveView:
    return ObjectiveView(
        status=status,
        value=share(status.finding.value),
        line=line_of(status.points[-DAYS_SHOWN:], status.limit),
    )


def line_of(points: Sequence[Point], target: float) -> Line | None:
    """Return the line of a few days; none where there is no day.

    >>> line_of([Point("2026-11-01", 0.5), Point("2026-11-02", 1.0)], 0.7).points
    '5.0,43.0 235.0,5.0'
    """
    if not points:
        return None
    values = [each.value for each in points]
    low, high = min(*values, target), max(*values, target)
    spread = (high - low) or 1.0

    def top(value: float) -> float:
        return round(_HEIGHT - _MARGIN - (value - low) / spread * (_HEIGHT - 2 * _MARGIN), 1)

    step = (_WIDTH - 2 * _MARGIN) / max(len(points) - 1, 1)
    places = [(round(_MARGIN + step * nth, 1), top(value)) for nth, value in enumerate(values)]
    if len(places) == 1:
        places = [(float(_MARGIN), places[0][1]), (float(_WIDTH - _MARGIN), places[0][1])]
    return Line(
        points=" ".join(f"{left},{height}" for left, height in places),
        target=top(target),
        end=places[-1],
        told=f"From {points[0].day} to {points[-1].day}: {share(values[0])} to "
        f"{share(values[-1])}, between {share(min(values))} and {share(max(values))}.",
    )
