"""The statistics beside those of statsmodels, tea-tasting and GrowthBook: equal, or which is right.

The other tools are installed into an environment of their own (`.make/peers`, from the dependency
group `peers`), and asked the same questions as persx. Where the method is the same, the answers
must agree to a stated tolerance. Where it differs, the truth is known and the proof counts how
often each interval misses it: over all outcomes for one look, over simulated experiments for many.

The claim that is checked: everything that is the same method agrees; the one-look interval of persx
covers at least 94% and its p-value never disagrees with it; its always-valid interval misses in at
most 5% of the runs over 28 looks.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from persx.experiments.moments import Moments
from persx.experiments.statistics.discoveries import adjusted_p
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.planning import RateBaseline, power
from persx.experiments.statistics.proportions import lift
from persx.experiments.statistics.ratios import Interval, mean_lift, ratio_lift
from persx.experiments.statistics.shares import always_valid_lift
from persx.experiments.statistics.sides import MomentPair
from persx.experiments.statistics.srm import sample_ratio
from proofs.peeking import chance

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".make" / "peers"
SKIPPED = 77
"""The exit status that says: it could not run here."""

CASES = 40
LOOKS = 28
SEQUENCES = 250
COLUMNS = ("revenue", "orders", "revenue_before", "orders_before")

Question = tuple[str, Sequence[Any]]
Answer = list[float | None]
Counts = tuple[int, int, int, int]


class Unavailable(Exception):
    """The other tools cannot be installed here."""


def python_of_the_peers() -> Path:
    """Return the interpreter that has the other tools; install them where they are missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["dependency-groups"]["peers"]
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    if python.exists() and stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return python
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    if shutil.which("uv"):
        _run(["uv", "venv", "--quiet", "--python", "3.11", str(ENVIRONMENT)])
        _run(["uv", "pip", "install", "--quiet", "--python", str(python), *wanted])
    else:
        _run([sys.executable, "-m", "venv", str(ENVIRONMENT)])
        _run([str(python), "-m", "pip", "install", "--quiet", *wanted])
    stamp.write_text("\n".join(wanted))
    return python


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable(done.stderr.strip().rpartition("\n")[2])


