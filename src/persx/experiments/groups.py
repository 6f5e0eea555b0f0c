"""Groups of visitors and their sums, by arm and epoch: what a source hands to the readout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from persx.experiments.metrics.kind import Stratum
from persx.experiments.moments import Moments


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The visitors of an arm in an epoch, all of them or those with one value of an attribute.

    `attribute` is empty for all of them. A metric that nobody of them has may be absent.
    """

    arm: str
    n: int
    metrics: Mapping[str, Moments] = {}
    epoch: int = 1
    attribute: str = ""
    segment: str = ""


class GroupTable:
    """The groups of everyone, or of one segment, by arm and epoch."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int], list[Group]] = {}

    def add(self, group: Group) -> None:
        """Take in a group."""
        self._groups.setdefault((group.arm, group.epoch), []).append(group)

    @property
    def epochs(self) -> list[int]:
        """The epochs that were found, in order."""
        return sorted({epoch for _, epoch in self._groups})

    def visitors(self, arm: str, epoch: int | None = None) -> int:
        """Return the visitors of an arm, in one epoch or in all."""
        return sum(
            group.n
            for (name, number), groups in self._groups.items()
            if name == arm and epoch in (None, number)
            for group in groups
        )

    def moments(self, arm: str, metric: str, epochs: Iterable[int]) -> Moments:
        """Return a metric's moments in an arm over some epochs."""
        found = Moments()
        for epoch in epochs:
            for group in self._groups.get((arm, epoch), ()):
                found += group.metrics.get(metric) or self._nothing(metric, group.n)
        return found

    def _nothing(self, metric: str, n: int) -> Moments:
        """Return the moments of visitors who have nothing of a metric that others have."""
        sizes = (
            group.metrics[metric].size
            for groups in self._groups.values()
            for group in groups
            if metric in group.metrics
        )
        size = next(sizes, 1)
        return Moments(n=n, sums=(0.0,) * size, products=(0.0,) * (size * (size + 1) // 2))

    def strata(self, arm: str, control: str, metric: str) -> list[Stratum]:
        """Return an arm and the control side by side, epoch by epoch."""
        return [
            Stratum(*(self.moments(each, metric, [epoch]) for each in (arm, control)))
            for epoch in self.epochs
        ]
