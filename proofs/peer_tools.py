"""What runs inside the environment of the other tools: reads questions as JSON, answers as JSON.

It imports nothing of persx. Every function takes plain numbers and returns plain numbers; `None`
where the tool gives none.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

Answer = list[float | None]
Numbers = Sequence[float]


def _plain(values: Sequence[Any]) -> Answer:
    return [float(each) if math.isfinite(each) else None for each in values]


def statsmodels_score(x1: int, n1: int, x0: int, n0: int) -> Answer:
    """Return low, high and p of the score interval of a ratio of proportions, as lifts."""
    from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

    low, high = confint_proportions_2indep(
        x1, n1, x0, n0, method="score", compare="ratio", alpha=0.05, correction=False
    )
    found = test_proportions_2indep(
        x1, n1, x0, n0, value=1, method="score", compare="ratio", correction=False
    )
    return _plain([low - 1, high - 1, found.pvalue])


def statsmodels_power(rate: float, lift: float, n1: int) -> Answer:
    """Return the power of the pooled z test of two proportions in equally large arms."""
    from statsmodels.stats.proportion import power_proportions_2indep

    found = power_proportions_2indep(
        rate * lift, rate, n1, ratio=1, alpha=0.05, return_results=False
    )
    return _plain([found])


def statsmodels_adjusted(values: Numbers, method: str) -> Answer:
    """Return p-values adjusted for the false discovery rate."""
    from statsmodels.stats.multitest import multipletests

    return _plain(multipletests(values, method=method)[1])


def _aggregates(
    names: Sequence[str], n: int, means: Numbers, covariances: Sequence[Numbers]
) -> Any:
    from tea_tasting.aggr import Aggregates

    return Aggregates(
        count_=n,
        mean_=dict(zip(names, means, strict=True)),
        var_={name: covariances[i][i] for i, name in enumerate(names)},
        cov_={
            (a, b): covariances[i][j]
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if a < b
        },
    )


def tea_tasting_mean(names: Sequence[str], arms: Sequence[Any], metric: Sequence[str]) -> Answer:
    """Return low, high of the relative effect and p of the difference, control first.

    `metric` names numerator, denominator and their covariates, "" where there is none.
    """
    from tea_tasting.metrics import RatioOfMeans

    numerator, denominator, of_before, by_before = metric
    asked = RatioOfMeans(
        numer=numerator,
        denom=denominator or None,
        numer_covariate=of_before or None,
        denom_covariate=by_before or None,
        equal_var=False,
        use_t=True,
    )
    found = asked.analyze_aggregates(*(_aggregates(names, *arm) for arm in arms))
    return _plain([found.rel_effect_size_ci_lower, found.rel_effect_size_ci_upper, found.pvalue])


def tea_tasting_split(a: int, b: int) -> Answer:
    """Return the exact p-value of an equal split."""
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import SampleRatio

    found = SampleRatio(method="binom").analyze(
        {
            name: Aggregates(count_=n, mean_={}, var_={}, cov_={})
            for name, n in (("0", a), ("1", b))
        },
        "0",
        "1",
    )
    return _plain([found.pvalue])


def _growthbook(kind: str, counts: Sequence[int]) -> Answer:
    from gbstats.frequentist.tests import (
        FrequentistConfig,
        SequentialConfig,
        SequentialTwoSidedTTest,
        TwoSidedTTest,
    )
    from gbstats.models.statistics import ProportionStatistic

    x1, n1, x0, n0 = counts
    control, arm = ProportionStatistic(n=n0, sum=x0), ProportionStatistic(n=n1, sum=x1)
    test = (
        SequentialTwoSidedTTest(control, arm, SequentialConfig())
        if kind == "sequential"
        else TwoSidedTTest(control, arm, FrequentistConfig())
    )
    found = test.compute_result()
    if found.error_message:
        return [None, None, None]
    return _plain([*found.ci, found.p_value])


def growthbook_one_look(*counts: int) -> Answer:
    """Return low, high and p of GrowthBook's t test of the relative difference."""
    return _growthbook("one look", counts)


def growthbook_sequential(*counts: int) -> Answer:
    """Return low, high and p of GrowthBook's sequential test, as it is tuned by default."""
    return _growthbook("sequential", counts)


TOOLS: dict[str, Callable[..., Answer]] = {
    each.__name__: each
    for each in (
        statsmodels_score,
        statsmodels_power,
        statsmodels_adjusted,
        tea_tasting_mean,
        tea_tasting_split,
        growthbook_one_look,
        growthbook_sequential,
    )
}

if __name__ == "__main__":
    questions = json.load(sys.stdin)
    json.dump([TOOLS[name](*arguments) for name, arguments in questions], sys.stdout)