def ask(python: Path, questions: Sequence[Question]) -> list[Answer]:
    """Return what the other tools answer."""
    done = subprocess.run(
        [str(python), "-W", "ignore", str(ROOT / "proofs" / "peer_tools.py")],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    answers: list[Answer] = json.loads(done.stdout)
    return answers


def ends(result: Lift) -> Answer:
    """Return an interval and its p-value."""
    return [result.low, result.high, result.p]


def random_counts(rng: np.random.Generator) -> list[Counts]:
    """Return experiments of all sizes with some conversions in both arms."""
    found = []
    for _ in range(CASES):
        n1, n0 = (int(10 ** rng.uniform(2, 6)) for _ in range(2))
        rate, more = 10 ** rng.uniform(-2, -0.5), rng.uniform(0.6, 1.5)
        found.append(
            (int(rng.binomial(n1, rate * more)) + 1, n1, int(rng.binomial(n0, rate)) + 1, n0)
        )
    return found


def random_visitors(rng: np.random.Generator) -> tuple[Moments, list[Any]]:
    """Return visitors with revenue and orders, now and before: as moments, and for the peers."""
    n = int(rng.integers(200, 3_000))
    keen = rng.lognormal(0, 0.6, n)
    rows = []
    for more in (rng.uniform(0.8, 1.2), 1.0):
        orders = rng.poisson(keen)
        rows += [orders * rng.lognormal(3, 0.4, n) * keen * more, orders.astype(float)]
    means = [float(row.mean()) for row in rows]
    return Moments.of(*map(list, rows)), [n, means, np.cov(rows).tolist()]


def far(ours: Answer, theirs: Answer, scale: float = 1.0) -> float:
    """Return the largest difference, relative to the figure or to a scale."""
    return max(
        abs(a - b) / max(abs(b) if scale == 1 else scale, 1e-12)
        for a, b in zip(ours, theirs, strict=True)
        if a is not None and b is not None
    )


def agreement(python: Path, rng: np.random.Generator) -> Iterator[str]:
    """Ask the same of both where the method is the same."""
    yield "\n## The same method\n"
    yield "| what | beside | cases | largest difference | tolerance |"
    yield "| --- | --- | ---: | ---: | ---: |"
    rows: list[tuple[str, str, float, list[tuple[Answer, Question]]]] = []
    counts = random_counts(rng)
    rows.append((
        "score interval of a rate, and p", "statsmodels, score, no correction", 1e-5,
        [(ends(lift(*each)), ("statsmodels_score", each)) for each in counts],
    ))  # fmt: skip
    plans = [(rate, effect) for rate in (0.02, 0.05, 0.3) for effect in (-0.2, 0.1, 0.5)]
    rows.append((
        "power of a test of rates", "statsmodels, pooled z", 2e-3,
        [
            (
                [power(RateBaseline(rate), effect, 2 * n)],
                ("statsmodels_power", (rate, effect, n)),
            )
            for rate, effect in plans
            for n in (20_000, 200_000)
        ],
    ))  # fmt: skip
    for dependent, name in ((False, "fdr_bh"), (True, "fdr_by")):
        values = [list(rng.beta(0.3, 1, 25)) for _ in range(CASES)]
        rows.append((
            f"p adjusted, {'any dependence' if dependent else 'independent'}",
            f"statsmodels, {name}", 1e-9,
            [(list(adjusted_p(v, dependent=dependent)), ("statsmodels_adjusted", (v, name)))
             for v in values],
        ))  # fmt: skip
    pairs = [(random_visitors(rng), random_visitors(rng)) for _ in range(CASES)]
    methods: list[tuple[str, Callable[..., Lift], tuple[int, ...], tuple[str, ...]]] = [
        ("mean", mean_lift, (0,), ("revenue", "", "", "")),
        ("ratio", ratio_lift, (0, 1), ("revenue", "orders", "", "")),
    ]
    for noun, method, columns, metric in methods:
        answers = [
            (
                MomentPair(arm.chosen(*columns), control.chosen(*columns)),
                ("tea_tasting_mean", (COLUMNS, [for_control, for_arm], metric)),
            )
            for (arm, for_arm), (control, for_control) in pairs
        ]
        rows.append((
            f"log-scale interval of a {noun}", "tea-tasting", 1e-9,
            [(ends(method([pair]))[:2], question) for pair, question in answers],
        ))  # fmt: skip
        rows.append((
            f"p of a {noun} by Fieller", "tea-tasting, difference", 1e-6,
            [([None, None, method([pair], interval=Interval.FIELLER).p], question)
             for pair, question in answers],
        ))  # fmt: skip
    splits = [(int(rng.binomial(3_000, 0.48)), 1_560) for _ in range(CASES)]
    rows.append((
        "an equal split, exactly", "tea-tasting, binomial", 1e-6,
        [([sample_ratio({"a": a, "b": b}, {"a": 1, "b": 1}).p], ("tea_tasting_split", (a, b)))
         for a, b in splits],
    ))  # fmt: skip
    for what, beside, tolerance, cases in rows:
        theirs = ask(python, [question for _, question in cases])
        largest = max(
            far(ours, other[: len(ours)]) for (ours, _), other in zip(cases, theirs, strict=True)
        )
        yield f"| {what} | {beside} | {len(cases)} | {largest:.1e} | {tolerance:.0e} |"
        if not largest <= tolerance:
            raise AssertionError(f"{what}: {largest} from {beside}.")
    yield from _cuped(python, pairs)


def _cuped(python: Path, pairs: Sequence[Any]) -> Iterator[str]:
    """CUPED of a mean: the regression is pooled differently, so ends are compared by the width."""
    metric = ("revenue", "", "revenue_before", "")
    theirs = ask(
        python,
        [("tea_tasting_mean", (COLUMNS, [c[1], a[1]], metric)) for a, c in pairs],
    )
    largest, widths = 0.0, []
    for (arm, control), other in zip(pairs, theirs, strict=True):
        pair = MomentPair(arm[0].chosen(0, 2), control[0].chosen(0, 2))
        bare = mean_lift([MomentPair(*(each.chosen(0) for each in pair))])
        ours = mean_lift([pair])
        assert None not in (other[0], other[1], bare.low, bare.high, ours.low, ours.high)
        width = other[1] - other[0]  # type: ignore[operator]
        largest = max(largest, far(ends(ours)[:2], other[:2], width))
        widths.append((ours.high - ours.low) / (bare.high - bare.low))  # type: ignore[operator]
    yield (
        f"| CUPED of a mean, in widths of the interval | tea-tasting | {len(pairs)} "
        f"| {largest:.1e} | 5e-03 |"
    )
    yield f"\nCUPED leaves {statistics.median(widths):.0%} of the width here (median)."
    if largest > 0.005:
        raise AssertionError("CUPED does not agree.")


def outcomes(rate: float, n: int, truth: float) -> list[tuple[Counts, float]]:
    """Return what may happen in two arms of n visitors with its probability, but for the rarest."""
    likely = []
    for p in (rate * (1 + truth), rate):
        values = np.arange(n + 1)
        chances = chance(values, n, p)
        likely.append(
            [(int(x), float(c)) for x, c in zip(values, chances, strict=True) if c > 1e-9]
        )
    return [
        ((x1, n, x0, n), c1 * c0) for x1, c1 in likely[0] for x0, c0 in likely[1] if c1 * c0 > 1e-9
    ]


def one_look(python: Path, rng: np.random.Generator) -> Iterator[str]:
    """Add up how likely intervals that are looked at once miss the truth: exactly."""
    del rng
    yield "\n## One look, rates: who covers, over all outcomes\n"
    yield (
        "| rate | visitors an arm | true lift | tool | covers | misses below | above "
        "| p and interval disagree |"
    )
    yield "| ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |"
    for rate, n, truth in ((0.01, 1_000, 0.2), (0.02, 1_000, 0.0), (0.05, 1_000, 0.1)):
        weighted = outcomes(rate, n, truth)
        data = [each for each, _ in weighted]
        answers = {
            "persx, score": [ends(lift(*each)) for each in data],
            "tea-tasting, log-scale t": ask(
                python, [("tea_tasting_mean", _as_means(each)) for each in data]
            ),
            "GrowthBook, delta method t": ask(
                python, [("growthbook_one_look", each) for each in data]
            ),
        }
        for tool, found in answers.items():
            below = above = apart = 0.0
            for (low, high, p), (_, likely) in zip(found, weighted, strict=True):
                above += likely * (low is not None and low > truth)
                below += likely * (high is not None and high < truth)
                if p is not None and low is not None:
                    out = low > 0 or (high is not None and high < 0)
                    apart += likely * (out != (p < 0.05))
            yield (
                f"| {rate:.0%} | {n:,} | {truth:+.0%} | {tool} | **{1 - below - above:.1%}** "
                f"| {below:.1%} | {above:.1%} | {apart:.1%} |"
            )
            if tool.startswith("persx") and (below + above > 0.06 or apart):
                raise AssertionError("The score interval does not hold what it promises.")


def _as_means(data: Counts) -> Sequence[Any]:
    x1, n1, x0, n0 = data
    arms = [[n, [x / n], [[x / n * (1 - x / n) * n / (n - 1)]]] for x, n in ((x0, n0), (x1, n1))]
    return ["y"], arms, ("y", "", "", "")


def many_looks(python: Path, rng: np.random.Generator) -> Iterator[str]:
    """Count the experiments in which some of 28 daily intervals misses the truth."""
    yield f"\n## {LOOKS} daily looks, rates: who misses at any look, in {SEQUENCES:,} runs\n"
    yield "| rate | a day and arm | tool | misses | of them at a worse | width on the last day |"
    yield "| ---: | ---: | --- | ---: | ---: | ---: |"
    for rate, a_day in ((0.02, 200), (0.005, 1_000)):
        totals = [rng.binomial(a_day, rate, (SEQUENCES, LOOKS)).cumsum(axis=1) for _ in range(2)]
        data = [
            (
                int(totals[0][run, day]),
                a_day * (day + 1),
                int(totals[1][run, day]),
                a_day * (day + 1),
            )
            for run in range(SEQUENCES)
            for day in range(LOOKS)
        ]
        distinct = sorted(set(data))
        answers = {
            "persx, share of conversions": [ends(always_valid_lift(*each)) for each in distinct],
            "GrowthBook, sequential": ask(
                python, [("growthbook_sequential", each) for each in distinct]
            ),
        }
        for tool, found in answers.items():
            known = dict(zip(distinct, found, strict=True))
            missed = worse = 0
            widths = []
            for run in range(SEQUENCES):
                looks = [known[each] for each in data[run * LOOKS : (run + 1) * LOOKS]]
                low = any(each[0] is not None and each[0] > 0 for each in looks)
                high = any(each[1] is not None and each[1] < 0 for each in looks)
                missed += low or high
                worse += high
                first, last = looks[-1][:2]
                if first is not None and last is not None:
                    widths.append(last - first)
            yield (
                f"| {rate:.1%} | {a_day:,} | {tool} | **{missed / SEQUENCES:.1%}** "
                f"| {worse / SEQUENCES:.1%} | {statistics.median(widths):.3f} |"
            )
            if tool.startswith("persx") and missed / SEQUENCES > 0.05:
                raise AssertionError("The always-valid interval misses too often.")


def versions() -> str:
    """Return which tools were asked, as pyproject names them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return ", ".join(project["dependency-groups"]["peers"][:3])


def main() -> int:
    """Print the proof, or say what is missing and stop."""
    try:
        python = python_of_the_peers()
    except Unavailable as reason:
        print(f"The other tools cannot be installed here: nothing was proved. {reason}")
        return SKIPPED
    rng = np.random.default_rng(20261122)
    print(f"Asked: {versions()}.")
    for part in (agreement, one_look, many_looks):
        for line in part(python, rng):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
