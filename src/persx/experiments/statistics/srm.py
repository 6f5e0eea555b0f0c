"""Sample ratio mismatch: whether the arms' visitor counts fit their planned weights.

A mismatch means that visitors were lost or counted unequally, and then no lift of the experiment
can be trusted. Source: Fabijan et al., "Diagnosing sample ratio mismatch", KDD 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.model.errors import BadInput

ALARM: Final = 0.001
"""A p-value below this is a mismatch: one false alarm in a thousand healthy experiments."""

_EXACT_UP_TO: Final = 10_000
"""Two arms are tested exactly up to this many visitors; beyond it χ² says the same."""

_LEAST_EXPECTED: Final = 5


class RatioCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether arms got the visitors that they should have got.

    Attributes:
        p: p-value of "the counts fit the weights"; `None` where it cannot be computed.
        mismatch: Whether `p` is below the alarm level.
        expected: Expected visitors by arm, of the arms that were compared.
        left_out: Arms of weight 0 that have visitors nevertheless, with their number.
        assumed: The weights were not stated but taken to be equal.
        reason: Why there is no p-value.
    """

    p: float | None = None
    mismatch: bool = False
    expected: dict[str, float] = {}
    left_out: dict[str, int] = {}
    assumed: bool = False
    reason: str = ""


def sample_ratio(
    observed: Mapping[str, int], weights: Mapping[str, float], *, assumed: bool = False
) -> RatioCheck:
    """Compare visitor counts with weights: exact for two arms and few visitors, else χ².

    Arms of weight 0 take no part: after an arm was closed its earlier visitors remain, which is
    no fault. Arms without a weight are taken as closed too.

    Raises:
        BadInput: A weight is negative or not a number.

    >>> check = sample_ratio({"a": 821, "b": 1_013}, {"a": 1, "b": 1})
    >>> f"{check.p:.1e}", check.mismatch
    ('8.1e-06', True)
    """
    expected, left_out = expected_visitors(observed, weights)
    counts = {arm: observed.get(arm, 0) for arm in expected}
    total = sum(counts.values())

    def unknown(reason: str) -> RatioCheck:
        return RatioCheck(expected=expected, left_out=left_out, assumed=assumed, reason=reason)

    if len(expected) < 2:
        return unknown("Fewer than two arms have a weight.")
    if not total:
        return unknown("No visitors yet.")
    if len(expected) > 2 and min(expected.values()) < _LEAST_EXPECTED:
        return unknown("Too few visitors to check.")
    p = _p_value(list(counts.values()), list(expected.values()), total)
    return RatioCheck(
        p=p, mismatch=p < ALARM, expected=expected, left_out=left_out, assumed=assumed
    )


def expected_visitors(
    observed: Mapping[str, int], weights: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, int]]:
    """Return the visitors that arms with a weight should have, and those of the other arms.

    Raises:
        BadInput: A weight is negative or not a number.
    """
    for arm, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise BadInput(
                f"The weight of arm '{arm}' is {weight}.",
                value=weight,
                hint="Weights are numbers from 0 on.",
            )
    eligible = {arm: weight for arm, weight in weights.items() if weight > 0}
    total, weight_sum = sum(observed.get(arm, 0) for arm in eligible), sum(eligible.values())
    expected = {arm: total * weight / weight_sum for arm, weight in eligible.items()}
    return expected, {arm: n for arm, n in observed.items() if n and arm not in eligible}


def _p_value(counts: list[int], expected: list[float], total: int) -> float:
    from scipy.special import bdtr, bdtrc, chdtrc

    if len(counts) == 2 and total <= _EXACT_UP_TO:
        share = expected[0] / total
        at_most = float(bdtr(counts[0], total, share))
        at_least = float(bdtrc(counts[0] - 1, total, share)) if counts[0] else 1.0
        return min(1.0, 2 * min(at_most, at_least))
    statistic = sum((n - e) ** 2 / e for n, e in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, statistic))
