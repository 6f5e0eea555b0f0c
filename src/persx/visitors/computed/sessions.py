"""sessions: a visitor's visits, each a run of events with pauses of at most 30 minutes."""

from __future__ import annotations

from typing import Any, Final

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed.options import (
    Options,
    check_no_property,
    check_options,
    duration_option,
)
from persx.visitors.computed.window import bucket_size, buckets_kept

DEFAULT_GAP: Final = "30m"
DEFAULT_WITHIN: Final = "90d"
VALUES: Final = ("count", "seconds", "current_seconds", "current_events", "returning")

Interval = list[int]
"""``[first timestamp, last timestamp, number of events]``."""


class Sessions:
    """What a visitor's sessions of the last 90 days say.

    Options: ``value``: ``count`` of sessions (the default), total ``seconds`` from the first to
    the last event of each, ``current_seconds`` and ``current_events`` of the session that is
    going on at `now` (0 where none is), or ``returning``, whether one was over before it;
    ``gap: 30m``, the longest pause inside a session; ``within: 90d``, how far it looks back.

    State: the union of the events' intervals, ``[first, last, events]`` in order. Intervals no
    further apart than the gap become one: unions do not depend on the order. To keep states
    small without cutting a session differently in different orders, time is divided into
    fixed buckets (see `window`); an interval never crosses their borders, buckets that are older
    than the window are dropped whole, and the value joins what touches across a border.
    Lateness horizon: the window.
    """

    name = "sessions"
    description = (
        "Visits with pauses of at most 30 minutes. Options: value "
        "(count, seconds, current_seconds, current_events, returning), gap, within."
    )

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.BOOLEAN if options.get("value") == "returning" else ValueType.NUMBER

    def check(self, computation: Computation) -> list[str]:
        return [
            *check_no_property(computation),
            *check_options(
                computation,
                ["value", "gap", "within"],
                durations=["gap", "within"],
                choices={"value": VALUES},
            ),
        ]

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        at = event.timestamp
        if state is None:
            return [[at, at, 1]]
        options = computation.options
        size = bucket_size(str(options.get("within", DEFAULT_WITHIN)))
        newest = state[-1]
        if (
            newest[0] <= at <= newest[1] + duration_option(options, "gap", DEFAULT_GAP)
            and at // size == newest[0] // size
        ):
            newest[1] = max(at, newest[1])
            newest[2] += 1
            return state
        return self.merge(state, [[at, at, 1]], computation)

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        within = str(computation.options.get("within", DEFAULT_WITHIN))
        size = bucket_size(within)
        gap = duration_option(computation.options, "gap", DEFAULT_GAP)
        if right[0][0] < left[0][0]:
            left, right = right, left
        # Most often one comes after the other: what lies before both stays as it is.
        merged: list[Interval] = left[:-1] if right[0][0] >= left[-1][0] else []
        for interval in [left[-1], *right] if merged or len(left) == 1 else sorted(left + right):
            into = merged[-1] if merged else None
            first = interval[0]
            if into and first <= into[1] + gap and first // size == into[0] // size:
                merged[-1] = [into[0], max(into[1], interval[1]), into[2] + interval[2]]
            else:
                merged.append(interval)
        oldest = merged[-1][0] // size - buckets_kept(within)
        if merged[0][0] // size <= oldest:
            merged = [it for it in merged if it[0] // size > oldest]
        return merged

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        options = computation.options
        gap = duration_option(options, "gap", DEFAULT_GAP)
        start = now - duration_option(options, "within", DEFAULT_WITHIN)
        sessions = [it for it in _joined(state or [], gap) if it[1] > start]
        wanted = options.get("value", "count")
        if wanted == "count":
            return len(sessions)
        if wanted == "seconds":
            return sum(last - first for first, last, _ in sessions) // 1_000
        if wanted == "returning":
            return len(sessions) > 1 or any(it[1] + gap < now for it in sessions)
        current = sessions[-1] if sessions and sessions[-1][1] + gap >= now else [0, 0, 0]
        return current[2] if wanted == "current_events" else (current[1] - current[0]) // 1_000

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return int(state[-1][1]) if state else None


def _joined(state: list[Any], gap: Millis) -> list[Interval]:
    sessions: list[Interval] = []
    for first, last, events in state:
        if sessions and first <= sessions[-1][1] + gap:
            sessions[-1][1] = last
            sessions[-1][2] += events
        else:
            sessions.append([first, last, events])
    return sessions
