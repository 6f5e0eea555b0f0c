"""Alarms of health: each objective errs less than once a year, and breakage is found within 200.

Each objective that is there without configuration is simulated, a year at a time, with the
product's own limits and thresholds: first where everything is as bad as it may just be, which is
the hardest case for an alarm that shall stay quiet, then where something breaks. Beside them stand
the alarms that people write first: this week's figure against the target.

What is checked: with 95% confidence no objective gives one false alarm a year or more, and a
variant that fails, or an industry that falls to default, is confirmed within 200 eligible decisions
in every run. The simulation is checked against the product's own detector.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from persx.experiments.statistics.shares import always_valid_lift
from persx.health.detector import (
    FALSE_ALARMS_A_YEAR,
    Detector,
    Trials,
    advance,
    evidence,
    threshold,
    worse_rates,
)
from persx.health.indicator import Evidence
from persx.health.indicators import INDICATORS
from persx.health.judging import SLOT, STEPS, limit_of
from persx.health.objectives import DEFAULT_OBJECTIVES
from persx.model.clock import DAY, MINUTE, SECOND, Millis
from persx.model.health import Objective

Numbers = NDArray[np.float64]
Draw = Callable[[int], tuple[Numbers, int]]
"""Step → bad trials of each run and subject, and how many trials there were."""

YEAR: Final = 365 * DAY
MOST_DECISIONS: Final = 200
LIFT_YEARS: Final = 200
BY_NAME: Final = {each.name: each for each in DEFAULT_OBJECTIVES}


class Watching:
    """The product's detector for many runs and subjects at once."""

    def __init__(self, limit: float, step: Millis, shape: tuple[int, ...], watched: int) -> None:
        rates = np.array(worse_rates(limit))
        self._good = np.log((1 - rates) / (1 - limit))
        self._bad = np.log(rates / limit) - self._good
        self._scores = np.zeros((*shape, len(rates)))
        self._limit = threshold(YEAR / step, watched)
        self._floor = self._limit - math.log(len(rates))

    def step(self, bad: Numbers, total: int) -> NDArray[np.bool_]:
        """Advance by a step; tell where a change is confirmed."""
        scores = self._scores
        np.maximum(scores, 0.0, out=scores)
        scores += bad[..., None] * self._bad
        scores += total * self._good
        top = scores.max(axis=-1)
        if top.max() < self._limit:
            return np.zeros(top.shape, dtype=bool)
        mean = top + np.log(np.exp(scores - top[..., None]).mean(axis=-1))
        confirmed: NDArray[np.bool_] = mean >= self._limit
        return confirmed

    def forget(self, where: NDArray[np.bool_]) -> None:
        """Begin anew where an alarm was given."""
        self._scores[where] = 0.0


def check_against_the_product() -> None:
    """Fail where this simulation and the product's detector differ."""
    chance = np.random.default_rng(1)
    ours = Watching(0.2, SECOND, (1,), 1)
    theirs = Detector()
    for number in range(1, 400):
        bad = int(chance.binomial(10, 0.3 if number > 300 else 0.15))
        found = bool(ours.step(np.array([float(bad)]), 10)[0])
        theirs = advance(theirs, Trials(bad, 10, number * SECOND), 0.2, SECOND)
        if found != (evidence(theirs) >= threshold(YEAR / SECOND, 1)):
            raise AssertionError(f"The simulation differs from the product at step {number}.")


def false_alarms(objective: Objective, runs: int, subjects: int, steps: int, draw: Draw) -> int:
    """Return the false alarms of so many years, each with so many subjects."""
    kind = INDICATORS[objective.measure.value].evidence
    watching = Watching(limit_of(objective, kind), STEPS[kind], (runs, subjects), subjects)
    alarms = 0
    for number in range(steps):
        confirmed = watching.step(*draw(number))
        if confirmed.any():
            alarms += int(confirmed.sum())
            watching.forget(confirmed)
    return alarms


def upper(count: int, years: int) -> float:
    """Return the upper end of the 95% interval of a rate, from a count of a Poisson."""
    low, high = 0.0, 10.0 + 3 * count
    for _ in range(80):
        middle = (low + high) / 2
        below = sum(
            math.exp(-middle + k * math.log(middle) - math.lgamma(k + 1)) for k in range(count + 1)
        )
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high / years


