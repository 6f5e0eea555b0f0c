"""A real e-mail test of 64,000 customers: every arm, metric and segment, and whom to write to.

The customers of the MineThatData test (Hillstrom, 2008) were split at random into a men's e-mail,
a women's e-mail and none. The file is imported and reported the way a user does it: the figures of
arms and segments come out of these reports. Comparators were named before the data were looked at:
"No E-Mail" is what is generic, and each e-mail is compared with the other, which everybody might
get instead. Beside a lift stands its 95% interval with the p-value of the same inversion; in
segments the interval as if there were no other segment, the one adjusted for their number, and the
one that is pooled with the other segments of the attribute.

Then a T-learner predicts by how much an e-mail raises a customer's chance to visit or to buy: a
ridge-penalised logistic regression for each arm (of recency, history, what was bought, newcomers,
address, channel and their interactions), whose penalty is chosen within the training folds. Nobody
is predicted by a model that saw their outcome: five folds, drawn anew five times, of whose
predictions each customer has the mean. Uplift@30% is the rate of the outcome among the treated less
that among the untreated, within the 30% whose predicted uplift is highest. Qini is the area between
the curve of what is gained and that of a random order, in outcomes per 1,000 customers. Intervals
are the middle 95% of bootstrap samples of the customers. At last, everybody gets that of the three
arms which promises them most; what this is worth is estimated doubly robustly, by persx's own
estimator, and compared with the one arm that is best for all, chosen within the training folds too.

The claims that are checked: for visits after the women's e-mail, uplift@30% is above the reference
of .066 and, with its whole interval, above the uplift of all; random orders are not; and every
interval of an e-mail's lift over none, in visits, lies above 0.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import numpy as np

from persx.app.commands import call
from persx.app.imports import IMPORT_EXPERIMENT, ImportExperiment
from persx.app.reports import REPORT, ReportRequest
from persx.experiments import wording
from persx.experiments.off_policy import ESTIMATORS, Logged, evaluate
from persx.experiments.readout import ArmReadout, MetricReadout, Readout
from proofs.uplift_tools import (
    Floats,
    Ints,
    OutOfFold,
    bootstrapped,
    by_chance,
    out_of_fold,
    ranked,
    uplift_curve,
    worth,
)

FILE: Final = "experiments/hillstrom.csv"
SKIPPED: Final = 77
"""The exit status that says: it could not run here."""

NONE: Final = "No E-Mail"
MENS: Final = "Mens E-Mail"
WOMENS: Final = "Womens E-Mail"
ARMS: Final = (NONE, MENS, WOMENS)

SHARE: Final = 0.3
REFERENCE: Final = 0.066
"""Uplift@30% of visits after the women's e-mail that others' T-learners have reached."""

SEEDS: Final = (1, 2, 3, 4, 5)
SAMPLES: Final = 1_000
ORDERS: Final = 300


def read(file: Path, control: str) -> Readout:
    """Import the file into a fresh home and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        call(
            home,
            IMPORT_EXPERIMENT,
            ImportExperiment(
                file=str(file),
                name="hillstrom",
                arm="segment",
                control=control,
                metrics=("conversion", "visit", "spend"),
                attributes=(
                    "channel", "zip_code", "newbie", "recency", "history_segment", "mens", "womens",
                ),
            ),
        )  # fmt: skip
        return call(home, REPORT, ReportRequest(name="hillstrom"))


def report_lines(over: Mapping[str, Readout]) -> Iterator[str]:
    """Return the reports as lines of Markdown.

    Args:
        over: Comparator → report.
    """
    readout = over[NONE]
    p = "–" if readout.srm.p is None else f"{readout.srm.p:.2f}"
    yield f"{readout.visitors:,} customers in {len(readout.arms)} arms; equal shares: p = {p}"
    for heading in readout.metrics:
        yield f"\n## {heading.label}\n"
        titles = ["arm", "against", "customers", "total", heading.rate_label, "lift", "95%", "p"]
        rows = []
        for control, name in ((NONE, NONE), (NONE, MENS), (NONE, WOMENS), (WOMENS, MENS),
                              (MENS, WOMENS)):  # fmt: skip
            arm = over[control].arms[name]
            found = arm.metrics[heading.name]
            told = [_lift(found), wording.interval(found.low, found.high), _p(found.p)]
            against = "" if control == name else control
            rows.append([name, against, *_counted(arm, heading.name, heading.kind), *told])
        yield from _aligned([titles, *rows], names=2)
    for attribute in readout.segments:
        for heading in readout.metrics:
            yield f"\n## {heading.label} by {attribute}\n"
            yield from _segments(over, attribute, heading.name, heading.kind, heading.rate_label)


