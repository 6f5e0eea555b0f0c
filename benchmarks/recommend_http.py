"""`POST /v1/recommendations` of a server with 40,000 items, for visitors who touched 30 of them."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.load import Load, at_rate, client_name, saturate
from benchmarks.measurement import Measurement, percentile
from benchmarks.recommend_pipeline import ATTRIBUTES, FULL, ITEMS, catalogue, trained
from persx.app.home import open_home
from persx.app.starting import load_demo
from persx.model.artifact import RECOMMENDER, Origin
from persx.model.workspace import Snapshot
from persx.recommend.artifact import Building
from persx.recommend.fitting import INDEX
from persx.storage.items import put
from scripts.demo_server import SERVER_KEY, demo_server

VISITORS, TOUCHES, COUNT = 300, 30, 12
ROUNDS = 3
SECONDS = 2.0
SHARE_OF_CAPACITY = 0.4
_PIECE = 1_000


def main() -> list[Measurement]:
    """Return the throughput at saturation, and the p99 at a rate that it bears."""
    with tempfile.TemporaryDirectory(prefix="persx-bench-") as folder:
        home = Path(folder) / "home"
        asyncio.run(_fill(home))
        with demo_server(home=home) as server:
            _view(server.url)
            bodies = tuple(
                msgspec.json.encode(
                    {"pipeline": FULL.name, "anonymousId": f"visitor-{n}", "count": COUNT}
                )
                for n in range(VISITORS)
            )
            load = Load(f"{server.url}/v1/recommendations", bodies, SERVER_KEY)
            answer = msgspec.json.decode(_post(load.url, bodies[0]))
            if len(answer["items"]) != COUNT or not (answer["personal"] and answer["artifact"]):
                raise RuntimeError(f"it recommends something else: {answer}")
            saturate(load, 1)
            rates = [saturate(load, SECONDS) for _ in range(ROUNDS)]
            rate = statistics.median(rates)
            steady = rate * SHARE_OF_CAPACITY
            p99 = [percentile(at_rate(load, steady, SECONDS), 0.99) for _ in range(ROUNDS)]
    note = f"{ITEMS:,} items, {VISITORS} visitors with {TOUCHES} touches, {COUNT} items each"
    return [
        Measurement(
            "POST /v1/recommendations", rate, "requests/s", note=f"{note}; {client_name()}"
        ),
        Measurement(
            "POST /v1/recommendations p99",
            statistics.median(p99) * 1e3,
            "ms",
            note=f"at {steady:,.0f} requests/s, {SHARE_OF_CAPACITY:.0%} of what it bears",
        ),
    ]


async def _fill(home: Path) -> None:
    """Make a home with the catalogue and a trained pipeline."""
    async with open_home(home) as services:
        await load_demo(services, "persx_ai")
        plan = services.publication.plan
        assert plan is not None
        workspace = msgspec.structs.replace(
            plan.workspace,
            attributes={**plan.workspace.attributes, **ATTRIBUTES},
            pipelines={FULL.name: FULL},
        )
        await services.store.publish(
            Snapshot(
                number=0,
                digest="",
                published=services.clock(),
                author="",
                message="",
                workspace=workspace,
            )
        )
        shop = catalogue()
        items = [each for each in shop.items if each is not None]
        for start in range(0, len(items), _PIECE):
            await put(services.items, items[start : start + _PIECE])
        found = trained(FULL, shop)
        building = Building(services.recommender_folder.path, FULL.name)
        fitted = [
            building.keep(place, source.recommender.name, {}, source.arrays)
            for place, source in enumerate(found.sources)
        ]
        alike = None
        if found.alike is not None:
            index = found.alike.arrays
            alike = building.keep(len(fitted), found.alike.recommender.name, INDEX, index)
        body = building.finish(FULL, found.ids, fitted, found.manifest.trained, alike)
        number = await services.artifacts.put(
            RECOMMENDER, FULL.name, body, origin=Origin(made=services.clock()), meta={}
        )
        await services.artifacts.activate(RECOMMENDER, FULL.name, number, now=services.clock())


def _view(url: str) -> None:
    draw = np.random.default_rng(3)
    for visitor in range(VISITORS):
        batch: list[dict[str, Any]] = [
            {
                "type": "track",
                "event": "Product Viewed",
                "anonymousId": f"visitor-{visitor}",
                "messageId": f"view-{visitor}-{place}",
                "properties": {"product_id": f"item-{int(ITEMS * draw.random() ** 2)}"},
            }
            for place in range(TOUCHES)
        ]
        _post(f"{url}/v1/batch", msgspec.json.encode({"batch": batch}))


def _post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(
        url,
        body,
        {"Content-Type": "application/json", "Authorization": f"Bearer {SERVER_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return bytes(response.read())


if __name__ == "__main__":
    for measurement in main():
        print(measurement)
