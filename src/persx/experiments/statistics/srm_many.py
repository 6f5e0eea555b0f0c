"""Sample ratio mismatch looked at every day, and by segment: more than one look, corrected.

Sources: Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, for
the Dirichlet–multinomial bet; Holm, "A simple sequentially rejective multiple test procedure",
Scandinavian Journal of Statistics 6 (1979), for the correction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from persx.experiments.statistics.srm import ALARM, RatioCheck, expected_visitors, sample_ratio

CONCENTRATION: Final = 1_000.0
"""How firmly the bet expects shares near the planned ones: deviations of some 3% of a half."""

_LARGE: Final = 1_000.0
"""From here on Stirling's series is exact to the last digit."""

Key = TypeVar("Key")


class Split(NamedTuple):
    """Visitors of each arm and the planned weights, within one epoch."""

    observed: Mapping[str, int]
    weights: Mapping[str, float]


def sequential_sample_ratio(
    epochs: Sequence[Split], *, concentration: float = CONCENTRATION
) -> RatioCheck:
    """Compare visitor counts with weights, as often as you like: one false alarm in a thousand.

    Each epoch is a bet against its own weights, a Dirichlet mixture of splits around them; what
    all of them have won together is the evidence, and p is 1 ÷ evidence. Arms of weight 0 take no
    part, and an epoch without two arms or without visitors bets nothing.

    Raises:
        BadInput: A weight is negative or not a number.

    >>> check = sequential_sample_ratio([Split({"a": 8_210, "b": 10_130}, {"a": 1, "b": 1})])
    >>> f"{check.p:.0e}", check.mismatch
    ('2e-41', True)
    """
    evidence = 0.0
    expected: dict[str, float] = {}
    left_out: dict[str, int] = {}
    compared = False
    for observed, weights in epochs:
        fair, other = expected_visitors(observed, weights)
        for arm, n in fair.items():
            expected[arm] = expected.get(arm, 0.0) + n
        for arm, n in other.items():
            left_out[arm] = left_out.get(arm, 0) + n
        if len(fair) >= 2:
            compared = True
            shares = {arm: weights[arm] / sum(weights[each] for each in fair) for arm in fair}
            evidence += _evidence(
                {arm: observed.get(arm, 0) for arm in fair}, shares, concentration
            )
    reason = ""
    if not compared:
        reason = "Fewer than two arms have a weight."
    elif not sum(expected.values()):
        reason = "No visitors yet."
    p = None if reason else math.exp(min(-evidence, 0.0))
    return RatioCheck(
        p=p,
        mismatch=p is not None and p < ALARM,
        expected=expected,
        left_out=left_out,
        reason=reason,
    )


def _evidence(
    counts: Mapping[str, int], shares: Mapping[str, float], concentration: float
) -> float:
    """Return the logarithm of what the bet has won.

    That is a quotient of gamma functions, the main terms of whose logarithms (Stirling) are put
    together first: a million visitors would cost the digits that a p-value of 0.1 needs.
    """
    total = sum(counts.values())
    whole = concentration + total
    won = math.log(whole / concentration) / 2 - _rest(whole) + _rest(concentration)
    for arm, n in counts.items():
        share = shares[arm]
        prior = concentration * share
        won += (prior + n) * math.log1p((n - total * share) / (whole * share))
        won += _rest(prior + n) - _rest(prior) - math.log1p(n / prior) / 2
    return won


def _rest(x: float) -> float:
    """Return what the logarithm of the gamma function is beside (x − 1/2) log x − x."""
    if x < _LARGE:
        return math.lgamma(x) - (x - 0.5) * math.log(x) + x
    return math.log(2 * math.pi) / 2 + 1 / (12 * x) - 1 / (360 * x**3)


def sample_ratio_by(
    segments: Mapping[Key, Mapping[str, int]], weights: Mapping[str, float]
) -> dict[Key, RatioCheck]:
    """Compare visitor counts with weights in each segment, corrected for their number (Holm).

    So there is one false alarm in a thousand healthy experiments, however many segments there are.
    The p of each check is the corrected one. Segments of several attributes go in together, their
    keys being pairs of attribute and value.

    Raises:
        BadInput: A weight is negative or not a number.

    >>> devices = {"phone": {"a": 500, "b": 380}, "desktop": {"a": 503, "b": 489}}
    >>> {name: check.mismatch for name, check in sample_ratio_by(devices, {"a": 1, "b": 1}).items()}
    {'phone': True, 'desktop': False}
    """
    checks = {key: sample_ratio(observed, weights) for key, observed in segments.items()}
    ordered = sorted(
        (check.p, place) for place, check in enumerate(checks.values()) if check.p is not None
    )
    corrected: dict[int, float] = {}
    largest = 0.0
    for rank, (p, place) in enumerate(ordered):
        largest = max(largest, min(1.0, p * (len(ordered) - rank)))
        corrected[place] = largest
    return {
        key: msgspec.structs.replace(check, p=corrected[place], mismatch=corrected[place] < ALARM)
        if place in corrected
        else check
        for place, (key, check) in enumerate(checks.items())
    }
