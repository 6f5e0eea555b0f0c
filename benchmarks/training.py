"""Training a pipeline from a large log, in a process of its own: its memory, and how long it takes.

Visitors look at ten items each, popular ones more often; most events are sealed, as a server leaves
them. `PERSX_TRAINING_EVENTS` says how many there are; 10 million unless set.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement
from benchmarks.sealed_log import fill
from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.settings import ServerSettings

EVENTS = int(os.environ.get("PERSX_TRAINING_EVENTS", "10000000"))
ITEMS = 20_000
NOW = 1_700_000_000_000

FILES = {
    "settings.yaml": "{name: Shop, consent: {mode: opt_out}}",
    "pipelines.yaml": "for-you:\n  sources: [{recommender: cooccurrence}, "
    "{recommender: popularity, fill: true}]\n",
    "blocks/plain.yaml": "{type: cta, content: {headline: Plain, label: Go, href: /}}",
    "pages/home.yaml": "{path: /, title: Home, blocks: [plain]}",
}

ROWS = """
    SELECT
        n AS sequence, {now} + n * 100 AS received, {now} + n * 100 AS timestamp,
        'track' AS type, 'Product Viewed' AS name, md5('m' || n) AS message_id,
        md5('v' || n // 10) AS anonymous_id,
        NULL::VARCHAR AS user_id, NULL::VARCHAR AS group_id, NULL::VARCHAR AS previous_id,
        false AS verified,
        '{{"product_id":"P' ||
            CAST(floor({items} * pow(hash(n) / 18446744073709551616.0, 2)) AS INTEGER) ||
            '","price":20.5,"currency":"EUR"}}' AS properties,
        '{{}}' AS traits, '{{"userAgent":"Firefox 120; Linux; phone"}}' AS context
    FROM range({first}, {last} + 1) AS numbers(n)
"""


async def prepare(home: Path) -> None:
    """Make a home with a pipeline and a sealed log."""
    async with open_home(home, ServerSettings()) as services:
        await push(services, PushRequest(files=FILES, base={}, author="benchmark"))
        await publish(services, PublishRequest(author="benchmark", message=""))
    select = ROWS.replace("{now}", str(NOW)).replace("{items}", str(ITEMS))
    fill(home, select, events=EVENTS, rows=100_000)


def main() -> list[Measurement]:
    """Train from a large log."""
    folder = Path(tempfile.mkdtemp(prefix="training-"))
    try:
        home = folder / "home"
        asyncio.run(prepare(home))
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "persx", "recommend", "train", "--home", str(home), "--json"],
            stdout=subprocess.PIPE,
            check=True,
        )
        wall = time.perf_counter() - began
        (found,) = json.loads(done.stdout)
        return _measured(found["trained"], found["bytes"], wall)
    finally:
        shutil.rmtree(folder)


def _measured(trained: dict[str, Any], size: int, wall: float) -> list[Measurement]:
    note = (
        f"{trained['rows']:,} touches of {trained['items']:,} items by {trained['users']:,} "
        f"visitors, cooccurrence and popularity; {wall:.0f} s with reading the log, of which "
        f"{trained['seconds']:.0f} s are fitting; {size / 1e6:.0f} MB of files"
    )
    return [
        Measurement("training from a large log, memory", trained["memory"] / 1e6, "MB", note=note),
        Measurement("training from a large log", wall, "s", note=note),
    ]
