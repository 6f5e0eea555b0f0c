"""Events from a file: how many a second come in with their profiles, and who waits meanwhile."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import msgspec

from benchmarks.load import Load, at_rate
from benchmarks.measurement import Measurement, percentile
from scripts.demo_server import SERVER_KEY, demo_server

ROWS = 150_000
CUSTOMERS = 20_000
RATE = 500.0
SECONDS = 2.0
ROUNDS = 3
WARM_SECONDS = 35.0
"""After so long a new server has done what each does once: the first walk of its probes, the first
look at its health."""

MAPPING = """
event: Order Completed
user_id: customer
timestamp: happened
properties: {category: category, revenue: price, product_id: item}
"""
ATTRIBUTES = """
orders: {type: number, source: computed, compute: {kind: count, event: Order Completed}}
revenue:
  {type: number, source: computed, compute: {kind: sum, event: Order Completed, property: revenue}}
last_category:
  type: string
  source: computed
  compute: {kind: last, event: Order Completed, property: category}
orders_month:
  type: number
  source: computed
  compute: {kind: count, event: Order Completed, options: {within: 30d}}
"""


def main() -> list[Measurement]:
    """Return events/s into an empty home, and the p99 of decisions beside an import."""
    with tempfile.TemporaryDirectory(prefix="persx-bench-") as name:
        folder = Path(name)
        _files(folder)
        _persx("push", folder / "workspace", "--home", folder / "home")
        _persx("publish", "--home", folder / "home")
        begun = time.perf_counter()
        _import(folder, folder / "home")
        rate = ROWS / (time.perf_counter() - begun)
        alone, beside = _waits(folder)
    return [
        Measurement(
            "import of events",
            rate,
            "events/s",
            note=f"{ROWS:,} rows of a Parquet file, {CUSTOMERS:,} customers, four computed "
            "attributes, from starting the command to its end; no server",
        ),
        Measurement(
            "POST /v1/decide p99 beside an import",
            statistics.median(beside) * 1e3,
            "ms",
            "the same server without an import",
            statistics.median(b / a for a, b in zip(alone, beside, strict=True)),
            f"both at {RATE:,.0f} requests/s",
        ),
    ]


def _waits(folder: Path) -> tuple[list[float], list[float]]:
    """Return the p99 in seconds of each round, without an import and beside one."""
    alone, beside = [], []
    with demo_server() as server:
        bodies = tuple(
            msgspec.json.encode({"anonymousId": f"visitor-{n}", "page": "home"}) for n in range(200)
        )
        load = Load(f"{server.url}/v1/decide", bodies, SERVER_KEY)
        at_rate(load, RATE, WARM_SECONDS)
        for turn in range(ROUNDS):
            alone.append(percentile(at_rate(load, RATE, SECONDS), 0.99))
            mapping = folder / "map.yaml"
            mapping.write_text(MAPPING + f"zone: Etc/GMT+{turn + 1}\n", encoding="utf-8")
            command = _command(
                *("import", "parquet", folder / "orders.parquet"),
                *("--map", mapping, "--home", server.home),
            )
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as importing:
                # Rows are read and mapped first; what is measured is their way into the log.
                time.sleep(SECONDS)
                beside.append(percentile(at_rate(load, RATE, SECONDS), 0.99))
                if importing.poll() is not None:
                    raise RuntimeError("the import was over before the measurement")
                importing.wait()
            if importing.returncode:
                raise RuntimeError("the import failed")
    return alone, beside


def _files(folder: Path) -> None:
    (folder / "workspace").mkdir()
    (folder / "workspace/settings.yaml").write_text("name: Shop\n", encoding="utf-8")
    (folder / "workspace/attributes.yaml").write_text(ATTRIBUTES, encoding="utf-8")
    (folder / "map.yaml").write_text(MAPPING, encoding="utf-8")
    duckdb.connect().execute(
        f"""
        COPY (
            SELECT setseed(0.5), 'c' || CAST(floor(random() * {CUSTOMERS}) AS INTEGER) AS customer,
                TIMESTAMP '2026-01-01' + to_seconds(i * 20) AS happened,
                'category ' || (i % 17) AS category, 'p' || (i % 4000) AS item,
                round(random() * 100, 2) AS price
            FROM range({ROWS}) AS rows(i)
        ) TO '{folder / "orders.parquet"}' (FORMAT parquet)
        """
    )


def _import(folder: Path, home: Path) -> None:
    _persx(
        *("import", "parquet", folder / "orders.parquet"),
        *("--map", folder / "map.yaml", "--home", home),
    )


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from persx.cli import main; main()", *map(str, arguments)]


def _persx(*arguments: object) -> None:
    subprocess.run(_command(*arguments), check=True, capture_output=True)