def _segments(
    over: Mapping[str, Readout], attribute: str, metric: str, kind: str, rate_label: str
) -> Iterator[str]:
    rows = [
        [
            attribute, "arm", "against", "customers", "total", rate_label, "lift", "95%", "p",
            "adjusted", "p adjusted", "pooled lift", "pooled 95%",
        ]
    ]  # fmt: skip
    for value in over[NONE].segments[attribute]:
        for control, name in ((NONE, NONE), (NONE, MENS), (NONE, WOMENS), (WOMENS, MENS)):
            arm = over[control].segments[attribute][value].arms[name]
            found = arm.metrics[metric]
            adjusted, pooled = found.adjusted, found.pooled
            rows.append(
                [
                    value,
                    name,
                    "" if control == name else control,
                    *_counted(arm, metric, kind),
                    _lift(found),
                    wording.interval(found.low, found.high),
                    _p(found.p),
                    wording.interval(adjusted.low, adjusted.high) if adjusted else "–",
                    _p(adjusted.p) if adjusted else "–",
                    wording.signed_percent(pooled.lift) if pooled else "–",
                    wording.interval(pooled.low, pooled.high) if pooled else "–",
                ]
            )
    yield from _aligned(rows, names=3)


def _counted(arm: ArmReadout, metric: str, kind: str) -> list[str]:
    found = arm.metrics[metric]
    return [f"{arm.n:,}", wording.amount(found.total), wording.rate(kind, found.rate)]


def _lift(found: MetricReadout) -> str:
    return wording.signed_percent(found.lift)


def _p(p: float | None) -> str:
    return "–" if p is None else f"{p:.2g}"


