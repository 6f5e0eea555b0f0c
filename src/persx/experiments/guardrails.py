"""Guardrails: what is watched beside the goal, and what the data say of it."""

from __future__ import annotations

import msgspec

from persx.experiments import wording
from persx.experiments.figures import Guard, MetricReadout, Readout


class Guardrail(msgspec.Struct, frozen=True, kw_only=True):
    """A guardrail in an arm.

    Attributes:
        metric: The metric's name; `label` is what it is called.
        margin: The loss that would be borne, 0.02 for 2%.
        reason: Why there is no figure.
    """

    arm: str
    metric: str
    label: str
    guard: Guard
    margin: float
    lift: float | None
    low: float | None
    high: float | None
    reason: str = ""

    @property
    def figure(self) -> str:
        """What was found, in words: the lift with its interval, or why there is none."""
        if self.low is None:
            return self.reason or "There is nothing to compare yet."
        return f"{wording.signed_percent(self.lift)} ({wording.interval(self.low, self.high)})"

    @property
    def sentence(self) -> str:
        """The whole in a line."""
        said = wording.guard(self.guard, self.margin).removeprefix("Guardrail: ")
        return f"Guardrail {self.label}, {self.arm}: {said}. {self.figure}"


def guardrails(readout: Readout) -> list[Guardrail]:
    """Return the guardrails of a readout, arm by arm."""
    return [
        _guardrail(name, heading.name, heading.label, heading.margin, found.guard, found)
        for name, arm in readout.arms.items()
        for heading in readout.metrics
        if (found := arm.metrics[heading.name]).guard is not None and heading.margin is not None
    ]


def _guardrail(
    arm: str, metric: str, label: str, margin: float, guard: Guard, found: MetricReadout
) -> Guardrail:
    return Guardrail(
        arm=arm,
        metric=metric,
        label=label,
        guard=guard,
        margin=margin,
        lift=found.lift,
        low=found.low,
        high=found.high,
        reason=found.reason,
    )
