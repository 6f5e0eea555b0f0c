"""Prepared pipelines: what is made of each over the catalogue, until either changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from persx.recommend.artifact import Trained
from persx.recommend.catalogue import Catalogue
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import Prepared, prepare

if TYPE_CHECKING:
    from persx.recommend.newcomers import Newcomers

_log = logging.getLogger("persx")


class PreparedPipelines:
    """Keeps one prepared pipeline for each name; what changed is computed when it is asked for.

    Neighbours of items that came after a training are found beside the loop; requests have them
    once they are there.
    """

    def __init__(self) -> None:
        self._found: dict[str, Prepared] = {}
        self._newcomers: dict[str, tuple[Trained, Newcomers]] = {}
        self._wanted: dict[str, _Moment] = {}
        self._done: dict[str, _Moment] = {}
        self._taking_up: dict[str, asyncio.Task[None]] = {}

    def of(
        self, plan: PipelinePlan, catalogue: Catalogue, trained: Mapping[str, Trained]
    ) -> Prepared:
        """Return a pipeline over a catalogue, with what was trained for it."""
        before = self._found.get(plan.name)
        artifact = trained.get(plan.name)
        newcomers = self._of(plan, artifact)
        if (
            before is not None
            and before.plan is plan
            and before.catalogue is catalogue
            and before.trained is artifact
            and before.newcomers is newcomers
        ):
            return before
        found = self._found[plan.name] = prepare(plan, catalogue, artifact, before, newcomers)
        self.look(plan, catalogue, trained)
        return found

    def look(
        self, plan: PipelinePlan, catalogue: Catalogue, trained: Mapping[str, Trained]
    ) -> None:
        """Have items taken up that nobody has compared with others yet, beside the loop."""
        artifact = trained.get(plan.name)
        if artifact is None or artifact.alike is None or not plan.pipeline.newcomers:
            return
        moment = _Moment(artifact, catalogue)
        if self._lags(plan.name, moment):
            self._wanted[plan.name] = moment
            if plan.name not in self._taking_up:
                task = asyncio.create_task(self._take_up(plan.name))
                self._taking_up[plan.name] = task

    async def settled(self) -> None:
        """Wait until the neighbours of all newcomers are found that were asked for."""
        while self._taking_up:
            await asyncio.gather(*self._taking_up.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Take up nothing more."""
        for task in self._taking_up.values():
            task.cancel()
        await self.settled()

    def _of(self, plan: PipelinePlan, artifact: Trained | None) -> Newcomers | None:
        kept = self._newcomers.get(plan.name)
        same = kept is not None and kept[0] is artifact and plan.pipeline.newcomers
        return kept[1] if kept is not None and same else None

    def _lags(self, name: str, moment: _Moment) -> bool:
        """Tell whether a moment holds more than was taken up, or than could not be."""
        done = self._done.get(name)
        if done is not None and done.artifact is moment.artifact:
            if done.catalogue is moment.catalogue:
                return False
            seen = done.catalogue.size
        else:
            seen = 0
        kept = self._newcomers.get(name)
        if kept is not None and kept[0] is moment.artifact:
            lags = kept[1].lag(moment.catalogue)
        else:
            known = moment.artifact.codes
            lags = any(id not in known for id in islice(moment.catalogue.codes, seen, None))
        if not lags:
            self._done[name] = moment
        return lags

    async def _take_up(self, name: str) -> None:
        moment = self._wanted[name]
        try:
            while self._lags(name, moment := self._wanted[name]):
                kept = self._newcomers.get(name)
                found = kept[1] if kept is not None and kept[0] is moment.artifact else None
                found = await asyncio.to_thread(_more, moment, found)
                self._newcomers[name] = moment.artifact, found
        except Exception:
            # Requests go on without them, and they are tried again once something has changed.
            self._done[name] = moment
            _log.exception("New items of pipeline '%s' have no neighbours yet.", name)
        finally:
            del self._taking_up[name]


class _Moment(NamedTuple):
    """An artifact, and a catalogue that may hold items which it does not know."""

    artifact: Trained
    catalogue: Catalogue


def _more(moment: _Moment, found: Newcomers | None) -> Newcomers:
    # It loads scipy, which nobody needs who has no newcomers.
    from persx.recommend.newcomers import beside

    artifact, catalogue = moment
    if found is None:
        index = artifact.alike
        if index is None:
            raise ValueError(f"Artifact {artifact.number} has no index.")
        found = beside(index.arrays, index.config, artifact.codes)
    return found.with_those_of(catalogue)
