"""Prepared pipelines: what is made of each over the catalogue, until either changes."""

from __future__ import annotations

from collections.abc import Mapping

from persx.recommend.artifact import Trained
from persx.recommend.catalogue import Catalogue
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import Prepared, prepare


class PreparedPipelines:
    """Keeps one prepared pipeline for each name; what changed is computed when it is asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Prepared] = {}

    def of(
        self, plan: PipelinePlan, catalogue: Catalogue, trained: Mapping[str, Trained]
    ) -> Prepared:
        """Return a pipeline over a catalogue, with what was trained for it."""
        before = self._found.get(plan.name)
        artifact = trained.get(plan.name)
        if (
            before is not None
            and before.plan is plan
            and before.catalogue is catalogue
            and before.trained is artifact
        ):
            return before
        found = self._found[plan.name] = prepare(plan, catalogue, artifact, before)
        return found
