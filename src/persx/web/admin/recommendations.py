"""Recommendations in the studio: what was trained for each pipeline, on what, and what is used."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import audit
from persx.app.recommender_records import PipelineRequest, PipelineStatus, TrainedArtifact
from persx.app.recommender_schedule import start_training
from persx.app.recommender_training import ACTIVATE, OFF, find, pipelines_of, show_pipelines
from persx.app.use_cases import Noted
from persx.model.errors import BadInput, PersxError
from persx.model.registry import Registry
from persx.recommend.recommenders import RECOMMENDERS, Recommender
from persx.recommend.staleness import age
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, staff_of
from persx.web.visitors import services_of

PATH: Final = "/admin/recommendations"

MOST_ARTIFACTS: Final = 10
"""Artifacts of a pipeline that are listed; the command lists all."""


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source of a pipeline: its recommender, and what that does."""

    name: str
    description: str


class ArtifactView(msgspec.Struct, frozen=True, kw_only=True):
    """One training: what it was on, in words."""

    artifact: TrainedArtifact
    age: str
    visitors: str
    items: str
    touches: str
    seconds: str
    size: str


class PipelineView(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline as the studio shows it.

    Attributes:
        state: In a word or two.
        tone: ``good``, ``bad``, or neither.
        said: What is wrong with it, in sentences.
        note: What else is to be known of it.
        used: The training that recommends; none where none does.
        more: Trainings that are not listed.
    """

    status: PipelineStatus
    state: str
    tone: str
    said: tuple[str, ...]
    note: str
    sources: tuple[SourceView, ...]
    used: ArtifactView | None
    artifacts: tuple[ArtifactView, ...]
    more: int


class RecommendationsView(msgspec.Struct, frozen=True, kw_only=True):
    """The workspace's pipelines; `problem` is why something was not done."""

    name: str
    pipelines: tuple[PipelineView, ...] = ()
    problem: str = ""


async def show(request: Request) -> Response:
    """Show the pipelines."""
    return await _page(request)


async def train(request: Request) -> Response:
    """Have a pipeline trained, beside this process, and do not wait for it."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    form = await request.form()
    try:
        pipeline = find(pipelines_of(services), str(form.get("pipeline") or "?"))
    except PersxError as error:
        return await _page(request, problem=str(error), status=404)
    if await start_training(services, pipeline.name):
        asked = Noted("recommender.ask", pipeline.name)
        await audit.note(services, actor_of(request, staff), asked)
    return RedirectResponse(PATH, 303)


async def choose(request: Request) -> Response:
    """Recommend by an earlier training, or by none."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    form = await request.form()
    number = str(form.get("number") or "")
    try:
        if not number.isdecimal() or len(number) > 12:
            raise BadInput(f"'{number[:40]}' is no number of a training.", value=number[:40])
        asked = PipelineRequest(pipeline=str(form.get("pipeline") or "?"), number=int(number))
        use_case = ACTIVATE if asked.number else OFF
        await audit.perform(services, use_case, asked, actor_of(request, staff))
    except PersxError as error:
        return await _page(request, problem=str(error), status=409)
    return RedirectResponse(PATH, 303)


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    services = services_of(request)
    view = RecommendationsView(name=site_name(request), problem=problem)
    if services.publication.plan is not None:
        found = await show_pipelines(services, PipelineRequest())
        now = services.clock()
        view = msgspec.structs.replace(
            view, pipelines=tuple(arranged(each, now) for each in found.pipelines)
        )
    return studio_page(request, "admin/recommendations.html", view, status)


def arranged(status: PipelineStatus, now: int) -> PipelineView:
    """Arrange what is known of a pipeline."""
    artifacts = tuple(_artifact(each, now) for each in status.artifacts)
    state, tone = _state(status)
    said = []
    if status.stale and status.active:
        said.append(status.stale)
    if status.changed:
        said.append("It learns otherwise since it was trained: train it anew.")
    if status.failed and not status.training_since:
        said.append(f"The last training came to nothing. {status.tried}")
    return PipelineView(
        status=status,
        state=state,
        tone=tone,
        said=tuple(said),
        note=status.tried if status.nothing_yet and not status.training_since else "",
        sources=tuple(_source(RECOMMENDERS, name) for name in status.sources),
        used=next((each for each in artifacts if each.artifact.active), None),
        artifacts=artifacts[:MOST_ARTIFACTS],
        more=max(len(artifacts) - MOST_ARTIFACTS, 0),
    )


def _state(status: PipelineStatus) -> tuple[str, str]:
    if status.training_since:
        return "being trained", ""
    if status.stopped:
        return "switched off", "bad"
    if not status.active:
        if status.nothing_yet:
            return "nothing to learn from yet", ""
        return "never trained", "bad" if status.failed else ""
    return ("stale", "bad") if status.stale else ("recommends", "good")


def _source(known: Registry[Recommender], name: str) -> SourceView:
    # A pipeline may name one that a package had which is gone by now.
    described = known[name].description if name in known.names else "It is not installed."
    return SourceView(name=name, description=described)


def _artifact(each: TrainedArtifact, now: int) -> ArtifactView:
    told = each.trained
    return ArtifactView(
        artifact=each,
        age=age(now - each.made),
        visitors=f"{told.users:,}",
        items=f"{told.items:,}",
        touches=f"{told.rows:,}",
        seconds=f"{told.seconds:,.1f} s",
        size=f"{each.bytes / 1e6:,.1f} MB",
    )
