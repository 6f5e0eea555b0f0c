"""What use cases work with: storage, clock, keys, metrics and the served publication."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from persx.app.decision_log import DecisionLog
from persx.app.doorkeeper import Doorkeeper
from persx.app.health_record import Health
from persx.app.item_figures import KeptFigures
from persx.app.keyring import HASHED, Keyring, hashed
from persx.app.latencies import Latencies
from persx.app.live_catalogue import LiveCatalogue
from persx.app.models import Models
from persx.app.network import NetworkDatabase
from persx.app.offers import Offers
from persx.app.prepared_pipelines import PreparedPipelines
from persx.app.publication import Publication
from persx.app.readings import Readings
from persx.app.recommendation_counts import RecommendationCounts
from persx.app.recommender_folder import RecommenderFolder
from persx.app.robots import Robots
from persx.app.settings import ServerSettings
from persx.app.signing import Signer
from persx.app.slow_reads import SlowReads
from persx.app.trainings import Trainings
from persx.decide.receipt import Rulebook
from persx.model.clock import SECOND, Clock, system_clock
from persx.model.decision import Decision, Reason
from persx.model.probe import ProbeReport
from persx.model.simulation import SimulationMark
from persx.model.visitor import Profile
from persx.recommend.catalogue import Catalogue
from persx.storage.artifacts import Artifacts
from persx.storage.items import Items
from persx.storage.ports import Store, Stream, Warehouse
from persx.storage.removal import Tombstones

if TYPE_CHECKING:
    from persx.app.kept_sums import KeptSums
    from persx.app.withdrawing import Offer


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The workspace's keys. `secret` signs cookies and tokens and is never shown.

    Attributes:
        server_key: Empty once it has been shown: then its hash is all that is kept of it.
        server_hash: Its hash, where that is all.
    """

    write_key: str
    server_key: str
    secret: str
    server_hash: str = ""

    @property
    def server_digest(self) -> str:
        """The hash of the server key."""
        return self.server_hash or hashed(self.server_key)

    @property
    def home_id(self) -> str:
        """What tells this home from others, without giving the secret away."""
        return hashlib.sha256(b"home\0" + self.secret.encode()).hexdigest()[:16]


class Pages(NamedTuple):
    """Pages that were shown to people whose visits may be kept, and to others."""

    granted: int
    withheld: int


ROUTES: Final = (
    "site", "decide", "recommend", "exposure", "state", "collect", "studio", "static", "operations"
)  # fmt: skip
"""What answers are told apart by: the site's pages, the API's parts, the studio, the rest."""


