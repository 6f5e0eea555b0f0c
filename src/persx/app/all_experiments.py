"""All experiments at a glance, from what is kept; who wants newer figures has them read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.app.kept_sums import KeptSums, generation, load_all
from persx.app.recent_reports import Recent, is_end
from persx.app.reports import Question, ReportRequest, analysed, ask, read_anew
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.experiments.imported import ImportedExperiment, value_name
from persx.experiments.live import live_experiments
from persx.experiments.overview import ExperimentLine, Listed, line, of_file, of_site
from persx.model.clock import HOUR, Millis
from persx.model.errors import PersxError, Unreadable
from persx.model.workspace import Workspace

_IMPORTED: Final = value_name("")


class ExperimentsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which experiments.

    Attributes:
        names: Those alone; all where it is empty.
        fresh: Read them anew; without it, what is kept is shown.
        oldest: Kept figures that are older are left out, in milliseconds, unless they are what a
            reading would find; none for however old.
    """

    names: tuple[str, ...] = ()
    fresh: bool = False
    oldest: Millis | None = HOUR


class AllExperiments(msgspec.Struct, frozen=True, kw_only=True):
    """A line for each experiment: those of the site first, as the workspace has them."""

    experiments: list[ExperimentLine]

    @property
    def unread(self) -> tuple[str, ...]:
        """Those that are still to be read."""
        return tuple(each.name for each in self.experiments if not each.read and not each.problem)


async def all_experiments(services: Services, request: ExperimentsRequest) -> AllExperiments:
    """Return what all experiments were worth when they were last read.

    Nothing is read unless `fresh` says so. One that cannot be read keeps nobody from the others.
    """
    workspace, known = await _known(services)
    kept = await load_all(services.store)
    now, current = services.clock(), await generation(services.store)
    ends = {each.newest for each in kept.values()}
    end = max(ends) if ends and await is_end(services, max(ends)) else None
    lines = []
    for experiment in known:
        if request.names and experiment.name not in request.names:
            continue
        try:
            question = await ask(services, ReportRequest(name=experiment.name), workspace)
            found = _found(question, kept, current, end, now)
            if request.fresh:
                found = Recent(await read_anew(services, question), exact=False)
            elif found and not found.exact and _too_old(found.kept, request.oldest, now):
                found = None
            lines.append(await _line(services, experiment, question, found))
        except PersxError as error:
            lines.append(line(experiment, problem=str(error)))
    return AllExperiments(experiments=lines)


def _found(
    question: Question,
    kept: Mapping[str, KeptSums],
    current: bytes | None,
    end: Millis | None,
    now: Millis,
) -> Recent | None:
    found = kept.get(question.plan.experiment)
    if found is None or found.definition != question.definition or found.generation != current:
        return None
    ended = not question.live or found.newest == end
    return Recent(found, exact=ended and found.is_exact(now))


def _too_old(kept: KeptSums, oldest: Millis | None, now: Millis) -> bool:
    return oldest is not None and not 0 <= now - kept.as_of <= oldest


async def _line(
    services: Services, experiment: Listed, question: Question, found: Recent | None
) -> ExperimentLine:
    if found is None:
        return line(experiment)
    # A line tells nothing of segments, which are most of the work.
    seen = found.observed(services, question)
    whole = msgspec.structs.replace(
        seen, groups=[each for each in seen.groups if not each.attribute]
    )
    return line(experiment, await analysed(services, question.plan, whole))


async def _known(services: Services) -> tuple[Workspace | None, list[Listed]]:
    try:
        snapshot = await services.store.snapshot()
    except Unreadable:
        snapshot = None
    workspace = snapshot.workspace if snapshot else None
    raw = await services.store.values(_IMPORTED)
    files = {
        name.removeprefix(_IMPORTED): msgspec.json.decode(each, type=ImportedExperiment)
        for name, each in sorted(raw.items())
    }
    # A report of a name is the imported experiment's.
    live = [of_site(workspace, key) for key in live_experiments(workspace)] if workspace else []
    return workspace, [
        *(each for each in live if each.name not in files),
        *map(of_file, files.values()),
    ]


ALL_EXPERIMENTS: Final = UseCase(
    "report-all", ExperimentsRequest, AllExperiments, all_experiments, writes=False
)
