"""replenishment: what the visitor bought and needs again about now."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.clock import DAY
from persx.model.item import Action
from persx.recommend.bounds import Amount, Count, Positive, Weight
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent

_BOUGHT: Final = ACTIONS.index(Action.BOUGHT)
_DAY_OR_MORE: Final = 1.0


class ReplenishmentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `replenishment`.

    Attributes:
        least: An item that was bought again less often, by all visitors, is due only for whoever
            bought it again themselves.
        least_share: So is one that a smaller share of its buyers bought again.
        own: A visitor's own interval, and that they bought the item again, count as if so many
            gaps more had been seen that are usual for the item; a very great number leaves
            their own out.
        shrink: An item's interval counts as if so many gaps more had been seen, of the length
            that is usual in its category; a category's the same, towards all items.
        early: Before this share of the interval an item is not due.
        late: After so many intervals it is given up.
        spread: How soon an item that is not due exactly now counts less: the standard deviation
            of the logarithm of time since the purchase ÷ interval.
    """

    least: Count = 3
    least_share: Weight = 0.05
    own: Amount = 5.0
    shrink: Amount = 5.0
    early: Weight = 0.7
    late: Positive = 3.0
    spread: Positive = 0.5


class Replenishment:
    """Items that the visitor bought, when the time since is about the usual interval.

    An item's interval is the median of the days between two days on which the same visitor
    bought it, shrunk to that of its category and of all items, as few gaps say little. Of whoever
    bought it on several days themselves, the interval is the median of their own gaps g, shrunk
    to the item's: (g · median + own · the item's) ÷ (g + own). The score is share ×
    exp(−ln²(days since ÷ interval) ÷ 2·spread²), greatest on the day on which it is due; the share
    is that of its buyers who bought it again, shrunk from 1 where the visitor did so themselves:
    (g + own · the item's) ÷ (g + own). The computed attribute of the same name tells which
    categories are due; this tells which items.
    """

    name = "replenishment"
    description = "What the visitor bought and needs again about now."
    config = ReplenishmentConfig
    by_neighbours = False
    shows_again = True

    def memory(self, data: Interactions, config: ReplenishmentConfig) -> int:
        return 80 * len(data.items) + 64 * data.item_count

    def fit(
        self, data: Interactions, config: ReplenishmentConfig, progress: Progress = silent
    ) -> Arrays:
        count = data.item_count
        gaps, of, buyers, again = _purchases(data)
        progress(0.5)
        number = np.bincount(of, minlength=count)
        share = again / np.maximum(buyers, 1)
        usual = float(np.median(gaps)) if len(gaps) else 0.0
        categories = _categories(data)
        within = np.where(categories == NOTHING, categories.max(initial=NOTHING) + 1, categories)
        groups = int(within.max(initial=-1)) + 1
        by_category = _shrunk(gaps, within[of], np.full(groups, usual), config.shrink)
        intervals = _shrunk(gaps, of, by_category[within], config.shrink)
        due = (number >= config.least) & (share >= config.least_share)
        progress(1.0)
        return {
            "intervals": intervals.astype(np.float32),
            "shares": np.where(due, share, 0.0).astype(np.float32),
            "timed": np.array([data.timed]),
        }

    def rank(
        self, arrays: Arrays, config: ReplenishmentConfig, query: Query, limit: int
    ) -> Candidates:
        bought = query.actions == _BOUGHT
        if not bought.any() or not arrays["timed"][0]:
            return NO_CANDIDATES
        items, ages, gaps, of = _own(query.items[bought], query.ages[bought])
        intervals: Any = np.asarray(arrays["intervals"])[items].astype(np.float64)
        shares: Any = np.asarray(arrays["shares"])[items].astype(np.float64)
        if len(gaps):
            # Where no interval is usual, their own stands alone.
            usual = np.where(intervals > 0, config.own, 0.0)
            number = np.bincount(of, minlength=len(items))
            again = number > 0
            weight = np.maximum(number + config.own, 1.0)
            intervals = np.where(again, _shrunk(gaps, of, intervals, usual), intervals)
            shares = np.where(again, (number + config.own * shares) / weight, shares)
        known = (intervals > 0) & (shares > 0) & (ages > 0)
        items, shares, passed = items[known], shares[known], ages[known] / intervals[known]
        due = (passed >= config.early) & (passed <= config.late)
        items, shares, passed = items[due], shares[due], passed[due]
        near = np.exp(-((np.log(passed) / config.spread) ** 2) / 2)
        scores = (shares * near).astype(np.float32)
        good = scores > 0
        return Candidates(items[good], scores[good]).best(limit)


def _own(
    items: Codes, ages: Floats
) -> tuple[Codes, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return what a visitor bought, each item once; the days since; the days between two
    purchases of the same item, and the place of the item of each such gap."""
    order = np.lexsort((-ages, items))
    items, days = items[order], ages[order].astype(np.float64)
    same = items[1:] == items[:-1]
    last = np.append(~same, True)
    place = np.cumsum(last) - last  # How many items end before each row.
    gaps = days[:-1] - days[1:]
    later = same & (gaps >= _DAY_OR_MORE)
    return items[last], days[last], gaps[later], place[1:][later]


def _purchases(
    data: Interactions,
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return days between purchases of the same item by the same visitor, the item of each gap,
    and by item how many bought it, and how many of them again."""
    data = data.rows(data.actions == _BOUGHT)
    days = data.times // DAY
    order = np.lexsort((days, data.items, data.users))
    users, items, days = data.users[order], data.items[order], days[order]
    same = (users[1:] == users[:-1]) & (items[1:] == items[:-1])
    later = same & (days[1:] > days[:-1]) if data.timed else np.zeros_like(same)
    gaps = np.diff(days)[later].astype(np.float64)
    of = items[1:][later]
    first = np.ones(len(items), dtype=bool)
    first[1:] = ~same
    pair = np.cumsum(first) - 1  # Which visitor and item each row is of.
    repeaters = items[first][np.unique(pair[1:][later])]
    buyers = np.bincount(items[first], minlength=data.item_count)
    return gaps, of, buyers, np.bincount(repeaters, minlength=data.item_count)


def _categories(data: Interactions) -> NDArray[np.int32]:
    """Return (i,) the code of each item's category, or `NOTHING`."""
    codes: dict[tuple[str, ...], int] = {}
    found = np.full(data.item_count, NOTHING, dtype=np.int32)
    for code, key in enumerate(data.ids if data.catalogue else ()):
        item = data.catalogue.get(key)
        if item is not None and item.category:
            found[code] = codes.setdefault(item.category, len(codes))
    return found


def _shrunk(
    gaps: NDArray[np.float64],
    of: NDArray[np.integer[Any]],
    towards: NDArray[np.float64],
    shrink: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return (n,) the median gap of each group, as if `shrink` more had been `towards`."""
    order = np.lexsort((gaps, of))
    ordered = np.append(gaps[order], 0.0)
    number = np.bincount(of, minlength=len(towards))
    starts = np.cumsum(number) - number
    low = ordered[np.minimum(starts + np.maximum(number - 1, 0) // 2, len(gaps))]
    high = ordered[np.minimum(starts + number // 2, len(gaps))]
    medians = np.where(number > 0, (low + high) / 2, 0.0)
    weight = np.maximum(number + shrink, np.finfo(float).tiny)
    found: NDArray[np.float64] = (number * medians + shrink * towards) / weight
    return found


REPLENISHMENT: Final = Replenishment()
