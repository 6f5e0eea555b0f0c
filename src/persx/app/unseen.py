"""Unseen: what answers probes, alike in everything but that it keeps nothing and counts nothing.

A probe is a visitor whose requests carry a mark that the home has signed. They are answered by the
same code, with other services: what would be kept goes nowhere, what would be counted is counted
apart, and what is signed for a probe is worth nothing to anybody else, nor theirs to a probe.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, cast

from persx.app.decision_log import DecisionLog
from persx.app.health_record import Health
from persx.app.offers import Offers
from persx.app.readings import Readings
from persx.app.robots import Robots
from persx.app.services import Metrics, Services
from persx.app.signing import Signer
from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.errors import Forbidden
from persx.model.probe import MARK_HEADER
from persx.storage.artifacts import Artifacts
from persx.storage.items import Items
from persx.storage.ports import Appended, Store, Stream, Warehouse

_PURPOSE: Final = "probe"

SHARED: Final = frozenset(
    {"keys", "settings", "home", "clock", "publication", "models", "erased", "rewriting",
     "importing", "rulebooks", "slow_reads", "network", "doorkeeper", "keyring", "url",
     "simulation", "catalogue", "prepared", "recommender_folder",
     "trainings", "item_figures"}
)  # fmt: skip
"""What probes are answered with as everybody is: nothing in it is about visitors or counts them."""

OWN: Final = frozenset(
    {"store", "stream", "warehouse", "artifacts", "items", "metrics", "profiles", "offers",
     "decision_log", "recommended_to", "signer", "health", "readings", "robots"}
)  # fmt: skip
"""What probes have for themselves. A test asks for each field of the services in one of the two."""

STORE_READS: Final = frozenset(
    {"seen_by", "drafts", "snapshot", "snapshots", "active_number", "value", "values", "records",
     "tombstones"}
)  # fmt: skip
STORE_NOTHING: Final[Mapping[str, object]] = {
    "set_value": None, "swap_value": True, "log_decisions": None, "lease": False,
}  # fmt: skip
"""What pages write beside events, and what they are told where nothing is written."""

STREAM_READS: Final = frozenset({"seen_by"})
WAREHOUSE_READS: Final = frozenset({"seen_by", "segments"})
ARTIFACT_READS: Final = frozenset({"get", "heads", "active"})
ITEM_READS: Final = frozenset({"get", "page", "changes", "revision"})


def mark(signer: Signer, until: Millis) -> str:
    """Return a probe's mark, which is good until a moment."""
    return f"{until}.{signer.signature(_PURPOSE, str(until).encode())}"


def is_marked(signer: Signer, text: str, now: Millis) -> bool:
    """Tell whether a mark is this home's, and still good."""
    until, _, signature = text.partition(".")
    if not (until.isascii() and until.isdecimal() and len(until) < 16 and int(until) > now):
        return False
    return signer.signs(signature, _PURPOSE, until.encode())


class _Reading:
    """A port of which only some methods answer; some others say that it is done, and do nothing."""

    def __init__(
        self, port: object, reads: frozenset[str], nothing: Mapping[str, object] = {}
    ) -> None:
        self._port = port
        self._reads = reads
        self._nothing = nothing

    def __getattr__(self, name: str) -> Any:
        if name in self._reads:
            return getattr(self._port, name)
        if name in self._nothing:
            told = self._nothing[name]

            async def nothing(*_: object, **__: object) -> object:
                return told

            return nothing
        raise Forbidden("A probe changes nothing.", value=name)


class _NoStream(_Reading):
    """A log that takes everything and keeps nothing."""

    async def append(self, events: Any, rejected: Any = ()) -> Appended:
        return Appended(accepted=len(events), duplicates=0, rejected=len(rejected))


class _NoLog(DecisionLog):
    """A decision log without lines."""

    def add(self, record: DecisionRecord) -> None:
        pass


class Unseen:
    """Makes the services that answer probes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._metrics = Metrics()
        self._health = Health(services.clock)
        self._log = _NoLog(lambda _: None)
        self._signer = Signer(services.keys.secret + "\0probe")

    def admits(self, text: str) -> bool:
        """Tell whether a mark makes whoever carries it a probe of this home."""
        return is_marked(self._services.signer, text, self._services.clock())

    def services(self) -> Services:
        """Return the services for one request of a probe."""
        seen = self._services
        unseen = copy.copy(seen)
        unseen.store = cast(Store, _Reading(seen.store, STORE_READS, STORE_NOTHING))
        unseen.stream = cast(Stream, _NoStream(seen.stream, STREAM_READS))
        unseen.warehouse = cast(Warehouse, _Reading(seen.warehouse, WAREHOUSE_READS))
        unseen.artifacts = cast(Artifacts, _Reading(seen.artifacts, ARTIFACT_READS))
        unseen.items = cast(Items, _Reading(seen.items, ITEM_READS))
        unseen.metrics = self._metrics
        unseen.health = self._health
        unseen.decision_log = self._log
        unseen.signer = self._signer
        unseen.profiles = {}
        unseen.recommended_to = {}
        unseen.offers = Offers()
        unseen.readings = Readings()
        unseen.robots = Robots()
        return unseen


HEADER: Final = MARK_HEADER.lower().encode()
"""The header's name as ASGI has it."""
