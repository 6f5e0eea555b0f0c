"""Probes of a serving process: on a schedule and when asked; the last result is kept."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from persx.app.probing import probe
from persx.app.services import Services
from persx.app.unseen import mark
from persx.app.use_cases import AnyUseCase, UseCase
from persx.app.walking import MARK, WALK
from persx.model.clock import HOUR
from persx.model.errors import Unavailable
from persx.model.probe import ProbeReport

_LAST: Final = "probe:last"

FIRST_SECONDS: Final = 20.0
"""After the start, the first walk waits at most so long."""


class LastProbeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing has to be said."""


class LastProbe(msgspec.Struct, frozen=True, kw_only=True):
    """The last walk of the probes; none where there was none."""

    report: ProbeReport | None = None


async def last_probe(services: Services) -> ProbeReport | None:
    """Return the result of the last walk of a serving process; none where there was none."""
    kept = await services.store.value(_LAST)
    try:
        return msgspec.json.decode(kept, type=ProbeReport) if kept else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        # Another version wrote it; the next walk replaces it.
        return None


async def probe_now(services: Services) -> ProbeReport:
    """Walk the site that this process serves, over real HTTP, and keep the result.

    Raises:
        Unavailable: The process does not listen, and no address is set.
    """
    url = services.settings.probe_url.rstrip("/") or services.url
    if not url:
        raise Unavailable(
            "This process serves nothing that could be walked.",
            hint="Set probe_url to the address of the site.",
        )
    now = services.clock()
    report = await asyncio.to_thread(probe, url, mark(services.signer, now + HOUR), now=now)
    await services.store.set_value(_LAST, msgspec.json.encode(report))
    services.metrics.probed = report
    return report


async def _last(services: Services, _request: LastProbeRequest) -> LastProbe:
    return LastProbe(report=await last_probe(services))


LAST_PROBE: Final = UseCase("probe-last", LastProbeRequest, LastProbe, _last, writes=False)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (MARK, WALK, LAST_PROBE)
