"""Learning in simulated runs: variants with known rates, a block that learns, visitors who come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from scipy.special import bdtr

from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.experiments.probabilities import by_context, cell_of, chances, decode
from persx.model.artifact import PROBABILITIES
from persx.model.clock import DAY, Millis
from persx.model.simulation import Effect, Effects, Habits, Simulated, Simulation
from persx.storage.scope import System
from proofs.simulation_tools import CHANCE, INDUSTRIES, SITE, row, simulated

RUNS: Final = 3
DAYS: Final = 28
BLOCK: Final = "hero"
EXPERIMENT: Final = f"learn:{BLOCK}"
VARIANTS: Final = ("plain", "bold", "short", "proof")
RATE: Final = 0.1
EXPLORATION: Final = 0.1
LEAST_PROBABLE: Final = 0.6
LEAST_FOUND: Final = 0.75
"""Of all runs and industries: in which the best variant is the most probable one in the end."""

TOLD: Final = (1, 3, 7, 14, 21, 27)
PERIODS: Final = ((0, 3), (3, 7), (7, 14), (14, 21), (21, 28))

LEARNING_SITE: Final = {
    **SITE,
    "settings.yaml": "{name: Proof, holdout: {share: 0, goals: [order]}, coverage: full}",
    f"blocks/{BLOCK}.yaml": "type: cta\ncontent: {headline: For all, label: Go, href: /offer}\n"
    "policy: learn\nlearn: {goal: order, by: [industry], held_out: 0.2, "
    f"exploration: {EXPLORATION}, window: 12h, every: 1d}}\nvariants:\n"
    + "\n".join(
        f"  {name}: {{when: known(industry), content: {{headline: The {name} one}}}}"
        for name in VARIANTS
    ),
    "pages/offer.yaml": "{path: /offer, title: Offer, blocks: [hero]}",
}
LEARNING_SITE.pop("blocks/offer.yaml")

ONE_BEST: Final = {"plain": 1.0, "bold": 0.8, "short": 1.3, "proof": 1.8}
BEST_OF: Final = {"SaaS": "bold", "Healthcare": "short", "Education": "proof"}


class Setting(NamedTuple):
    """What is true in a number of runs: the factor on the rate, by industry and variant."""

    title: str
    visitors: int
    factors: Mapping[str, Mapping[str, float]]

    def rate(self, industry: str, variant: str) -> float:
        """Return the true rate; of what is no variant, that of default content."""
        return RATE * self.factors[industry].get(variant, 1.0)

    def best(self, industry: str) -> str:
        """Return the variant that is truly the best one."""
        factors = self.factors[industry]
        return max(factors, key=factors.__getitem__)

    @property
    def effects(self) -> Effects:
        """The same, as a simulation is asked."""
        return Effects(
            industries={name: Habits(pages=2.5) for name in INDUSTRIES},
            goals={"order": RATE},
            effects=tuple(
                Effect(industry=industry, block=BLOCK, variant=variant, conversion=factor)
                for industry, factors in self.factors.items()
                for variant, factor in factors.items()
            ),
        )


SETTINGS: Final = (
    Setting(
        "A block learns: the same variant is the best one for all",
        4_000,
        dict.fromkeys(INDUSTRIES, ONE_BEST),
    ),
    Setting(
        "A block learns: each industry has another best variant",
        10_000,
        {
            industry: {name: 1.8 if name == BEST_OF[industry] else 1.0 for name in VARIANTS}
            for industry in INDUSTRIES
        },
    ),
)


class Shown(NamedTuple):
    """What a visitor was shown first, and the true rates."""

    at: Millis
    learned: bool
    got: float
    even: float
    best: float


class Run(NamedTuple):
    """One run: its visitors, what was published on which day, and what the report tells.

    Attributes:
        published: Day → for each industry the probability of the best variant, and whether none
            other is more probable.
        told: Lift with its interval.
    """

    start: Millis
    shown: list[Shown]
    published: dict[int, list[tuple[float, bool]]]
    told: tuple[float, float | None, float | None]


async def simulate_once(setting: Setting, seed: int) -> Run:
    """Simulate, and read what was decided, published and reported."""
    asked = Simulation(
        visitors=setting.visitors, days=DAYS, seed=seed, declare=0.9, returning=0.0, cleared=0.0,
        bots=0.0, denials=0.0, delay_hours=1.0, effects=setting.effects,
    )  # fmt: skip
    async with simulated(asked, LEARNING_SITE) as (services, done):
        shown = await _shown(services, setting)
        published = await _published(services, setting, done)
        found = (await report(services, ReportRequest(name=EXPERIMENT))).arms["learned"]
    told = found.metrics["order"]
    if told.lift is None:
        raise AssertionError(f"The report of {EXPERIMENT} withholds its lift: {told.reason}")
    return Run(done.start, shown, published, (told.lift, told.low, told.high))


async def _shown(services: Services, setting: Setting) -> list[Shown]:
    answer = await services.warehouse.seen_by(System("a proof")).query(
        'SELECT "at", bucketing_id, body FROM decisions ORDER BY "at", id'
    )
    found: dict[str, Shown] = {}
    for at, who, body in answer.rows:
        told = msgspec.json.decode(body)
        arm = {each["experiment"]: each["arm"] for each in told["assignments"]}.get(EXPERIMENT)
        industry = told["attributes"].get("industry")
        if arm is None or industry is None or who in found:
            continue
        variant = next(each[1] for each in told["decisions"] if each[0] == BLOCK)
        rates = [setting.rate(industry, name) for name in VARIANTS]
        found[who] = Shown(
            int(at), arm == "learned", setting.rate(industry, variant),
            float(np.mean(rates)), max(rates),
        )  # fmt: skip
    return list(found.values())


async def _published(
    services: Services, setting: Setting, done: Simulated
) -> dict[int, list[tuple[float, bool]]]:
    found: dict[int, list[tuple[float, bool]]] = {}
    for head in await services.artifacts.heads(PROBABILITIES, BLOCK):
        artifact = await services.artifacts.get(PROBABILITIES, BLOCK, head.number)
        if artifact is None:
            raise AssertionError(f"Artifact {head.number} is gone.")
        read = decode(artifact.body)
        cells = by_context(read)
        day = round((head.origin.made - done.start) / DAY)
        found[day] = []
        for name in INDUSTRIES:
            cell = cell_of(cells, read.overall, (name,))
            drawn = chances(cell.shares, read.exploration, list(VARIANTS))
            best = drawn[setting.best(name)]
            found[day].append((best, best >= max(drawn.values())))
    return found


async def learning() -> None:
    """Show that a block that learns finds the best variant, and the held-out what it is worth."""
    held: list[bool] = []
    for setting in SETTINGS:
        runs = [await simulate_once(setting, seed) for seed in range(RUNS)]
        print(
            f"\n## {setting.title}: {RUNS} runs of {setting.visitors:,} visitors in {DAYS} days\n"
        )
        told = "; ".join(
            f"{industry}: {', '.join(f'{v} {setting.rate(industry, v):.0%}' for v in VARIANTS)}"
            for industry in INDUSTRIES
        )
        print(f"True rates: {told}. Learned once a day, exploring {EXPLORATION:.0%}.\n")
        _probabilities(runs)
        _regret(runs)
        held += _held_out(runs)
    if bdtr(sum(held), len(held), 0.95) < CHANCE:
        raise AssertionError(f"Of {len(held)} intervals of the held-out only {sum(held)} hold.")


def _probabilities(runs: Sequence[Run]) -> None:
    print("Probability with which the best variant is drawn, over all runs and industries:\n")
    print(row("after days", "an even split", *TOLD))
    print("| :--- |" + " ---: |" * (len(TOLD) + 1))
    values = [[each for run in runs for each in run.published[day]] for day in TOLD]
    shares = [[share for share, _ in each] for each in values]
    first = [sum(leads for _, leads in each) for each in values]
    of = len(runs) * len(INDUSTRIES)
    print(row("average", f"{1 / len(VARIANTS):.0%}", *(f"{np.mean(each):.0%}" for each in shares)))
    print(row("lowest", "", *(f"{min(each):.0%}" for each in shares)))
    print(row("it is the most probable one", "", *(f"{each} of {of}" for each in first)))
    if float(np.mean(shares[-1])) < LEAST_PROBABLE or first[-1] < LEAST_FOUND * of:
        raise AssertionError(f"The best variant is not found: {values[-1]}.")


def _regret(runs: Sequence[Run]) -> None:
    print(
        "\nConversions to expect of 1,000 visitors in the arm that learns, by the true rates of "
        "what they were shown, and the regret, which is what the oracle has more:\n"
    )
    print(
        row(
            "days", "visitors", "even split", "learned", "oracle", "regret, even", "regret, learned"
        )
    )
    print("| :--- |" + " ---: |" * 6)
    sums: dict[tuple[int, int], list[Shown]] = defaultdict(list)
    for run in runs:
        for each in run.shown:
            day = (each.at - run.start) // DAY
            for period in ((0, DAYS), *PERIODS):
                if each.learned and period[0] <= day < period[1]:
                    sums[period].append(each)
    for period in (*PERIODS, (0, DAYS)):
        seen = sums[period]
        even, got, best = (
            1_000 * float(np.mean([getattr(each, name) for each in seen]))
            for name in ("even", "got", "best")
        )
        label = "all" if period == (0, DAYS) else f"{period[0] + 1} to {period[1]}"
        print(
            row(
                label, f"{len(seen):,}", f"{even:.1f}", f"**{got:.1f}**", f"{best:.1f}",
                f"{best - even:.1f}", f"{best - got:.1f}",
            )
        )  # fmt: skip
        if period == PERIODS[-1] and best - got > (best - even) / 2:
            raise AssertionError(f"After three weeks the regret is {best - got:.1f} per 1,000.")


def _held_out(runs: Sequence[Run]) -> list[bool]:
    print(
        f"\nWhat learning adds, as `persx report {EXPERIMENT}` tells it from those held out, "
        "beside the truth (by the true rates of what both arms were shown):\n"
    )
    print(row("run", "held out", "learned", "true lift", "told", "95%, always valid", "holds it"))
    print("| :--- |" + " ---: |" * 6)
    found = []
    for number, run in enumerate(runs, 1):
        arms = {
            arm: [each.got for each in run.shown if each.learned is arm] for arm in (True, False)
        }
        truth = float(np.mean(arms[True]) / np.mean(arms[False])) - 1
        lift, low, high = run.told
        holds = low is not None and low <= truth and (high is None or truth <= high)
        found.append(holds)
        ends = "–" if low is None else f"{low:+.0%} to {'any' if high is None else f'{high:+.0%}'}"
        print(
            row(
                number, f"{len(arms[False]):,}", f"{len(arms[True]):,}", f"{truth:+.1%}",
                f"{lift:+.1%}", ends, "yes" if holds else "no",
            )
        )  # fmt: skip
    return found
