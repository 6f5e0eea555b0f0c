"""Lookups over 40,000 items, from arrays that are mapped into memory."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measurement import Measurement, percentile
from persx.recommend.interactions import Interactions
from persx.recommend.neighbours import Rows
from persx.recommend.query import Query
from persx.recommend.recommenders.cooccurrence import COOCCURRENCE, CooccurrenceConfig
from persx.recommend.recommenders.kind import Arrays, Recommender
from persx.recommend.recommenders.local_ease import LOCAL_EASE, LocalEaseConfig
from persx.recommend.recommenders.vmis_knn import VMIS_KNN, VmisKnnConfig

ITEMS, NEIGHBOURS, VISITORS, HISTORY, LIMIT = 40_000, 200, 2_000, 50, 100
SESSIONS = 200_000
SEED = 20


def arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return item–item weights as uneven as real ones: what is popular speaks for thousands."""
    share = 1 / np.arange(1, ITEMS + 1) ** 0.5
    lengths = np.minimum(rng.poisson(share / share.mean() * NEIGHBOURS), ITEMS // 4)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    items = rng.choice(ITEMS, int(starts[-1]), p=share / share.sum()).astype(np.int32)
    weights = rng.normal(0.02, 0.05, len(items)).astype(np.float32)
    return Rows(starts.astype(np.int64), items, weights)._asdict()


def visitors(rng: np.random.Generator) -> list[Query]:
    """Return visitors who touched up to 50 items, popular ones more often."""
    share = 1 / np.arange(1, ITEMS + 1) ** 0.7
    found = []
    for _ in range(VISITORS):
        count = int(min(HISTORY, rng.geometric(0.08)))
        items = rng.choice(ITEMS, count, p=share / share.sum()).astype(np.int32)
        ages = np.sort(rng.exponential(20, count))[::-1].astype(np.float32)
        found.append(Query(items=items, ages=ages))
    return found


def shop(rng: np.random.Generator) -> Interactions:
    """Return sessions, each of which walks among items that are near each other."""
    lengths = 2 + np.minimum(rng.geometric(0.3, SESSIONS), 40)
    share = 1 / np.arange(1, ITEMS + 1) ** 0.7
    begun = np.repeat(rng.choice(ITEMS, SESSIONS, p=share / share.sum()), lengths)
    items = (begun + rng.geometric(0.02, len(begun))) % ITEMS
    of = np.repeat(np.arange(SESSIONS), lengths).astype(np.int32)
    return Interactions(
        users=of,
        items=items.astype(np.int32),
        times=np.arange(len(items), dtype=np.int64),
        sessions=of,
        actions=np.zeros(len(items), dtype=np.uint8),
        ids=[str(code) for code in range(ITEMS)],
        user_count=SESSIONS,
    )


def in_session(data: Interactions, rng: np.random.Generator) -> list[Query]:
    """Return visitors who are somewhere in the sessions of a shop."""
    places = rng.integers(10, len(data.items), VISITORS).tolist()
    found = []
    for place in places:
        items = data.items[place - 10 : place]
        running = data.sessions[place - 10 : place] == data.sessions[place - 1]
        ages = np.arange(len(items), dtype=np.float32)[::-1]
        found.append(Query(items=items, ages=ages, session=int(running.sum())))
    return found


def mapped(made: Arrays, folder: Path) -> Arrays:
    """Return the same arrays as a server has them: on disk, mapped, read-only."""
    for name, array in made.items():
        np.save(folder / f"{name}.npy", array)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in made}


def main() -> list[Measurement]:
    """Ask for each visitor; and for each visitor's newest item, as its page would."""
    rng = np.random.default_rng(SEED)
    asked = visitors(rng)
    pages = [Query(anchor=int(query.items[-1])) for query in asked]
    with tempfile.TemporaryDirectory() as folder:
        found = mapped(arrays(rng), Path(folder))
        for_you = _times(LOCAL_EASE, found, LocalEaseConfig(), asked)
        on_page = _times(COOCCURRENCE, found, CooccurrenceConfig(), pages)
    data = shop(rng)
    with tempfile.TemporaryDirectory() as folder:
        found = mapped(VMIS_KNN.fit(data, VmisKnnConfig()), Path(folder))
        running = _times(VMIS_KNN, found, VmisKnnConfig(), in_session(data, rng))
    note = f"{ITEMS:,} items × {NEIGHBOURS}, up to {HISTORY} touches, the best {LIMIT} with reasons"
    return [
        Measurement("recommendation lookup p50", percentile(for_you, 0.5), "ms", note=note),
        Measurement("recommendation lookup p99", percentile(for_you, 0.99), "ms", note=note),
        Measurement("recommendation lookup, an item's page p50", percentile(on_page, 0.5), "ms"),
        Measurement("recommendation lookup, an item's page p99", percentile(on_page, 0.99), "ms"),
        Measurement("recommendation lookup, in a session p50", percentile(running, 0.5), "ms"),
        Measurement("recommendation lookup, in a session p99", percentile(running, 0.99), "ms"),
    ]


def _times(
    recommender: Recommender, found: Arrays, config: object, asked: list[Query]
) -> list[float]:
    """Return the milliseconds of each answer."""
    for query in asked[:50]:
        recommender.rank(found, config, query, LIMIT)
    took = []
    for query in asked:
        begun = time.perf_counter()
        recommender.rank(found, config, query, LIMIT)
        took.append((time.perf_counter() - begun) * 1_000)
    return took