def _aligned(rows: Sequence[Sequence[str]], *, names: int) -> Iterator[str]:
    """Return a Markdown table that is a table as plain text too; figures stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if place < names else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            marks = [
                "-" * width if place < names else "-" * (width - 1) + ":"
                for place, width in enumerate(widths)
            ]
            yield f"| {' | '.join(marks)} |"


class Customers(NamedTuple):
    """What is known of customers before the test, their arm, and what they did."""

    features: Floats
    arm: Ints
    outcomes: dict[str, Floats]


def customers(file: Path) -> Customers:
    """Read the file as numbers."""
    rows = duckdb.execute(
        "SELECT recency, history, mens, womens, newbie, zip_code, channel, segment, visit, "
        "conversion FROM read_csv($file)",
        {"file": str(file)},
    ).fetchnumpy()
    history = np.log(np.asarray(rows["history"], dtype=np.float64))
    recency = np.asarray(rows["recency"], dtype=np.float64)
    recency, history = recency - recency.mean(), history - history.mean()
    bought = [np.asarray(rows[name], dtype=np.float64) for name in ("mens", "womens", "newbie")]
    places = [np.asarray(rows["zip_code"] == name, np.float64) for name in ("Rural", "Urban")]
    ways = [np.asarray(rows["channel"] == name, np.float64) for name in ("Phone", "Web")]
    plain = [recency, history, *bought, *places, *ways]
    mens, womens, newbie = bought
    crossed = [recency**2, history**2, recency * history, mens * womens]
    crossed += [each * goods for goods in (mens, womens) for each in (recency, history, newbie)]
    crossed += [each * goods for goods in (mens, womens) for each in (*places, *ways)]
    crossed += [recency * newbie, history * newbie]
    arm = np.array([ARMS.index(str(name)) for name in rows["segment"]], dtype=np.int64)
    outcomes = {name: np.asarray(rows[name], dtype=np.float64) for name in ("visit", "conversion")}
    return Customers(np.column_stack([*plain, *crossed]), arm, outcomes)


def uplift_lines(who: Customers, learned: Mapping[str, Sequence[OutOfFold]]) -> Iterator[str]:
    """Return what the rankings are worth, and fail where a claim does not hold."""
    rows = [
        ["outcome", "e-mail", "customers", "uplift of all", "uplift@30%", "95%", "above all by",
         "95%", "mean (range) of single repetitions", "95% of random orders", "Qini", "95%",
         "95% of random orders"]
    ]  # fmt: skip
    steps = [["outcome", "e-mail", *(f"{share:.0%}" for share in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0))]]
    for outcome, email in (
        ("visit", WOMENS), ("visit", MENS), ("conversion", WOMENS), ("conversion", MENS)
    ):  # fmt: skip
        place = ARMS.index(email)
        those = np.isin(who.arm, (0, place))
        treated, happened = who.arm[those] == place, who.outcomes[outcome][those]
        singly = [each.predicted[those, place] - each.predicted[those, 0]
                  for each in learned[outcome]]  # fmt: skip
        order = ranked(np.mean(singly, axis=0), treated, happened)
        curve = uplift_curve(order)
        found = worth(curve, SHARE)
        drawn = bootstrapped(order, SHARE, samples=SAMPLES, seed=30)
        chance = by_chance(order, SHARE, orders=ORDERS, seed=31)
        single = [worth(uplift_curve(ranked(each, treated, happened)), SHARE).at for each in singly]
        above = _between(drawn[:, 1] - drawn[:, 0])
        rows.append(
            [
                outcome, email, f"{len(happened):,}", f"{found.overall:.4f}", f"{found.at:.4f}",
                _range(_between(drawn[:, 1])), f"{found.at - found.overall:.4f}", _range(above),
                f"{np.mean(single):.4f} ({_range((min(single), max(single)))})",
                _range(_between(chance[:, 1])),
                f"{found.qini * 1_000:.2f}", _range(_between(drawn[:, 2] * 1_000), 2),
                _range(_between(chance[:, 2] * 1_000), 2),
            ]
        )  # fmt: skip
        steps.append(
            [outcome, email, *(f"{curve[at - 1]:.4f}" for at in (10, 20, 30, 50, 70, 100))]
        )
        if (outcome, email) == ("visit", WOMENS):
            if found.at <= REFERENCE:
                raise AssertionError(f"Uplift@30% is {found.at:.4f}, not above {REFERENCE}.")
            if above[0] <= 0 or found.at <= _between(chance[:, 1])[1]:
                raise AssertionError(f"Uplift@30% of {found.at:.4f} may be chance: {above}.")
    yield "\n## Uplift, out of fold\n"
    yield f"The reference for visits after the women's e-mail is {REFERENCE:g}.\n"
    yield from _aligned(rows, names=2)
    yield "\nUplift among the first so many, by predicted uplift:\n"
    yield from _aligned(steps, names=2)


def _between(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _range(ends: tuple[float, float], digits: int = 4) -> str:
    return _signs(f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}")


def _signs(text: str) -> str:
    return text.replace("-", wording.MINUS)


def policy_lines(who: Customers, learned: Mapping[str, Sequence[OutOfFold]]) -> Iterator[str]:
    """Return what it is worth that everybody gets the arm which promises them most."""
    share = np.bincount(who.arm) / len(who.arm)
    here = np.arange(len(who.arm))
    rows = [["outcome", "policy", "of whom get none, men's, women's", "rate", "95%", "learned less",
             "95%", "learned over it", "95%"]]  # fmt: skip
    for outcome, happened in who.outcomes.items():
        predicted = np.mean([each.predicted for each in learned[outcome]], axis=0)

        def logged(
            chosen: Ints, predicted: Floats = predicted, happened: Floats = happened
        ) -> Logged:
            return Logged(
                reward=happened,
                propensity=share[who.arm],
                target=(chosen == who.arm).astype(np.float64),
                predicted=predicted[here, who.arm],
                expected=predicted[here, chosen],
            )

        best = learned[outcome][0].best
        policies: dict[str, Ints] = {"learned": predicted.argmax(axis=1)}
        policies["the best one for all, of the other folds"] = best
        policies |= {name: np.full(len(here), place) for place, name in enumerate(ARMS)}
        terms = {}
        for name, chosen in policies.items():
            log = logged(chosen)
            told = evaluate(log).estimates["dr"]
            terms[name] = ESTIMATORS["dr"](log, log.target / log.propensity)
            apart = terms["learned"].influence - terms[name].influence
            value = terms["learned"].value - terms[name].value
            # Of the ratio of two means of the same customers (delta method).
            ratio = terms["learned"].value / terms[name].value
            spread = terms["learned"].influence - ratio * terms[name].influence
            width = 1.96 * float(apart.std()) / len(here) ** 0.5
            wide = 1.96 * float(spread.std()) / terms[name].value / len(here) ** 0.5
            given = ", ".join(
                f"{each:.0%}" for each in np.bincount(chosen, minlength=3) / len(here)
            )
            rows.append(
                [
                    outcome,
                    name,
                    given,
                    f"{told.value:.2%}",
                    "–" if told.low is None else f"{told.low:.2%} to {told.high:.2%}",
                ]
                + (
                    ["–"] * 4
                    if name == "learned"
                    else [
                        _signs(f"{value * 100:+.2f} points"),
                        _signs(f"{(value - width) * 100:+.2f} to {(value + width) * 100:+.2f}"),
                        wording.signed_percent(ratio - 1),
                        wording.interval(ratio - 1 - wide, ratio - 1 + wide),
                    ]
                )
            )
    yield "\n## Everybody what promises them most\n"
    yield from _aligned(rows, names=2)


def check_visits(readout: Readout) -> None:
    """Fail where an e-mail does not raise visits."""
    for name in (MENS, WOMENS):
        low = readout.arms[name].metrics["visit"].low
        if low is None or low <= 0:
            raise AssertionError(f"The lift of {name} in visits may be 0: its interval is {low}.")


def main() -> int:
    """Print the proof, or say what is missing and stop."""
    data = os.environ.get("PERSX_DATA")
    file = Path(data or "") / FILE
    if not data or not file.is_file():
        print(f"{FILE} is not in the folder that PERSX_DATA names: nothing was proved.")
        return SKIPPED
    over = {control: read(file, control) for control in ARMS}
    check_visits(over[NONE])
    who = customers(file)
    learned = {
        outcome: [out_of_fold(who.features, who.arm, happened, seed=seed) for seed in SEEDS]
        for outcome, happened in who.outcomes.items()
    }
    print(next(lines := report_lines(over)))
    for line in (*uplift_lines(who, learned), *policy_lines(who, learned), *lines):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
