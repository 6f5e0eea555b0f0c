"""Known effects are found again, the best variant too, the split stays quiet, and alarms fire.

Simulated visitors with known effects go through the whole of persx many times: they are decided
for, confirm their pages, declare and convert, and what is told is read as anybody reads it. First
each industry has another true lift in conversion and in revenue: how often do the 95% intervals
hold the truth, those for one look at a time that was fixed before, and those that are always valid?
Then personal content changes nothing but how much people browse. Who counts is settled at the first
page that would differ, so that the arms' counts must fit the plan and no lift be found. Beside it
stands a wrong reading, built here alone, in which only visitors count who saw three pages or more:
whom the content makes browse, it makes count.

Then a block learns. Its variants have known rates, and on each simulated day it publishes
probabilities, learned from the log as it is by then, by which the next visitors are drawn: how
probable does the best variant become, what does that bring compared with an even split and with
somebody who knows the truth, and do the visitors from whom nothing is learned tell so? At last a
variant is broken on purpose half way, while health is looked at every six hours of the simulated
days.

The claim that is checked: coverage is not below 95% by more than chance allows (one in a
thousand), of conversions, of revenue, of no effect, and of what learning adds; the check of the
split fires no more often than chance allows at its own level, and more often in the wrong reading
than in the right one; in the end the best variant is drawn with a probability of 60% or more on
average, and is the most probable one in three of four cases; in the last week learning loses less
than half of what an even split does; of the broken variant no decision before it broke says so, and
every one does after, and the alarm is confirmed within 200 decisions in every run, in none before,
and never where nothing is broken.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import bdtr, bdtrc

from persx.app.reports import ReportRequest, report
from persx.experiments.readout import MetricReadout
from persx.experiments.statistics.srm import sample_ratio
from persx.model.simulation import Effects, Simulation
from persx.storage.scope import System
from proofs.simulation_alarms import alarms
from proofs.simulation_learning import learning
from proofs.simulation_tools import CHANCE, INDUSTRIES, effects, simulated

EFFECTS = {"SaaS": 1.0, "Healthcare": 1.2, "Education": 1.5}
REVENUE = 1.1
RUNS = 60
VISITORS = 600
TOLD_RUNS = f"{RUNS} runs of {VISITORS} visitors"
ENOUGH_PAGES = 3

PAGES = """
SELECT json_extract_string(properties, '$.variation_id') AS arm, min(pages) AS pages
FROM events AS e
JOIN (
  SELECT anonymous_id AS id, count(*) AS pages FROM events WHERE type = 'page' GROUP BY 1
) AS p ON p.id = e.anonymous_id
WHERE e.name = 'Experiment Viewed'
GROUP BY e.anonymous_id, 1
"""


class Interval(NamedTuple):
    """One interval, and the truth that it should hold."""

    of: str
    truth: float
    low: float | None
    high: float | None

    @property
    def holds(self) -> bool | None:
        """Whether it holds the truth; none where there is no interval."""
        if self.low is None:
            return None
        return self.low <= self.truth and (self.high is None or self.truth <= self.high)


async def intervals(
    seed: int, known: Effects, visitors: int
) -> tuple[list[Interval], float, float]:
    """Return a run's intervals with the truth; the split's p, and that of the wrong reading."""
    asked = Simulation(
        visitors=visitors,
        days=21,
        seed=seed,
        declare=0.9,
        cleared=0.0,
        effects=known,
        tended=False,
    )
    async with simulated(asked) as (services, done):
        readouts = {
            "one look": await report(services, ReportRequest(name="holdout", fixed=True)),
            "always valid": await report(services, ReportRequest(name="holdout")),
        }
        answer = await services.warehouse.seen_by(System("a proof")).query(PAGES)
    revenue = known.effects[0].revenue

    def both(metrics: dict[str, MetricReadout], name: str, method: str) -> list[Interval]:
        lift = done.truth[name].lift or 0.0
        order, worth = metrics["order"], metrics["order.revenue"]
        what = f"{'one industry' if name else 'everyone'}, {method}"
        return [
            Interval(f"conversion, {what}", lift, order.low, order.high),
            Interval(
                f"revenue per visitor, {what}", (1 + lift) * revenue - 1, worth.low, worth.high
            ),
        ]

    found = []
    for method, readout in readouts.items():
        found += both(readout.arms["targeted"].metrics, "", method)
        for name, segment in readout.segments["industry"].items():
            found += both(segment.arms["targeted"].metrics, name, method)
    readout = readouts["always valid"]
    wrong = Counter(arm for arm, pages in answer.rows if pages >= ENOUGH_PAGES)
    weights = {"generic": 0.5, "targeted": 0.5}
    wrong_p = sample_ratio({arm: wrong[arm] for arm in weights}, weights).p
    return found, 1.0 if readout.srm.p is None else readout.srm.p, wrong_p or 0.0


def coverage(found: Sequence[Interval]) -> None:
    """Print how often intervals hold the truth; fail where that is too seldom."""
    print("| of | intervals | hold the truth | too low | too high | none |")
    print("| :--- | ---: | ---: | ---: | ---: | ---: |")
    for kind in dict.fromkeys(each.of for each in found):
        told = [each for each in found if each.of == kind and each.holds is not None]
        none = sum(each.of == kind for each in found) - len(told)
        held = sum(bool(each.holds) for each in told)
        above = sum(not each.holds and (each.low or 0.0) > each.truth for each in told)
        below = len(told) - held - above
        print(f"| {kind} | {len(told)} | **{held / len(told):.1%}** | {below} | {above} | {none} |")
        if bdtr(held, len(told), 0.95) < CHANCE:
            raise AssertionError(f"Of {len(told)} intervals of {kind} only {held} hold the truth.")


async def lifts() -> None:
    """Show that intervals cover known lifts."""
    found: list[Interval] = []
    for seed in range(RUNS):
        found += (await intervals(seed, effects(EFFECTS, REVENUE), VISITORS))[0]
    print(f"## Lifts that are known: {TOLD_RUNS}\n")
    told = ", ".join(f"{name} {factor - 1:+.0%}" for name, factor in EFFECTS.items())
    print(f"True lift in conversion: {told}; each conversion brings {REVENUE - 1:.0%} more.\n")
    coverage(found)


async def browsing() -> None:
    """Show that effects on browsing alone move neither the split nor the lift."""
    found: list[Interval] = []
    right, wrong = [], []
    for seed in range(1_000, 1_000 + RUNS):
        known = effects(dict.fromkeys(INDUSTRIES, 1.0), browse=3.0)
        read, split, wrong_split = await intervals(seed, known, VISITORS)
        found += [each for each in read if each.of.startswith("conversion, everyone")]
        right.append(split)
        wrong.append(wrong_split)
    print(f"\n## Content that makes people browse and nothing else: {TOLD_RUNS}\n")
    coverage(found)
    print("\n| the split of visitors does not fit the plan | p < 0.001 | p < 0.02 |")
    print("| :--- | ---: | ---: |")
    for name, told in (
        ("as persx counts: from the first page that would differ", right),
        (f"wrong: who saw {ENOUGH_PAGES} pages or more", wrong),
    ):
        shares = [sum(p < level for p in told) / RUNS for level in (0.001, 0.02)]
        print(f"| {name} | **{shares[0]:.0%}** | {shares[1]:.0%} |")
    for level in (0.001, 0.02):
        fired = sum(p < level for p in right)
        if fired and bdtrc(fired - 1, RUNS, level) < CHANCE:
            raise AssertionError(f"The split is said not to fit in {fired} of {RUNS} runs.")
        if sum(p < level for p in wrong) <= fired:
            raise AssertionError("The wrong reading is not told from the right one.")


def main() -> int:
    """Run the proof."""
    asyncio.run(lifts())
    asyncio.run(browsing())
    asyncio.run(learning())
    asyncio.run(alarms())
    return 0