class Metrics(Collector):
    """What /metrics tells Prometheus about this process.

    Attributes:
        asked: Requests since the start, without the home's own commands.
        probed: The last walk of the probes.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.probed: ProbeReport | None = None
        self.registry = CollectorRegistry()
        self.events = Counter(
            "persx_events", "Events by what became of them.", ["result"], registry=self.registry
        )
        for result in ("accepted", "duplicate", "rejected", "unconsented", "erased"):
            # Told from the beginning, so that a rate can be taken of the first one too.
            self.events.labels(result)
        self.bots = Counter(
            "persx_bots",
            "Pages and events of bots, which count for nothing, by how they were found.",
            ["found"],
            registry=self.registry,
        )
        for found in ("agent", "rate"):
            self.bots.labels(found)
        self.errors = Counter(
            "persx_errors", "Errors that a visitor did not see.", ["place"], registry=self.registry
        )
        self.dropped = Counter(
            "persx_decision_log_dropped", "Decision log lines lost.", registry=self.registry
        )
        self.latencies = Latencies(ROUTES)
        self.registry.register(self.latencies)
        self.recommendations = RecommendationCounts()
        self.registry.register(self.recommendations)
        self.answers = Counter(
            "persx_consent_answers",
            "Answers of visitors by purpose.",
            ["purpose", "answer"],
            registry=self.registry,
        )
        # Counted millions of times and read a few times a minute: plain numbers, told on demand.
        self._decided = dict.fromkeys(Reason, 0)
        self._requests = {True: 0, False: 0}
        self.registry.register(self)

    def decided(
        self, decisions: Iterable[Decision], storable: bool = True, *, person: bool = True
    ) -> None:
        """Count decisions by their reasons, and by whether anything of the visitor may be kept.

        Args:
            person: No bot or prefetch asked; only pages for people tell how many agree.
        """
        if person:
            self._requests[storable] += 1
        counts = self._decided
        for decision in decisions:
            counts[decision.reason] += 1

    def errors_by_place(self) -> dict[str, int]:
        """Return how many errors there were since the start, by place."""
        return {
            sample.labels["place"]: int(sample.value)
            for family in self.errors.collect()
            for sample in family.samples
            if sample.name == "persx_errors_total"
        }

    def pages(self) -> Pages:
        """Return how many pages were shown since the start, by consent to storage."""
        return Pages(granted=self._requests[True], withheld=self._requests[False])

    def collect(self) -> Iterator[Metric]:
        """Tell the registry of the decisions."""
        family = CounterMetricFamily("persx_decisions", "Decisions by reason.", labels=["reason"])
        for reason, count in self._decided.items():
            family.add_metric([reason.value], count)
        yield family
        family = CounterMetricFamily(
            "persx_decided_pages",
            "Pages and sets of blocks that were decided for people, by consent to storage.",
            labels=["storage"],
        )
        for storable, count in self._requests.items():
            family.add_metric(["granted" if storable else "withheld"], count)
        yield family
        if self.probed is not None:
            yield from _probed(self.probed)


def _probed(report: ProbeReport) -> Iterator[Metric]:
    cells = GaugeMetricFamily(
        "persx_probe_cells", "Pages × industries of the last walk by state.", labels=["state"]
    )
    for state, count in report.states.items():
        cells.add_metric([state.value], count)
    yield cells
    for name, told, value in (
        ("broken", "What the last walk of the probes found broken.", len(report.broken)),
        ("seconds", "How long the last walk of the probes took.", report.milliseconds / SECOND),
        ("timestamp_seconds", "When the last walk of the probes began.", report.at / SECOND),
    ):
        yield GaugeMetricFamily(f"persx_probe_{name}", told, value=value)


KEPT_PROFILES: Final = 2_000
"""Profiles that are kept between requests."""


class KeptProfile(NamedTuple):
    """A profile, and what has to be the same for it to be the answer again."""

    same: tuple[Any, ...]
    profile: Profile


@dataclass(slots=True)
class Services:
    """One workspace at work.

    Whoever folds stored events into states, or removes some, holds `rewriting` meanwhile; whoever
    brings in a piece of a file holds `importing`.

    Attributes:
        home: None where everything is in memory.
        erased: What visitors still carry from before their erasure: cookies, pages' tokens.
        rulebooks: Snapshot number → its rules, for receipts.
        offers: To those who have just withdrawn: to erase what was kept of them.
        network: What tells of the networks that visitors come from.
        url: Where this process listens; empty until it does.
        simulation: That simulated visitors are in the home; none where there are none.
        health: What was counted and found of how personalization works.
        robots: How fast devices view pages.
        recommender_folder: What trained pipelines are made of.
        trainings: Those of pipelines that this process was asked for.
        items: What was imported into the catalogue.
        catalogue: The items that can be recommended, as they were at the last look; whoever
            recommends asks for `current_catalogue`.
        prepared: Pipelines over the catalogue.
        recommended_to: Profiles as recommendations need them, kept as `profiles` are.
        item_figures: What was done with items lately.
    """

    store: Store
    stream: Stream
    warehouse: Warehouse
    artifacts: Artifacts
    items: Items
    keys: Keys
    settings: ServerSettings = field(default_factory=ServerSettings)
    home: Path | None = None
    clock: Clock = system_clock
    metrics: Metrics = field(default_factory=Metrics)
    publication: Publication = field(init=False)
    models: Models = field(default_factory=Models)
    catalogue: LiveCatalogue = field(default_factory=LiveCatalogue)
    prepared: PreparedPipelines = field(default_factory=PreparedPipelines)
    profiles: dict[tuple[str, bool], KeptProfile] = field(default_factory=dict)
    recommended_to: dict[tuple[str, bool], KeptProfile] = field(default_factory=dict)
    item_figures: KeptFigures = field(default_factory=KeptFigures)
    erased: Tombstones = field(default_factory=lambda: Tombstones(b""))
    rewriting: asyncio.Lock = field(default_factory=asyncio.Lock)
    importing: asyncio.Lock = field(default_factory=asyncio.Lock)
    rulebooks: dict[int, Rulebook] = field(default_factory=dict)
    slow_reads: SlowReads = field(default_factory=SlowReads)
    readings: Readings[KeptSums] = field(default_factory=Readings)
    offers: Offers[Offer] = field(default_factory=Offers)
    url: str = ""
    simulation: SimulationMark | None = None
    network: NetworkDatabase = field(init=False)
    recommender_folder: RecommenderFolder = field(init=False)
    doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)
    robots: Robots = field(default_factory=Robots)
    trainings: Trainings = field(default_factory=Trainings)
    health: Health = field(init=False)
    decision_log: DecisionLog = field(init=False)
    keyring: Keyring = field(init=False)
    signer: Signer = field(init=False)

    async def refresh(self) -> None:
        """Take up the snapshot and the models that are active now."""
        await self.publication.refresh(self.store)
        await self.models.refresh(self)
        await self.current_catalogue()
        self.simulation = await simulation_mark(self.store)

    async def current_catalogue(self) -> Catalogue:
        """Return the catalogue with every change that was acknowledged, whoever wrote it."""
        return await self.catalogue.current(self.items, self.publication.plan)

    def forget_profiles(self) -> None:
        """Evaluate every profile anew: what they were made from has changed."""
        self.profiles.clear()
        self.recommended_to.clear()

    def __post_init__(self) -> None:
        self.publication = Publication(self.metrics.errors.labels("publication").inc)
        self.decision_log = DecisionLog(self.metrics.dropped.inc)
        self.signer = Signer(self.keys.secret)
        # The clock may be set later, in tests.
        self.health = Health(lambda: self.clock())
        self.metrics.registry.register(self.health)
        self.keyring = Keyring(self.keys.write_key, self.keys.server_digest, self.keys.secret)
        path = self.settings.network_file
        self.recommender_folder = RecommenderFolder(self.home)
        self.network = NetworkDatabase(
            (self.home or Path()) / path if path else None,
            self.metrics.errors.labels("network").inc,
        )


_SIMULATION: Final = "simulation"


async def simulation_mark(store: Store) -> SimulationMark | None:
    """Return what says that simulated visitors are in a home; none where there are none."""
    kept = await store.value(_SIMULATION)
    return msgspec.json.decode(kept, type=SimulationMark) if kept else None


async def add_simulated(services: Services, visitors: int) -> None:
    """Say that simulated visitors are in the home, from now on and for good."""
    before = await simulation_mark(services.store)
    mark = SimulationMark(
        visitors=visitors + (before.visitors if before else 0),
        at=before.at if before else services.clock(),
    )
    await services.store.set_value(_SIMULATION, msgspec.json.encode(mark))
    services.simulation = mark


_SERVER_KEY: Final = "key:server"


async def load_keys(store: Store, settings: ServerSettings, *, keep: bool = True) -> Keys:
    """Return the keys: those of the settings, else those kept, else new ones.

    Args:
        keep: New ones are kept for the next time.
    """

    async def key(name: str, given: str) -> str:
        if given:
            return given
        kept = await store.value(f"key:{name}")
        if kept is None:
            kept = f"{name}_{secrets.token_urlsafe(24)}".encode()
            if keep:
                await store.set_value(f"key:{name}", kept)
        return kept.decode()

    server = await key("server", settings.server_key)
    is_hash = server.startswith(HASHED) and not settings.server_key
    return Keys(
        write_key=await key("write", settings.write_key),
        server_key="" if is_hash else server,
        secret=await key("secret", ""),
        server_hash=server if is_hash else "",
    )


async def hash_server_key(services: Services) -> None:
    """Keep of a server key that was made here, and has been shown, only the hash."""
    kept = await services.store.value(_SERVER_KEY)
    if kept is not None and not kept.decode().startswith(HASHED):
        await services.store.set_value(_SERVER_KEY, hashed(kept.decode()).encode())
