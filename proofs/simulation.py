"""Known effects are found again, the split stays quiet, and what breaks is told in the decisions.

Simulated visitors with known effects go through the whole of persx many times: they are decided
for, confirm their pages, declare and convert, and the holdout's report is read as anybody reads it.
First each industry has another true lift in conversion and in revenue: how often do the 95%
intervals hold the truth? Then personal content changes nothing but how much people browse. Who
counts is settled at the first page that would differ, so that the arms' counts must fit the plan
and no lift be found. Beside it stands a wrong reading, built here alone, in which only visitors
count who saw three pages or more: whom the content makes browse, it makes count. At last a variant
is broken on purpose half way.

The claim that is checked: coverage is not below 95% by more than chance allows (one in a
thousand), of conversions, of revenue, and of no effect; the check of the split fires no more often
than chance allows at its own level, and more often in the wrong reading than in the right one; and
of the broken variant no decision before it broke says so, and every one does after.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from scipy.special import bdtr, bdtrc

from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.simulation import simulate
from persx.experiments.readout import MetricReadout
from persx.experiments.statistics.srm import sample_ratio
from persx.model.clock import DAY
from persx.model.simulation import Break, Effect, Effects, Habits, Simulated, Simulation
from persx.storage.scope import System

NOW = 1_795_773_600_000
INDUSTRIES = ("SaaS", "Healthcare", "Education")
EFFECTS = {"SaaS": 1.0, "Healthcare": 1.2, "Education": 1.5}
REVENUE = 1.1
RUNS = 100
CHANCE = 0.001
ENOUGH_PAGES = 3

SITE = {
    "settings.yaml": "{name: Proof, holdout: {share: 0.5, goals: [order]}, coverage: full}",
    "attributes.yaml": "industry: {type: string, values: [SaaS, Healthcare, Education]}",
    "industries.yaml": "SaaS: {}\nHealthcare: {}\nEducation: {}",
    "goals.yaml": "order: {event: Order Completed, value: revenue}",
    "pages/home.yaml": "{path: /, title: Home, blocks: [hero]}",
    "pages/offer.yaml": "{path: /offer, title: Offer, blocks: [offer]}",
    **{
        f"blocks/{name}.yaml": "type: cta\ncontent: {headline: For all, label: Go, href: /offer}\n"
        "variants:\n"
        + "\n".join(
            f"  {industry.lower()}: {{when: industry == '{industry}', "
            f"content: {{headline: For {industry}}}}}"
            for industry in INDUSTRIES
        )
        for name in ("hero", "offer")
    },
}

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


@asynccontextmanager
async def simulated(asked: Simulation) -> AsyncIterator[tuple[Services, Simulated]]:
    """A home in memory after a simulation, at a time that is always the same."""
    settings = ServerSettings(store="memory", write_key="proof", server_key="proof")
    async with open_home(None, settings, clock=lambda: NOW) as services:
        await push(services, PushRequest(files=SITE, base={}, author="proof"))
        await publish(services, PublishRequest(author="proof", message=""))
        yield services, await simulate(services, asked)


def effects(conversion: dict[str, float], revenue: float = 1.0, browse: float = 1.0) -> Effects:
    """Return effects by industry, with equally common industries."""
    return Effects(
        industries={name: Habits(pages=2.5) for name in INDUSTRIES},
        goals={"order": 0.15},
        effects=tuple(
            Effect(industry=name, conversion=factor, revenue=revenue, browse=browse)
            for name, factor in conversion.items()
        ),
    )


async def intervals(
    seed: int, known: Effects, visitors: int
) -> tuple[list[Interval], float, float]:
    """Return a run's intervals with the truth; the split's p, and that of the wrong reading."""
    asked = Simulation(
        visitors=visitors, days=21, seed=seed, declare=0.9, cleared=0.0, effects=known
    )
    async with simulated(asked) as (services, done):
        readout = await report(services, ReportRequest(name="holdout"))
        answer = await services.warehouse.seen_by(System("a proof")).query(PAGES)
    revenue = known.effects[0].revenue

    def both(metrics: dict[str, MetricReadout], name: str) -> list[Interval]:
        lift = done.truth[name].lift or 0.0
        order, worth = metrics["order"], metrics["order.revenue"]
        what = "one industry" if name else "everyone"
        return [
            Interval(f"conversion, {what}", lift, order.low, order.high),
            Interval(
                f"revenue per visitor, {what}", (1 + lift) * revenue - 1, worth.low, worth.high
            ),
        ]

    found = both(readout.arms["targeted"].metrics, "")
    for name, segment in readout.segments["industry"].items():
        found += both(segment.arms["targeted"].metrics, name)
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
        found += (await intervals(seed, effects(EFFECTS, REVENUE), 1_000))[0]
    print(f"## Lifts that are known: {RUNS} runs of 1,000 visitors\n")
    told = ", ".join(f"{name} {factor - 1:+.0%}" for name, factor in EFFECTS.items())
    print(f"True lift in conversion: {told}; each conversion brings {REVENUE - 1:.0%} more.\n")
    coverage(found)


async def browsing() -> None:
    """Show that effects on browsing alone move neither the split nor the lift."""
    found: list[Interval] = []
    right, wrong = [], []
    for seed in range(1_000, 1_000 + RUNS):
        known = effects(dict.fromkeys(INDUSTRIES, 1.0), browse=3.0)
        read, split, wrong_split = await intervals(seed, known, 800)
        found += [each for each in read if each.of == "conversion, everyone"]
        right.append(split)
        wrong.append(wrong_split)
    print(f"\n## Content that makes people browse and nothing else: {RUNS} runs of 800 visitors\n")
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


async def breaking() -> None:
    """Show that a variant that breaks is seen in the decisions' reasons from that day on."""
    day = 7
    asked = Simulation(
        visitors=3_000,
        days=14,
        seed=5,
        cleared=0.0,
        effects=effects(dict.fromkeys(INDUSTRIES, 2.0)),
        breaks=(Break(block="hero", variant="saas", day=day),),
    )
    async with simulated(asked) as (services, done):
        answer = await services.warehouse.seen_by(System("a proof")).query(
            'SELECT "at", body FROM decisions'
        )
    reasons: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for at, body in answer.rows:
        told = msgspec.json.decode(body)
        if told["attributes"].get("industry") != "SaaS":
            continue
        for block, _, reason, _ in told["decisions"]:
            if block == "hero":
                reasons[int(at) >= done.start + day * DAY][reason] += 1
    print(
        f"\n## A variant that breaks on day {day} of 14: decisions of its block for its industry\n"
    )
    names = sorted({*reasons[False], *reasons[True]})
    print("| | " + " | ".join(f"`{name}`" for name in names) + " |")
    print("| :--- |" + " ---: |" * len(names))
    for late, label in ((False, "before"), (True, "from then on")):
        print(f"| {label} | " + " | ".join(f"{reasons[late][name]:,}" for name in names) + " |")
    if reasons[False]["invalid"] or reasons[True]["targeted"] or not reasons[True]["invalid"]:
        raise AssertionError(f"The broken variant is not told: {reasons}.")


def main() -> int:
    """Run the proof."""
    asyncio.run(lifts())
    asyncio.run(browsing())
    asyncio.run(breaking())
    return 0
