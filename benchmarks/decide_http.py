"""`POST /v1/decide` of a demo server, beside a bare endpoint that answers the same bytes."""

from __future__ import annotations

import statistics
import urllib.request
from typing import Any

import msgspec

from benchmarks.bare_endpoint import bare_endpoint
from benchmarks.load import Load, at_rate, client_name, saturate
from benchmarks.measurement import Measurement, percentile
from scripts.demo_server import SERVER_KEY, demo_server

VISITORS = 500
ROUNDS = 5
SECONDS = 2.0
SHARE_OF_CAPACITY = 0.4
INDUSTRIES = ("eCommerce", "Healthcare", "SaaS", "Financial Services", "Education")


def main() -> list[Measurement]:
    """Return the throughput at saturation, and the p99 at a rate that both bear."""
    with demo_server() as server:
        _declare_industries(server.url)
        bodies = tuple(
            msgspec.json.encode({"anonymousId": f"visitor-{n}", "page": "home"})
            for n in range(VISITORS)
        )
        ours = Load(f"{server.url}/v1/decide", bodies, SERVER_KEY)
        answer = _post(ours.url, bodies[0])
        decided = msgspec.json.decode(answer)["decisions"]
        with bare_endpoint(answer) as url:
            bare = Load(url, bodies, SERVER_KEY)
            if msgspec.json.decode(_post(url, bodies[0])) != msgspec.json.decode(answer):
                raise RuntimeError("the bare endpoint answers something else")
            return _measure(
                ours, bare, f"{len(decided)} blocks, {len(answer):,} bytes, {VISITORS} visitors"
            )


def _measure(ours: Load, bare: Load, note: str) -> list[Measurement]:
    for load in (ours, bare):
        saturate(load, 1)
    ours_rates, ratios = [], []
    for _ in range(ROUNDS):
        bare_rate = saturate(bare, SECONDS)
        ours_rate = saturate(ours, SECONDS)
        ours_rates.append(ours_rate)
        ratios.append(ours_rate / bare_rate)
    rate = statistics.median(ours_rates)
    steady = rate * SHARE_OF_CAPACITY
    ours_p99, bare_p99 = [], []
    for _ in range(ROUNDS):
        bare_p99.append(percentile(at_rate(bare, steady, SECONDS), 0.99))
        ours_p99.append(percentile(at_rate(ours, steady, SECONDS), 0.99))
    peer = "bare Starlette + msgspec endpoint"
    return [
        Measurement(
            "POST /v1/decide",
            rate,
            "requests/s",
            peer,
            statistics.median(ratios),
            f"{note}; {client_name()}",
        ),
        Measurement(
            "POST /v1/decide p99",
            statistics.median(ours_p99) * 1e3,
            "ms",
            peer,
            statistics.median(a / b for a, b in zip(ours_p99, bare_p99, strict=True)),
            f"both at {steady:,.0f} requests/s, {SHARE_OF_CAPACITY:.0%} of what ours bears",
        ),
    ]


def _declare_industries(url: str) -> None:
    batch: list[dict[str, Any]] = [
        {
            "type": "identify",
            "anonymousId": f"visitor-{n}",
            "messageId": f"declare-{n}",
            "traits": {"industry": INDUSTRIES[n % len(INDUSTRIES)]},
        }
        for n in range(VISITORS)
    ]
    for start in range(0, VISITORS, 100):
        body = msgspec.json.encode({"batch": batch[start : start + 100]})
        _post(f"{url}/v1/batch", body)


def _post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(
        url,
        body,
        {"Content-Type": "application/json", "Authorization": f"Bearer {SERVER_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return bytes(response.read())
