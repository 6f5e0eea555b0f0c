"""Recent reports: readouts for pages, from kept sums wherever a reading would hardly tell more."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from persx.app.kept_sums import KeptSums, generation, load
from persx.app.reports import Question, ReportRequest, analysed, ask, read_anew
from persx.app.services import Services
from persx.experiments.readout import Observed, Readout
from persx.storage.scope import System

_SCOPE: Final = System("a report")


class Recent(NamedTuple):
    """Sums that answer a question.

    Attributes:
        exact: A reading would find the same now.
    """

    kept: KeptSums
    exact: bool

    def observed(self, services: Services, question: Question) -> Observed:
        """Return the sums; where a reading would find the same now, they are as of now."""
        found = self.kept.observed()
        if self.exact and question.live and not question.matures:
            return msgspec.structs.replace(found, as_of=services.clock())
        return found


async def recent_report(
    services: Services, request: ReportRequest, *, patience: float | None = None
) -> Readout | None:
    """Return a readout that is hardly older than its reading would take.

    Args:
        patience: Seconds to wait for a reading at most; then older sums are shown, if any are
            kept. None waits for as long as it takes.

    Returns:
        The readout; none where nothing is kept, and reading takes longer than that.

    Raises:
        NotFound: There is no such experiment.
        BadInput: The confidence is not between 0 and 1.
    """
    question = await ask(services, request)
    services.readings.asked[request.name] = now = services.clock()
    found = await kept_sums(services, question)
    if found is None or not (found.exact or found.kept.is_young(now)):
        read = await read_together(services, question, patience=patience)
        found = Recent(read, exact=False) if read is not None else found
    if found is None:
        return None
    return await analysed(services, question.plan, found.observed(services, question))


async def kept_sums(services: Services, question: Question) -> Recent | None:
    """Return the sums that are kept for a question; none where those are no answer to it."""
    kept = await load(services.store, question.plan.experiment)
    if kept is None or kept.definition != question.definition:
        return None
    if kept.generation != await generation(services.store):
        return None
    ended = not question.live or await is_end(services, kept.newest)
    return Recent(kept, exact=ended and kept.is_exact(services.clock()))


async def read_together(
    services: Services, question: Question, *, patience: float | None = None
) -> KeptSums | None:
    """Read the data, or wait for whom does already; who comes after a removal reads anew."""
    key = question.plan.experiment, question.definition, await generation(services.store)
    return await services.readings.read(
        key, lambda: read_anew(services, question), patience=patience
    )


async def is_end(services: Services, sequence: int) -> bool:
    """Tell whether an event is the last of the log."""
    if await services.stream.seen_by(_SCOPE).read(after=sequence, limit=1):
        return False
    # Unless all that came since is sealed already.
    segments = await services.warehouse.segments()
    return all(each.last_sequence <= sequence for each in segments if each.table == "events")
