"""Online Retail: a shop's own orders, split by time; with examples that a person can judge."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np

from persx.model.clock import DAY
from persx.model.item import Action
from persx.recommend.evaluation.judging import Judged, judge
from persx.recommend.evaluation.splits import by_time
from persx.recommend.evaluation.trial import Case, Trial
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders import RECOMMENDERS

FILE: Final = "purchases/online_retail.parquet"
TESTED_DAYS: Final = 30
K: Final = 10
BOUGHT: Final = ACTIONS.index(Action.BOUGHT)

_ORDERS: Final = """
select CustomerID::int as who, trim(Description) as what,
  epoch_ms(InvoiceDate::timestamp) as moment
from read_parquet($file)
where CustomerID is not null and Quantity > 0 and UnitPrice > 0
  and trim(Description) not in ('POSTAGE', 'Manual', 'CARRIAGE', 'DOTCOM POSTAGE', 'Discount')
group by all order by who, moment, what
"""
_EXAMPLES: Final = (
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "LUNCH BAG RED RETROSPOT",
    "PAPER CHAIN KIT 50'S CHRISTMAS",
    "ALARM CLOCK BAKELIKE RED",
    "GARDENERS KNEELING PAD KEEP CALM",
    "SET OF 3 CAKE TINS PANTRY DESIGN",
)


class Orders(NamedTuple):
    """All orders: by customer, then time. A basket is what one customer bought at one moment."""

    data: Interactions

    def until(self, moment: int) -> Interactions:
        """Return what had been bought before a moment."""
        return self.data.rows(self.data.times < moment)

    def baskets(self, start: int, end: int) -> Iterator[tuple[int, Any]]:
        """Yield the customer and the items of each basket between two moments."""
        data = self.data.rows((self.data.times >= start) & (self.data.times < end))
        key = data.users.astype(np.int64) * (1 << 42) + data.times % (1 << 42)
        _, starts = np.unique(key, return_index=True)
        for begin, stop in itertools.pairwise([*starts.tolist(), len(key)]):
            yield int(data.users[begin]), data.items[begin:stop]


def read(data: Path) -> Orders:
    """Return the orders of known customers; postage and the like are no items."""
    found = duckdb.execute(_ORDERS, {"file": str(data / FILE)}).fetchnumpy()
    _, users = np.unique(found["who"], return_inverse=True)
    ids, items = np.unique(found["what"].astype(str), return_inverse=True)
    times = found["moment"].astype(np.int64)
    visits = np.concatenate(([0], np.cumsum((np.diff(users) != 0) | (np.diff(times) != 0))))
    return Orders(
        Interactions(
            users=users.astype(np.int32),
            items=items.astype(np.int32),
            times=times,
            sessions=visits.astype(np.int32),
            actions=np.full(len(users), BOUGHT, dtype=np.uint8),
            ids=ids.tolist(),
            user_count=int(users.max()) + 1,
        )
    )


def together(orders: Orders, start: int, end: int) -> Trial:
    """Ask, on the page of one item of each basket, for the others that were in it."""
    rng = np.random.default_rng(20)
    cases = []
    for who, items in orders.baskets(start, end):
        if len(items) > 1:
            place = int(rng.integers(len(items)))
            anchor = items[place : place + 1]
            wanted = np.delete(items, place)
            ages = np.zeros(1, dtype=np.float32)
            query = Query(items=anchor, ages=ages, anchor=int(anchor[0]))
            cases.append(Case(query, wanted, str(who)))
    return Trial(orders.until(start), cases, exclude=True)


def for_you(orders: Orders, start: int, end: int) -> Trial:
    """Ask, for each customer who is known, for what they bought then and never before."""
    trial = by_time(orders.data, start, end)
    return trial._replace(cases=[case for case in trial.cases if len(case.query.items)])


def again(orders: Orders, start: int, end: int) -> Trial:
    """Ask, for each customer who is known, for what they bought then and before."""
    trial = by_time(orders.data, start, end, exclude=False)
    cases = []
    for case in trial.cases:
        wanted = np.intersect1d(case.wanted, case.query.items)
        if len(wanted):
            cases.append(case._replace(wanted=wanted))
    return trial._replace(cases=cases)


class Rival(NamedTuple):
    """A recommender with the options that are tried; a note where it takes part twice."""

    name: str
    grid: Mapping[str, Sequence[Any]] = {}
    note: str = ""

    @property
    def title(self) -> str:
        """What the tables call it."""
        return f"{self.name}, {self.note}" if self.note else self.name


TOGETHER: Final = (
    Rival("popularity", {"half_life": (7.0, 30.0, 0.0)}),
    Rival(
        "cooccurrence",
        {
            "within": ("basket", "user"),
            "measure": ("cosine", "lift"),
            "shrink": (0.0, 5.0),
        },
    ),
    Rival("ease", {"regularization": (100.0, 300.0, 1_000.0)}),
)
FOR_YOU: Final = (
    Rival("popularity", {"half_life": (7.0, 30.0, 0.0)}),
    Rival("cooccurrence", {"within": ("basket", "user"), "half_life": (14.0, 60.0)}),
    Rival(
        "ease",
        {"half_life": (14.0, 60.0, 0.0), "regularization": (300.0, 1_000.0)},
    ),
)
USUAL: Final = Rival("replenishment", {"own": (1e9,)}, "items' intervals alone")
OWN: Final = Rival("replenishment", {"own": (2.0, 5.0, 10.0)}, "customers' own intervals too")
AGAIN: Final = (
    Rival("popularity", {"half_life": (7.0, 30.0, 0.0)}),
    USUAL,
    OWN,
    Rival("history", {"half_life": (14.0, 60.0, 0.0)}),
)


def show(data: Path) -> bool:
    """Print the part of this set; return whether all beat popularity, and own intervals usual."""
    orders = read(data)
    last = int(orders.data.times.max()) + 1
    test, validation = last - TESTED_DAYS * DAY, last - 2 * TESTED_DAYS * DAY
    print("## Online Retail, split by time\n")
    print(
        f"{len(orders.data.items):,} lines of {orders.data.user_count:,} customers, "
        f"{orders.data.item_count:,} items. The last {TESTED_DAYS} days are asked for, options "
        f"are chosen on the {TESTED_DAYS} days before. A basket is what one customer bought at one "
        f"moment.\n"
    )
    held = []
    configs = {}
    for title, about, rivals, ask in (
        (
            "Often bought together",
            "On the page of one item of a basket: which others are in it?",
            TOGETHER,
            together,
        ),
        (
            "For you",
            "What does a customer buy in these days, of what they never bought before?",
            FOR_YOU,
            for_you,
        ),
        (
            "Buy again",
            "What does a customer buy in these days, of what they bought before? Replenishment "
            "shows only what is due about now; history, all that they like.",
            AGAIN,
            again,
        ),
    ):
        judged = {}
        for rival in rivals:
            config = _chosen(rival, ask(orders, validation, test))
            configs[title, rival.title] = config
            judged[rival.title] = judge(
                RECOMMENDERS[rival.name], config, ask(orders, test, last), cuts=(K,)
            )
        print(f"### {title}\n\n{about}\n")
        print(*_table(judged, rivals, configs, title), sep="\n")
        print()
        popular = judged["popularity"].metrics[f"ndcg@{K}"]
        best = max(each.metrics[f"ndcg@{K}"] or 0.0 for each in judged.values())
        held.append(best > (popular or 0.0))
        if OWN in rivals:
            own, usual = (judged[each.title].metrics[f"ndcg@{K}"] or 0.0 for each in (OWN, USUAL))
            held.append(own > usual)
    _examples(orders, test, configs)
    return all(held)


def _chosen(rival: Rival, trial: Trial) -> Any:
    """Return the options that are best on the days before."""
    recommender = RECOMMENDERS[rival.name]
    tries = [
        recommender.config(**dict(zip(rival.grid, values, strict=True)))
        for values in itertools.product(*rival.grid.values())
    ]
    scores = [
        judge(recommender, config, trial, cuts=(K,)).metrics[f"ndcg@{K}"] or 0.0 for config in tries
    ]
    return tries[int(np.argmax(scores))]


def _table(
    judged: Mapping[str, Judged], rivals: Sequence[Rival], configs: Mapping[Any, Any], title: str
) -> Iterator[str]:
    metrics = [f"{name}@{K}" for name in ("recall", "ndcg", "hr", "mrr", "coverage")]
    yield f"| | {' | '.join(metrics)} | fit s | lookup p50 ms | chosen |"
    yield f"| :--- |{' ---: |' * (len(metrics) + 2)} :--- |"
    for rival in rivals:
        found = judged[rival.title]
        chosen = ", ".join(
            f"{name} {getattr(configs[title, rival.title], name)}" for name in rival.grid
        )
        figures = [f"{found.metrics[metric]:.4f}" for metric in metrics]
        figures += [f"{found.fit_seconds:.2f}", f"{np.percentile(found.lookup_ms, 50):.2f}"]
        yield f"| {rival.title} | {' | '.join(figures)} | {chosen} |"


def _examples(orders: Orders, moment: int, configs: Mapping[Any, Any]) -> None:
    """Print what a person can judge: the items of a few pages, and lists for three customers."""
    before = orders.until(moment)
    ids = before.ids
    recommender = RECOMMENDERS["cooccurrence"]
    config = configs["Often bought together", "cooccurrence"]
    arrays = recommender.fit(before, config)
    print("### Examples: often bought together\n")
    for name in _EXAMPLES:
        if name in ids:
            found = recommender.rank(arrays, config, Query(anchor=ids.index(name)), 5)
            best = found.items[np.argsort(-found.scores, kind="stable")]
            print(f"- **{name.capitalize()}**: {'; '.join(ids[i].capitalize() for i in best)}")
    recommender = RECOMMENDERS["ease"]
    config = configs["For you", "ease"]
    arrays = recommender.fit(before, config)
    print("\n### Examples: for you\n")
    cases = [
        case
        for case in for_you(orders, moment, int(orders.data.times.max()) + 1).cases
        if 8 <= len(np.unique(case.query.items)) <= 25
    ]
    for number, case in enumerate(cases[:: max(1, len(cases) // 3)][:3], 1):
        found = recommender.rank(arrays, config, case.query, 200)
        order = np.argsort(-found.scores, kind="stable")
        fresh = order[~np.isin(found.items[order], case.query.items)][:5]
        newest = list(dict.fromkeys(case.query.items[::-1].tolist()))[:6]
        print(f"- Customer {number} bought last: {'; '.join(ids[i].capitalize() for i in newest)}")
        for place in fresh:
            why = "" if found.because is None else ids[found.because[place]].capitalize()
            hit = " (bought it then)" if found.items[place] in case.wanted else ""
            print(f"  - {ids[found.items[place]].capitalize()}{hit}, because of: {why}")
    print()
