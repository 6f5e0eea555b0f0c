"""Latencies: how long answers took, by route, as the histogram that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper ends in seconds; beyond the last there is one more."""


class Latencies(Collector):
    """Counted with every request, and told a few times a minute: plain numbers until then.

    Args:
        routes: Told from the beginning, so that a rate can be taken of the first request too.
    """

    def __init__(self, routes: tuple[str, ...]) -> None:
        self._counts = {route: [0] * (len(BUCKETS) + 1) for route in routes}
        self._seconds = dict.fromkeys(routes, 0.0)

    def add(self, route: str, seconds: float) -> None:
        """Count an answer.

        >>> latencies = Latencies(("site",))
        >>> latencies.add("site", 0.003)
        >>> [family] = latencies.collect()
        >>> [each.value for each in family.samples if each.labels.get("le") in ("0.0025", "0.005")]
        [0, 1]
        """
        self._counts[route][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """Tell how many answers took at most how long, by route."""
        family = HistogramMetricFamily(
            "persx_request_seconds", "Time to answer, by what was asked for.", labels=["route"]
        )
        ends = [*map(str, BUCKETS), "+Inf"]
        for route, counts in self._counts.items():
            buckets = list(zip(ends, accumulate(counts), strict=True))
            family.add_metric([route], buckets, self._seconds[route])
        yield family
