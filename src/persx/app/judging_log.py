"""Judging and tuning pipelines by the home's own log, in the process that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from persx.app.deciding import current_plan
from persx.app.home import open_home
from persx.app.interactions_of_log import MEGABYTE, gather, moment_of
from persx.app.known_then import Past, known_then, past_of
from persx.app.recommender_training import find, pipelines_of
from persx.app.settings import load_settings
from persx.model.clock import Millis, parse_duration
from persx.model.errors import Conflict
from persx.model.pipeline import Pipeline
from persx.recommend.catalogue import Catalogue
from persx.recommend.evaluation.moments import Moment, between, cut_at, moments
from persx.recommend.evaluation.own_log import Bench, rivals, with_sources
from persx.recommend.evaluation.segments import SegmentFigures, by_segment
from persx.recommend.evaluation.telling import PipelineFigures, compared
from persx.recommend.evaluation.tuning import Sources, Tuned, tune
from persx.recommend.fitting import memory_of
from persx.recommend.interactions import Interactions
from persx.recommend.query import NOTHING
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import prepare
from persx.recommend.recommenders import RECOMMENDERS
from persx.recommend.recommenders.kind import shows_again as brings_back
from persx.visitors.computed.touches import kept

FEWEST: Final = 30
"""With fewer visitors nothing can be told from chance."""

_END: Final = 1 << 62


class How(NamedTuple):
    """How a pipeline is judged.

    Attributes:
        length: So much of the newest time is the test; `share` of it where this is 0.
        anchored: Asked as on the page of the item that was touched last.
        again: What a visitor had touched before may be shown, and is wanted; as
            `shows_again` has it, unless it is said.
        cases: Visitors who are asked about, at most.
    """

    cuts: tuple[int, ...] = (10,)
    length: Millis = 0
    share: float = 0.2
    anchored: bool = False
    again: bool | None = None
    cases: int = 2_000
    seed: int = 0


class Split(NamedTuple):
    """A moment that divides the log.

    Attributes:
        cut: What happened before is learned from.
        cases: What is asked of the time after it.
    """

    cut: Millis
    cases: list[Moment]


class LogView(NamedTuple):
    """What a pipeline is judged by.

    Attributes:
        plan: The pipeline, without rules that read what nobody knows of the past.
        past: What of the workspace can be known of it.
        again: What a visitor had touched before may be shown, and is wanted.
        splits: Each what comes before, and whom is asked about; the newest last.
        most_megabytes: What fitting may take.
    """

    data: Interactions
    catalogue: Catalogue
    plan: PipelinePlan
    past: Past
    again: bool
    splits: tuple[Split, ...]
    most_megabytes: int


class Found(NamedTuple):
    """What judging found.

    Attributes:
        figures: The pipeline first, popularity last.
        segments: By what visitors are told apart, and by name: how the pipeline did for them.
    """

    figures: list[PipelineFigures]
    segments: dict[str, dict[str, SegmentFigures]]
    cases: int
    trained_on: int
    cut: Millis


class TunedPipeline(NamedTuple):
    """What tuning found, and what that is worth for visitors whom it was not chosen by."""

    tuned: Tuned
    figures: list[PipelineFigures]
    cases: int
    validated: int


async def read_log(home: Path, name: str, how: How, *, tuning: bool = False) -> LogView:
    """Read what a pipeline of a home may learn from, and whom it is asked about.

    Beside a server, which is not disturbed.

    Args:
        tuning: There are two splits: one to choose by, and a newer one to judge by.

    Raises:
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
        Conflict: Too few visitors came in that time.
    """
    settings = load_settings(home)
    async with open_home(home, settings, read_only=True, deciding=False) as services:
        await services.publication.refresh(services.store)
        pipeline = find(pipelines_of(services), name)
        plan = current_plan(services)
        moment = await moment_of(services)
        since = moment.now - parse_duration(pipeline.since) if pipeline.since else 0
        gathered = await gather(
            services, plan, moment, since=since, most_megabytes=settings.train_megabytes
        )
        data, catalogue = gathered.data, services.catalogue.now
        past = past_of(plan, plan.pipelines[pipeline.name])
        again = shows_again(pipeline) if how.again is None else how.again
        cut = cut_at(data, share=how.share, length=how.length)
        stretches = [(cut, _END)]
        if tuning:
            length = int(data.times.max()) - cut if len(data.times) else 0
            stretches = [(cut - length, cut), *stretches]
        splits = []
        for start, end in stretches:
            cases = _cases(past.plan, data, catalogue, how._replace(again=again), start, end)
            known = await known_then(services, plan, past, data, cases, moment.events)
            splits.append(Split(start, known))
        return LogView(
            data, catalogue, past.plan, past, again, tuple(splits), settings.train_megabytes
        )


def shows_again(pipeline: Pipeline) -> bool:
    """Tell whether a pipeline is there to bring back what its visitors touched before."""
    return any(
        brings_back(RECOMMENDERS[source.recommender])
        for source in pipeline.sources
        if not source.fill
    )


def judge_pipeline(view: LogView, how: How) -> Found:
    """Judge a pipeline, each of its sources alone, and popularity, by the newest of the log."""
    cut, cases = view.splits[-1]
    train = between(view.data, 0, cut)
    bench = _bench(view, how, train, cases)
    plans = rivals(view.plan)
    answers = {name: bench.answers(plan) for name, plan in plans.items()}
    values = {name: each.metrics for name, each in answers.items()}
    own, *_, base = values
    return Found(
        compared(values, base, {name: each.together for name, each in answers.items()}),
        by_segment(cases, values[own], values[base]),
        len(cases),
        len(train.users),
        cut,
    )


def tune_pipeline(
    view: LogView,
    how: How,
    metric: str,
    trials: int,
    told: Callable[[int], object] = lambda _: None,
) -> TunedPipeline:
    """Choose a pipeline's options and weights by one part of the log, and judge them by a newer.

    The newest `share` of the time is the test, as much before it is what they are chosen by.

    Args:
        view: Read for tuning.
    """
    (earlier, chosen_by), (cut, cases) = view.splits
    bench = _bench(view, how, between(view.data, 0, earlier), chosen_by)
    start = view.plan.pipeline.sources

    def fits(sources: Sources) -> bool:
        other = Pipeline(sources=sources)
        return memory_of(other, view.data) <= view.most_megabytes * MEGABYTE

    tuned = tune(
        start,
        lambda sources: bench.asked(with_sources(view.plan, *sources))[metric],
        trials=trials,
        seed=how.seed,
        fits=fits,
        told=told,
    )
    test = _bench(view, how, between(view.data, 0, cut), cases)
    values = {
        "as it is": test.asked(with_sources(view.plan, *start)),
        "tuned": test.asked(with_sources(view.plan, *tuned.sources)),
    }
    return TunedPipeline(tuned, compared(values, "as it is"), len(cases), len(chosen_by))


def _cases(
    plan: PipelinePlan,
    data: Interactions,
    catalogue: Catalogue,
    how: How,
    start: Millis,
    end: Millis,
) -> list[Moment]:
    allowed = prepare(plan, catalogue, None).allowed
    codes = catalogue.codes

    def shown(id: str) -> bool:
        code = codes.get(id, NOTHING)
        return code != NOTHING and bool(allowed[code])

    found = moments(
        data, start, end, allowed=shown, most=how.cases, again=bool(how.again), seed=how.seed
    )
    if len(found) < FEWEST:
        raise Conflict(
            f"{len(found)} visitors touched something{'' if how.again else ' new'} in the time "
            f"that '{plan.name}' is judged by, and {FEWEST} are needed.",
            value=len(found),
            hint="Wait for more, or give it a longer time: --test 14d.",
        )
    # Who is served is known by what is kept of them, not by the whole log.
    return [each._replace(touches=kept(each.touches)) for each in found]


def _bench(view: LogView, how: How, train: Interactions, cases: list[Moment]) -> Bench:
    return Bench(
        train, cases, view.catalogue, cuts=how.cuts, anchored=how.anchored, again=view.again
    )