def quiet_rows() -> Iterator[tuple[str, str, int, int]]:
    """Yield objective, what is simulated, years and false alarms."""
    chance = np.random.default_rng(20261122)
    for name in ("content-works", "industries-served"):
        objective = BY_NAME[name]
        limit, runs, subjects = limit_of(objective, Evidence.TRIALS), 60, 10
        draws = chance.binomial(10, limit, (1_000, runs, subjects)).astype(np.float64)
        order = chance.integers(0, 1_000, 365 * 24 * 60)

        def decisions(
            number: int, draws: Numbers = draws, order: NDArray[np.int64] = order
        ) -> tuple[Numbers, int]:
            # A thousand drawn moments in a random order; runs are shifted against each other.
            return np.roll(draws[order[number]], number % 59, axis=0), 10

        told = (
            f"{subjects} blocks × industries, 10 decisions a minute each, {limit:.3g} of them bad"
        )
        yield name, told, runs, false_alarms(objective, runs, subjects, len(order), decisions)
    for name in ("personalization-rate", "persistence"):
        objective = BY_NAME[name]
        limit, runs = limit_of(objective, Evidence.DAYS), 4_000

        def visitors(_: int, limit: float = limit, runs: int = runs) -> tuple[Numbers, int]:
            return chance.binomial(300, limit, (runs, 5)).astype(np.float64), 300

        told = f"5 industries, 300 visitors a day each, {limit:.0%} of them without"
        yield name, told, runs, false_alarms(objective, runs, 5, 365, visitors)
    objective = BY_NAME["personalization-rate"]
    limit = limit_of(objective, Evidence.DAYS)
    fates = np.sort(chance.beta(2 * limit, 2 * (1 - limit), 1_500))
    fates += limit - fates.mean()
    fates = np.clip(fates, 0, 1)

    def again(_: int) -> tuple[Numbers, int]:
        here = chance.permutation(fates)[: 300 * 4].reshape(4, 300)
        bad = (chance.random((1_000, 1, 4, 300)) < here).sum(axis=-1).reshape(1_000, 4)
        return bad.astype(np.float64), 300

    told = "4 industries; some visitors nearly always without, others never"
    yield "personalization-rate", told, 1_000, false_alarms(objective, 1_000, 4, 365, again)
    for name in ("server-errors", "browser-errors", "latency"):
        objective = BY_NAME[name]
        limit, runs = limit_of(objective, Evidence.SLOTS), 400

        def slots(_: int, limit: float = limit, runs: int = runs) -> tuple[Numbers, int]:
            return (chance.random((runs, 1)) < limit).astype(np.float64), 1

        told = f"{limit:.0%} of all stretches of ten minutes are bad"
        yield name, told, runs, false_alarms(objective, runs, 1, YEAR // SLOT, slots)
    yield (
        "lift",
        "5 industries, 3% convert, 400 visitors a day and arm, a true PLI of 15%",
        LIFT_YEARS,
        (sum(lift_alarm(chance, 0.15) is not None for _ in range(LIFT_YEARS))),
    )


def lift_alarm(
    chance: np.random.Generator, pli: float, industries: int = 5, visitors: int = 400
) -> int | None:
    """Return the day of a year on which a lift below its target is confirmed; none if never.

    As health does, at the confidence that it asks for: intervals that may be looked at as often as
    wanted, of which only the number is allowed for.
    """
    objective = BY_NAME["lift"]
    confidence = 1 - FALSE_ALARMS_A_YEAR / industries
    rate = 0.03
    arm = chance.binomial(visitors, rate * (1 + pli), (365, industries)).cumsum(axis=0)
    control = chance.binomial(visitors, rate, (365, industries)).cumsum(axis=0)
    days = np.arange(1, 366)[:, None]
    ratio = np.log((arm + 0.5) / (control + 0.5) / (1 + objective.target))
    spread = np.sqrt(1 / (arm + 0.5) + 1 / (control + 0.5))
    # The interval is costly: it is computed where it could lie below the target at all.
    for day, industry in np.argwhere((ratio / spread < -2.0) & (days >= 7)):
        n = int(visitors * (day + 1))
        found = always_valid_lift(
            int(arm[day, industry]), n, int(control[day, industry]), n, confidence=confidence
        )
        if found.high is not None and found.high < objective.target:
            return int(day) + 1
    return None


def times(
    objective: Objective,
    *,
    watched: int,
    total: int,
    rate: float,
    runs: int = 2_000,
    steps: int = 2_000,
    before: float = 0.0,
) -> Numbers:
    """Return after how many steps a change is confirmed, run by run; infinite where it is not.

    Args:
        objective: What is watched.
        watched: Subjects that share its threshold.
        total: Trials a step.
        rate: Of these, bad ones after the change.
        runs: How often.
        steps: How long at most.
        before: The rate of bad ones before, for a hundred steps.
    """
    kind = INDICATORS[objective.measure.value].evidence
    chance = np.random.default_rng(7)
    watching = Watching(limit_of(objective, kind), STEPS[kind], (runs,), watched)
    for _ in range(100):
        watching.step(chance.binomial(total, before, runs).astype(np.float64), total)
    found = np.full(runs, np.inf)
    for number in range(1, steps + 1):
        confirmed = watching.step(chance.binomial(total, rate, runs).astype(np.float64), total)
        found[confirmed & np.isinf(found)] = number
        if np.isfinite(found).all():
            break
    return found


def row(*cells: object) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def spread(found: Numbers, unit: float = 1.0) -> tuple[str, str, str]:
    """Return median, 95th percentile and largest in words."""

    def told(value: float) -> str:
        return f"{value * unit:,.0f}" if math.isfinite(value) else "not within the run"

    middle, late = np.quantile(found, [0.5, 0.95], method="higher")
    return told(float(middle)), told(float(late)), told(float(found.max()))


def breakage() -> Iterator[str]:
    """Yield the lines on breakage of content, and fail where it takes more than 200 decisions."""
    yield row("objective", "what breaks", "median", "95% within", "slowest")
    yield row("---", "---", "--:", "--:", "--:")
    for name in ("content-works", "industries-served"):
        for told, rate, watched in (
            ("every decision falls to default", 1.0, 10),
            ("the same, of 1,000 blocks × industries", 1.0, 1_000),
            ("two of three", 2 / 3, 10),
        ):
            found = times(BY_NAME[name], watched=watched, total=1, rate=rate)
            yield row(name, told, *spread(found))
            if found.max() > MOST_DECISIONS:
                raise AssertionError(f"{name}: {told}: {found.max()} decisions.")
    for share in (0.2, 0.05, 0.01):
        found = times(
            BY_NAME["content-works"], watched=10, total=10, rate=share, steps=20_000, runs=500
        )
        eligible = found * 10 * share
        yield row(
            "content-works",
            f"a variant that {share:.0%} of the decisions show, always; its own decisions",
            *spread(eligible),
        )
        if eligible.max() > MOST_DECISIONS:
            raise AssertionError(f"A variant of {share:.0%}: {eligible.max()} decisions.")


def decline() -> Iterator[str]:
    """Yield the lines on rates that fall."""
    yield row("objective", "what happens", "median", "95% within", "slowest")
    yield row("---", "---", "--:", "--:", "--:")
    for name in ("personalization-rate", "persistence"):
        for per_day in (50, 500):
            for rate in (0.65, 0.5, 0.0):
                found = times(
                    BY_NAME[name], watched=5, total=per_day, rate=1 - rate, before=0.15,
                    runs=1_000, steps=1_000,
                )  # fmt: skip
                told = f"from 85% to {rate:.0%}, {per_day} visitors a day in an industry"
                yield row(name, told, *(f"{each} days" for each in spread(found)))
    for name in ("server-errors", "browser-errors", "latency"):
        for rate in (1.0, 0.5):
            found = times(BY_NAME[name], watched=1, total=1, rate=rate, runs=1_000)
            told = f"{rate:.0%} of the stretches of ten minutes are bad"
            cells = spread(found, SLOT / MINUTE)
            yield row(name, told, *(f"{each} minutes" for each in cells))
    chance = np.random.default_rng(3)
    for pli in (0.0, -0.2):
        runs = [lift_alarm(chance, pli) or math.inf for _ in range(LIFT_YEARS)]
        told = f"a true PLI of {pli:.0%} from the first day, 400 visitors a day and arm"
        yield row("lift", told, *(f"{each} days" for each in spread(np.array(runs))))


def naive() -> Iterator[str]:
    """Yield the lines on alarms as they are written first."""
    chance = np.random.default_rng(11)
    runs = 2_000
    reached = chance.binomial(1_000, 0.72, (runs, 30)) / 1_000
    plain = float((reached < 0.7).any(axis=1).mean())
    watching = Watching(0.3, STEPS[Evidence.DAYS], (runs, 1), 1)
    confirmed = np.zeros(runs, dtype=bool)
    for day in range(30):
        confirmed |= watching.step(1_000 - 1_000 * reached[:, day, None], 1_000)[:, 0]
    arm = chance.binomial(2_000, 0.03 * 1.15, (runs, 90))
    control = chance.binomial(2_000, 0.03, (runs, 90))
    weeks = np.lib.stride_tricks.sliding_window_view
    ratio = weeks(arm, 7, axis=1).sum(axis=-1) / weeks(control, 7, axis=1).sum(axis=-1) - 1
    low = float((ratio < 0.1).any(axis=1).mean())
    yield row("alarm", "truth", "fires in")
    yield row("---", "---", "--:")
    yield row("the day's personalization rate < 70%", "72%, 1,000 a day, 30 days", f"{plain:.0%}")
    yield row("personalization-rate, CONFIRMED", "the same runs", f"{float(confirmed.mean()):.0%}")
    yield row("the week's PLI < 10%", "15%, 3% convert, 2,000 a day and arm, 90 days", f"{low:.0%}")


def print_all(lines: Sequence[str]) -> None:
    """Print lines, and an empty one."""
    for line in lines:
        print(line)
    print()


def main() -> int:
    """Print the proof; fail where it does not hold."""
    check_against_the_product()
    print("### Quiet while everything is as bad as it may just be\n")
    print(row("objective", "a year of", "years", "false alarms", "a year, at most (95%)"))
    print(row("---", "---", "--:", "--:", "--:"))
    for name, told, years, alarms in quiet_rows():
        most = upper(alarms, years)
        print(row(name, told, f"{years:,}", alarms, f"{most:.3f}"))
        if most >= 1:
            raise AssertionError(f"{name} may give {most:.2f} false alarms a year.")
    print(
        "\n`fresh-variants` counts what is there: it cannot err by chance.\n\n"
        "### Decisions until breakage is confirmed\n"
    )
    print_all(list(breakage()))
    print("### Time until a decline is confirmed\n")
    print_all(list(decline()))
    print("### The alarms that people write first\n")
    print_all(list(naive()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
