"""Prepared pipelines: what is made of each over the catalogue, until either changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from persx.recommend.artifact import Trained
from persx.recommend.catalogue import Catalogue
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import CONTENT, Prepared, prepare

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
        self._taking_up: dict[str, asyncio.Task[None]] = {}

    def of(
        self, plan: PipelinePlan, catalogue: Catalogue, trained: Mapping[str, Trained]
    ) -> Prepared:
        """Return a pipeline over a catalogue, with what was trained for it."""
        before = self._found.get(plan.name)
        artifact = trained.get(plan.name)
        newcomers = self._of(plan.name, artifact)
        if (
            before is not None
            and before.plan is plan
            and before.catalogue is catalogue
            and before.trained is artifact
            and before.newcomers is newcomers
        ):
            return before
        found = self._found[plan.name] = prepare(plan, catalogue, artifact, before, newcomers)
        if artifact is not None and self._lacks(found, newcomers):
            self._take_up(plan.name, artifact, catalogue)
        return found

    async def settled(self) -> None:
        """Wait until the neighbours of all newcomers are found that were asked for."""
        while self._taking_up:
            await asyncio.gather(*self._taking_up.values(), return_exceptions=True)

    def _of(self, name: str, artifact: Trained | None) -> Newcomers | None:
        kept = self._newcomers.get(name)
        return kept[1] if kept is not None and kept[0] is artifact else None

    def _lacks(self, found: Prepared, newcomers: Newcomers | None) -> bool:
        """Tell whether there are items that nobody has compared with others yet."""
        sources = (*found.sources, *found.fillers)
        if not any(each.trained.recommender.name == CONTENT for each in sources):
            return False
        if newcomers is not None:
            return not newcomers.complete or newcomers.looked_at != found.catalogue.size
        return bool((found.to_trained < 0).any())

    def _take_up(self, name: str, artifact: Trained, catalogue: Catalogue) -> None:
        if name not in self._taking_up:
            task = asyncio.create_task(self._compare(name, artifact, catalogue))
            self._taking_up[name] = task

    async def _compare(self, name: str, artifact: Trained, catalogue: Catalogue) -> None:
        try:
            found = self._of(name, artifact)
            while found is None or found.looked_at < catalogue.size:
                found = await asyncio.to_thread(_more, artifact, found, catalogue)
                self._newcomers[name] = artifact, found
        except Exception:
            # Requests go on without them.
            _log.exception("New items of pipeline '%s' have no neighbours yet.", name)
        finally:
            del self._taking_up[name]


def _more(artifact: Trained, found: Newcomers | None, catalogue: Catalogue) -> Newcomers:
    # It loads scipy, which nobody needs who has no newcomers.
    from persx.recommend.newcomers import beside

    if found is None:
        source = next(each for each in artifact.sources if each.recommender.name == CONTENT)
        found = beside(source.arrays, source.config, artifact.codes)
    return found.with_those_of(catalogue)
