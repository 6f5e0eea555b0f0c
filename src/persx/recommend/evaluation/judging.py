"""Judging a recommender: fit it, ask every case, rank all items, and measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.model.errors import BadInput
from persx.recommend.evaluation.metrics import RANKING, TOGETHER, Crowd, Lists, known_facts
from persx.recommend.evaluation.trial import Case, Trial
from persx.recommend.query import NOTHING, Codes
from persx.recommend.recommenders.kind import Arrays, Progress, Recommender, silent

Seconds = Callable[[], float]
"""A clock that only goes forward."""

_STEP: Final = 256


class Judged(NamedTuple):
    """How well a recommender did.

    Attributes:
        metrics: Figures by name and cut, such as ``recall@20``; None where there is none.
        segments: Name of a segment → its number of ``cases`` and its figures.
        cases: How many were asked.
        items: How many items were ranked.
        fit_seconds: How long fitting took.
        lookup_ms: (c,) how long each answer took, milliseconds.
    """

    metrics: dict[str, float | None]
    segments: dict[str, dict[str, float]]
    cases: int
    items: int
    fit_seconds: float
    lookup_ms: NDArray[np.float64]


def judge(
    recommender: Recommender,
    config: Any,
    trial: Trial,
    *,
    cuts: Sequence[int] = (10, 20),
    segments: Mapping[str, str] | None = None,
    progress: Progress = silent,
    clock: Seconds = time.perf_counter,
) -> Judged:
    """Fit a recommender and ask it every case of a trial.

    Args:
        recommender: Whom.
        config: Its options.
        trial: What it is fitted to, and asked.
        cuts: How many places count, each its own figures.
        segments: User's id → segment; by length of history where it is not given.
        progress: Told the share that is done: fitting is half.
        clock: What the seconds are read from.

    Raises:
        BadInput: There is no case, nothing to learn from, or no cut.
    """
    if not trial.cases:
        raise BadInput("There is nothing to ask: no user of the test has an item.")
    if not len(trial.train.items):
        raise BadInput("There is nothing to learn from: no line of the training file has an item.")
    if not cuts or min(cuts) < 1:
        raise BadInput("How many places count must be 1 or more.", value=list(cuts))
    begun = clock()
    arrays = recommender.fit(trial.train, config, lambda share: progress(share / 2))
    fit_seconds = clock() - begun
    lists, lookup_ms = answers(
        recommender,
        config,
        arrays,
        trial,
        max(cuts),
        lambda share: progress(0.5 + share / 2),
        clock,
    )
    metrics: dict[str, float | None] = {}
    data = trial.train
    crowd = Crowd(data.counts, data.matrix(), known_facts(data.ids, data.catalogue))
    for k in cuts:
        first = lists.first(k)
        metrics |= {f"{name}@{k}": metric(first) for name, metric in RANKING.items()}
        metrics |= {f"{name}@{k}": metric(first, crowd) for name, metric in TOGETHER.items()}
    return Judged(
        metrics=metrics,
        segments=_by_segment(lists, trial.cases, cuts, segments),
        cases=len(trial.cases),
        items=trial.train.item_count,
        fit_seconds=fit_seconds,
        lookup_ms=lookup_ms,
    )


def answers(
    recommender: Recommender,
    config: Any,
    arrays: Arrays,
    trial: Trial,
    k: int,
    progress: Progress = silent,
    clock: Seconds = time.perf_counter,
) -> tuple[Lists, NDArray[np.float64]]:
    """Ask every case of a trial; return the first k places, and the milliseconds of each answer."""
    count = len(trial.cases)
    items = np.full((count, k), NOTHING, dtype=np.int32)
    hits = np.zeros((count, k), dtype=bool)
    took = np.empty(count)
    for number, case in enumerate(trial.cases):
        known = case.query.items if trial.exclude else case.query.items[:0]
        begun = clock()
        # Whoever asks leaves out what is excluded, and so has to ask for more.
        found = recommender.rank(arrays, config, case.query, k + len(known))
        took[number] = (clock() - begun) * 1_000
        shown = _first(found.items, found.scores, known, k)
        items[number, : len(shown)] = shown
        hits[number, : len(shown)] = np.isin(shown, case.wanted)
        if number % _STEP == 0:
            progress(number / count)
    wanted = np.array([len(case.wanted) for case in trial.cases], dtype=np.int64)
    return Lists(items, hits, wanted), took


def _first(items: Codes, scores: NDArray[np.float32], known: Codes, k: int) -> Codes:
    """Return the k best items that are not known; of equal ones the lower code comes first."""
    if len(known):
        keep = ~np.isin(items, known)
        items, scores = items[keep], scores[keep]
    return items[np.lexsort((items, -scores))[:k]]


def _by_segment(
    lists: Lists, cases: Sequence[Case], cuts: Sequence[int], named: Mapping[str, str] | None
) -> dict[str, dict[str, float]]:
    if named is None:
        places, names = by_length(np.array([len(np.unique(case.query.items)) for case in cases]))
    else:
        labels = [named.get(case.who, "") or "no segment" for case in cases]
        names = sorted(set(labels))
        places = np.array([names.index(each) for each in labels])
    found = {}
    for place, name in enumerate(names):
        some = lists.of(places == place)
        found[name] = {"cases": float(len(some.wanted))} | {
            f"{metric}@{k}": RANKING[metric](some.first(k)) for k in cuts for metric in RANKING
        }
    return found


def by_length(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """Return for each case which quarter by length of history it is in, and the quarters.

    Those of whom nothing is known are apart; the quarters are of the others.

    >>> places, names = by_length(np.array([0, 1, 2, 3, 9, 0]))
    >>> places.tolist(), names
    ([0, 1, 1, 2, 3, 0], ['history 0', 'history 1–2', 'history 3', 'history 9'])
    """
    some = lengths[lengths > 0]
    borders = (
        np.unique(np.quantile(some, [0.25, 0.5, 0.75], method="higher")) if len(some) else some
    )
    places = np.where(lengths > 0, 1 + np.searchsorted(borders, lengths, "left"), 0)
    used = np.unique(places)
    names = []
    for place in used.tolist():
        inside = lengths[places == place]
        low, high = int(inside.min()), int(inside.max())
        names.append(f"history {low}" if low == high else f"history {low}–{high}")
    return np.searchsorted(used, places), names
