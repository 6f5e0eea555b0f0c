"""Metrics: goals that they can be made of, times that can be read, and who names them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

from persx.experiments.standard import STANDARD_GOALS, STANDARD_METRICS
from persx.model.clock import parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.model.metric import Metric
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS

_KIND: Final = "metrics"


def check_metrics(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all metrics, and of those who judge by them."""
    of_goals = goal_metrics(subject)
    for name, metric in subject.workspace.metrics.items():
        if subject.is_damaged(_KIND, name):
            continue
        if name in of_goals:
            yield subject.fault(
                _KIND, name, "", f"The goal '{name}' makes a metric of this name.", value=name,
                hint="Choose another name.",
            )  # fmt: skip
        yield from _goals(subject, name, metric)
        yield from _numbers(subject, name, metric)
        yield from _times(subject, name, metric)
    holdout = subject.workspace.settings.holdout
    for field in ("metrics", "guardrails"):
        yield from _known(subject, SETTINGS, "", f"holdout.{field}", getattr(holdout, field))
        for key, experiment in subject.workspace.experiments.items():
            yield from _known(subject, "experiments", key, field, getattr(experiment, field))


def goal_metrics(subject: Subject) -> set[str]:
    """Return the names of the metrics that goals make by themselves."""
    return {
        name
        for goal in subject.workspace.goals.values()
        for name in (goal.name, *([f"{goal.name}.{goal.value}"] if goal.value else []))
    }


def _known(
    subject: Subject, kind: str, name: str, path: str, wanted: Iterable[str]
) -> Iterator[Fault]:
    yield from subject.repeated(kind, name, path, wanted)
    known = {*subject.names(_KIND), *STANDARD_METRICS}
    for each in wanted:
        if each not in known and not subject.has(_KIND, each):
            hint = did_you_mean(each, known) or "Declare it in metrics.yaml."
            if each in goal_metrics(subject):
                hint = "What goals make is always analysed: list the goal under goals."
            yield subject.fault(
                kind, name, path, f"There is no metric '{each}'.", value=each, hint=hint
            )


def _goals(subject: Subject, name: str, metric: Metric) -> Iterator[Fault]:
    known = STANDARD_GOALS | subject.workspace.goals
    for path, wanted in (("goal", metric.goal), ("per", metric.per)):
        if wanted and wanted not in known and not subject.has("goals", wanted):
            yield subject.fault(
                _KIND, name, path, f"There is no goal '{wanted}'.", value=wanted,
                hint=did_you_mean(wanted, known) or "Declare the goal first.",
            )  # fmt: skip
    if (metric.kind == "ratio") != bool(metric.per):
        yield subject.fault(
            _KIND,
            name,
            "per",
            "A ratio has a goal below the line, and nothing else has.",
            value=metric.per,
            hint="Write  per: purchase" if metric.kind == "ratio" else "Write  kind: ratio",
        )
    goal = known.get(metric.goal)
    valued = metric.kind != "conversion" and metric.of == "value"
    if valued and goal and not goal.value and not subject.is_damaged("goals", goal.name):
        yield subject.fault(
            _KIND,
            name,
            "of",
            f"The goal '{goal.name}' has no value to add up.",
            value=metric.of,
            hint="Write  of: count, or give the goal a value.",
        )


def _numbers(subject: Subject, name: str, metric: Metric) -> Iterator[Fault]:
    def fault(path: str, message: str, value: object, hint: str) -> Fault:
        return subject.fault(_KIND, name, path, message, value=value, hint=hint)

    counted = metric.at_least != 1 or metric.at_most is not None
    if metric.kind != "conversion" and counted:
        yield fault(
            "at_least" if metric.at_most is None else "at_most",
            f"A {metric.kind} takes all events of its goal.",
            metric.kind,
            "Only a conversion asks for a number of events.",
        )
    if metric.at_least < 1:
        yield fault("at_least", "At least one event it is.", metric.at_least, "Write 1 or more.")
    if metric.at_most is not None and (metric.at_most < 0 or metric.at_least != 1):
        yield fault(
            "at_most",
            "A conversion asks for at most so many events, 0 or more, or for at least so many.",
            metric.at_most,
            "Write one of both.",
        )
    if metric.winsorise is not None and (
        metric.kind == "conversion" or not 0.5 <= metric.winsorise < 1
    ):
        yield fault(
            "winsorise",
            "Numbers are cut at a share of those who have any, from 0.5 to below 1; "
            "conversions have nothing to cut.",
            metric.winsorise,
            "Write 0.99.",
        )
    if not (math.isfinite(metric.margin) and 0 < metric.margin < 1):
        yield fault(
            "margin", "A margin is between 0 and 1.", metric.margin, "Write 0.02 for 2%."
        )  # fmt: skip


def _times(subject: Subject, name: str, metric: Metric) -> Iterator[Fault]:
    for field in ("after", "within", "covariate"):
        text = getattr(metric, field)
        if not text:
            continue
        try:
            found = parse_duration(text)
        except BadInput as error:
            yield subject.fault(_KIND, name, field, error.message, value=text, hint=error.hint)
            continue
        if not found:
            yield subject.fault(
                _KIND, name, field, "No time at all.", value=text, hint="Write 7d, or leave it out."
            )
    if metric.covariate and metric.kind == "conversion":
        yield subject.fault(
            _KIND,
            name,
            "covariate",
            "Conversions are compared by counts, which no covariate adjusts.",
            value=metric.covariate,
            hint="Write  kind: mean  and  of: visitors",
        )
