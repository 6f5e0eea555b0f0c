"""Targets: metrics and industries that exist, lifts that mean something, and none said twice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from persx.experiments.standard import STANDARD_METRICS
from persx.model.errors import Fault, did_you_mean
from persx.workspace.checks.metrics import goal_metrics
from persx.workspace.checks.subject import Subject

_KIND: Final = "targets"


def check_targets(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all targets."""
    said: dict[tuple[str, str], str] = {}
    metrics = {*goal_metrics(subject), *subject.names("metrics"), *STANDARD_METRICS}
    for name, target in subject.workspace.targets.items():
        yield from subject.unknown(_KIND, name, "industries", "industries", target.industries)
        yield from subject.repeated(_KIND, name, "industries", target.industries)
        goal = target.metric.partition(".")[0]
        if (
            target.metric
            and target.metric not in metrics
            and not subject.is_damaged("goals", goal)
        ):  # fmt: skip
            yield subject.fault(
                _KIND,
                name,
                "metric",
                f"There is no metric '{target.metric}'.",
                value=target.metric,
                hint=did_you_mean(target.metric, metrics)
                or "Name a goal, or goal.value for the sum of its value.",
            )
        if not (math.isfinite(target.lift) and -1 < target.lift <= 100):
            yield subject.fault(
                _KIND,
                name,
                "lift",
                "A target is a lift above -1.",
                value=target.lift,
                hint="Write 0.15 for 15% more.",
            )
        for industry in target.industries or ("",):
            first = said.setdefault((target.metric, industry), name)
            if first != name:
                whom = f"the industry '{industry}'" if industry else "all industries"
                yield subject.fault(
                    _KIND,
                    name,
                    "industries" if industry else "",
                    f"'{first}' is the target of the same metric for {whom}.",
                    value=industry,
                    hint="Remove one of them.",
                )
