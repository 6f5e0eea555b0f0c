"""The small tables that queries on the log read beside the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from persx.experiments.measures import EVER, Measures
from persx.experiments.plan import ReadoutPlan
from persx.model.clock import Millis
from persx.model.workspace import Goal, Workspace
from persx.storage.ports import Rows

_NO_RATE: Final = ("", 0, 0, 1.0)


def readout_tables(
    workspace: Workspace,
    plan: ReadoutPlan,
    goals: Sequence[Goal],
    measures: Measures,
    bucketing_ids: Mapping[Any, Any],
) -> dict[str, Rows]:
    """Return the tables of a readout's queries.

    Where a table would be empty it has one row that matches nothing, so that its columns have
    types in every backend.
    """
    return {
        "arms": Rows(
            columns=("arm", "place"), rows=[(arm, place) for place, arm in enumerate(plan.weights)]
        ),
        "measures": Rows(
            columns=("measure", "goal", "taken", "after", "before", "least", "wait", "share"),
            rows=measures.rows() or [(-1, "", "count", 0, 0, 1, 0, -1.0)],
        ),
        "rates": Rows(
            columns=("currency", "since", "until", "rate"),
            rows=rates(workspace) or [_NO_RATE],
        ),
        **goal_tables(goals, bucketing_ids),
    }


def goal_tables(goals: Sequence[Goal], bucketing_ids: Mapping[Any, Any]) -> dict[str, Rows]:
    """Return the tables of queries that ask who reached a goal."""
    conditions = [
        (goal.name, _pointer(path), *_comparison(value))
        for goal in goals
        for path, value in goal.where.items()
    ]
    return {
        "bucketing": Rows(
            columns=("identity", "bucketing_id"),
            rows=[(str(key), str(oldest)) for key, oldest in bucketing_ids.items()] or [("", "")],
        ),
        "goals": Rows(
            columns=("goal", "event", "value_path", "currency_path"),
            rows=[
                (
                    goal.name,
                    goal.event,
                    _pointer(goal.value or ""),
                    _pointer(_beside(goal.value, "currency")),
                )
                for goal in goals
            ]
            or [("", "", "/", "/")],
        ),
        "conditions": Rows(
            columns=("goal", "path", "kind", "text", "number"),
            rows=conditions or [("", "/", "string", "", 0.0)],
        ),
    }


def rates(workspace: Workspace) -> list[tuple[str, Millis, Millis, float]]:
    """Return what currencies are worth: code, from when, until when, worth of one unit.

    Days begin at midnight of the workspace's zone. The workspace's own currency is worth 1; none
    are there where the workspace has none.
    """
    settings = workspace.settings
    if not settings.currency:
        return []
    found = [(settings.currency, -EVER, EVER, 1.0)]
    for code, currency in workspace.currencies.items():
        days = sorted(currency.rates)
        begins = [_midnight(day, settings.zone) for day in days]
        for day, (since, until) in zip(days, pairwise([*begins, EVER]), strict=True):
            found.append((code, since, until, currency.rates[day]))
    return found


def _midnight(day: str, zone: str) -> Millis:
    """Return when a day begins; where clocks leave midnight out, the first moment after it."""
    local = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    return int(local.timestamp() * 1_000)


def _beside(path: str | None, name: str) -> str:
    """Return the property that stands beside another one.

    >>> _beside("order.total", "currency"), _beside("revenue", "currency"), _beside(None, "x")
    ('order.currency', 'currency', '')
    """
    if not path:
        return ""
    above, dot, _ = path.rpartition(".")
    return above + dot + name


def _comparison(value: str | int | float | bool) -> tuple[str, str, float]:
    """Return kind, text and number: JSON's types differ, so "5" never equals 5."""
    if isinstance(value, bool):
        return "boolean", "true" if value else "false", 0.0
    if isinstance(value, str):
        return "string", value, 0.0
    return "number", "", float(value)


def _pointer(dotted: str) -> str:
    """Return the JSON pointer (RFC 6901) of a dotted property; unlike paths it takes any key."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in dotted.split("."))
