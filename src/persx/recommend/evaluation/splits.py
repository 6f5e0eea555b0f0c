"""Splits: what is learned from, and what is asked for, out of one whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from persx.model.clock import DAY, Millis
from persx.recommend.evaluation.trial import Case, Trial
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query


def by_time(
    data: Interactions, start: Millis, end: Millis | None = None, *, exclude: bool = True
) -> Trial:
    """Return a trial that learns from what was before a moment, and asks for what came then.

    Each user who touched something in the window is asked once, with all that was known of the
    user at its start; who was unknown then is asked with nothing known.

    Args:
        data: Interactions with times.
        start: Epoch milliseconds: the end of what is learned from.
        end: The end of what is asked for; none for all that came.
        exclude: Whether what the user touched before is no right answer.
    """
    train = data.rows(data.times < start)
    later = data.rows((data.times >= start) & (data.times < (np.inf if end is None else end)))
    cases = []
    for user in np.unique(later.users).tolist():
        begin, stop = np.searchsorted(train.users, [user, user + 1])
        query = Query(
            items=train.items[begin:stop],
            ages=((start - train.times[begin:stop]) / DAY).astype(np.float32),
            actions=train.actions[begin:stop],
        )
        first, last = np.searchsorted(later.users, [user, user + 1])
        wanted = np.unique(later.items[first:last])
        if exclude:
            wanted = np.setdiff1d(wanted, query.items)
        if len(wanted):
            cases.append(Case(query, wanted, str(user)))
    return Trial(train, cases, exclude)


def held_out(
    rows: Mapping[int, Sequence[int]], share: float = 0.1, seed: int = 20
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Return each user's items in two parts, drawn at random: what is kept, what is held out.

    On average exactly the share is held out, of users with few items too; the last item of a
    user never is.
    """
    rng = np.random.default_rng(seed)
    kept, held = {}, {}
    for user, row in sorted(rows.items()):
        count = min(int(len(row) * share + rng.random()), len(row) - 1)
        out = set(rng.choice(len(row), count, replace=False).tolist()) if count > 0 else set()
        kept[user] = [item for place, item in enumerate(row) if place not in out]
        held[user] = [row[place] for place in sorted(out)]
    return kept, held
