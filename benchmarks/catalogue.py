"""The catalogue of a large shop: at start, with each request, after a change, and by content."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measurement import Measurement
from persx.app.live_catalogue import LiveCatalogue
from persx.model.item import Item, ItemId
from persx.recommend.catalogue import NO_CATALOGUE
from persx.recommend.interactions import Interactions
from persx.recommend.newcomers import beside
from persx.recommend.recommenders.content import CONTENT, ContentConfig
from persx.storage.backends import open_storage
from persx.storage.items import put

ITEMS = 40_000
LOOKS, CHANGES = 2_000, 30
_VOCABULARY = 60_000


def make_items(count: int, seed: int = 1) -> list[Item]:
    """Return items whose words are as rare as words of a language are."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, _VOCABULARY + 1) ** 1.05
    bounds = np.cumsum(share / share.sum())
    words = np.searchsorted(bounds, rng.random((count, 86)) * 0.9999)
    places = rng.integers(0, 140, count).tolist()
    brands = rng.integers(0, 900, count).tolist()
    return [
        Item(
            id=ItemId(f"sku-{number}"),
            title=" ".join(f"w{word}" for word in words[number, :6]),
            text=" ".join(f"w{word}" for word in words[number, 6:]),
            category=(f"c{places[number] % 12}", f"d{places[number]}"),
            brand=f"b{brands[number]}",
            price=float(number % 300),
            url=f"/products/{number}",
        )
        for number in range(count)
    ]


def main() -> list[Measurement]:
    """Measure on a home of its own."""
    items = make_items(ITEMS + CHANGES)
    shop, fresh = items[:ITEMS], items[ITEMS:]
    with tempfile.TemporaryDirectory(prefix="persx-bench-") as folder:
        return [*asyncio.run(_live(Path(folder), shop)), *_content(shop, fresh)]


async def _live(home: Path, shop: list[Item]) -> list[Measurement]:
    note = f"{ITEMS:,} items of 80 words"
    async with open_storage(home) as storage:
        for start in range(0, ITEMS, 1_000):
            await put(storage.items, shop[start : start + 1_000])
    async with open_storage(home) as storage:
        live = LiveCatalogue()
        began = time.perf_counter()
        await live.current(storage.items, None)
        loaded = time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(LOOKS):
            await live.current(storage.items, None)
        looked = (time.perf_counter() - began) / LOOKS
        seen = []
        for number in range(CHANGES):
            item = Item(id=shop[number].id, title="x", price=1.0, url=shop[number].url)
            await put(storage.items, [item])
            began = time.perf_counter()
            await live.current(storage.items, None)
            seen.append(time.perf_counter() - began)
    return [
        Measurement("catalogue, at start", loaded, "s", note=note),
        Measurement(
            "catalogue, nothing changed", looked * 1e6, "µs", note="a look before each use"
        ),
        Measurement("catalogue, a price changed", median(seen) * 1e3, "ms", note=note),
    ]


def _content(shop: list[Item], fresh: list[Item]) -> list[Measurement]:
    none = np.empty(0, dtype=np.int32)
    data = Interactions(
        users=none, items=none, times=np.empty(0, dtype=np.int64), sessions=none,
        actions=np.empty(0, dtype=np.uint8), ids=[item.id for item in shop], user_count=0,
        catalogue={item.id: item for item in shop},
    )  # fmt: skip
    config = ContentConfig()
    began = time.process_time()
    arrays = CONTENT.fit(data, config)
    fitted = time.process_time() - began
    catalogue = NO_CATALOGUE.changed({item.id: item for item in shop})
    newcomers = beside(arrays, config, {item.id: code for code, item in enumerate(shop)})
    newcomers = newcomers.with_those_of(catalogue)
    took = []
    for item in fresh:
        catalogue = catalogue.changed({item.id: item})
        began = time.perf_counter()
        newcomers = newcomers.with_those_of(catalogue)
        took.append(time.perf_counter() - began)
    return [
        Measurement("content, fit", fitted, "s", note=f"{ITEMS:,} items, processor time"),
        Measurement("content, a new item's neighbours", median(took) * 1e3, "ms"),
    ]
