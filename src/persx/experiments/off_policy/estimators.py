"""Off-policy evaluation: what another policy would have brought, from a log with propensities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.errors import BadInput

Floats = NDArray[np.float64]

LEAST_SIZE: Final = 30
"""The effective sample size below which nothing is estimated."""

LEAST_REWARDED: Final = 5
"""The rewards that an effective sample has to let expect: from fewer no interval covers."""

MOST_UNSUPPORTED: Final = 0.01
"""The part of a policy's choices that the log may never have made."""


class Logged(NamedTuple):
    """One entry a visitor, in arrays of the same length.

    Attributes:
        reward: What it brought: 1 where the goal was reached, else 0; or any number from 0 on.
        propensity: The probability with which the log's policy chose what was shown.
        target: The probability with which the other policy would have chosen it.
        predicted: What a model expected of what was shown; 0 without a model.
        expected: What that model expects of the other policy here; 0 without a model.
    """

    reward: Floats
    propensity: Floats
    target: Floats
    predicted: Floats
    expected: Floats


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's mean reward a visitor, by one estimator, with its interval.

    `lift` compares it with what the log's own policy brought: value ÷ logged − 1. No interval has
    a lower end below −100%. None stands for what cannot be told.
    """

    value: float
    low: float | None
    high: float | None
    lift: float | None = None
    lift_low: float | None = None
    lift_high: float | None = None


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What a log tells of another policy, or why it tells nothing.

    Attributes:
        n: Visitors.
        logged: Their mean reward, as it was.
        effective: The effective sample size: how many visitors, drawn by the other policy itself,
            would tell as much of it (Kish 1965).
        largest_weight: Of all probability ratios.
        unsupported: The part of the other policy's choices that the log never made.
        refused: Why nothing is estimated, in plain words; empty where something is.
        estimates: Estimator → what it finds; empty where refused.
    """

    n: int
    logged: float | None
    effective: float
    largest_weight: float
    unsupported: float
    refused: str = ""
    estimates: dict[str, Estimate] = {}


def evaluate(
    logged: Logged, *, unsupported: float = 0.0, confidence: float = CONFIDENCE
) -> Evaluation:
    """Estimate what another policy would have brought.

    - ``ipw``: inverse propensity weighting (Horvitz & Thompson 1952): Σ w r / n with w = target /
      propensity. Unbiased, and the noisiest.
    - ``snipw``: self-normalised (Hájek 1971; Swaminathan & Joachims 2015): Σ w r / Σ w.
    - ``dr``: doubly robust (Dudík, Langford & Li 2011): the model's expectation, corrected by the
      weighted errors that it made. Unbiased whatever the model, where propensities are right.

    Intervals are those of a mean of n terms, on the scale of its logarithm, with Student's t for
    as many terms as carry it: rewards are rare, and a few of them weigh much.

    Args:
        unsupported: The part of the other policy's choices that the log never made.

    Raises:
        BadInput: The arrays differ in length, or the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise BadInput(f"A confidence is between 0 and 1, not {confidence:g}.", value=confidence)
    if len({len(each) for each in logged}) != 1:
        raise BadInput("Rewards, propensities and targets are not of the same number.")
    n = len(logged.reward)
    sound = bool(np.all(np.isfinite(logged.propensity) & (logged.propensity > 0)) if n else False)
    weights = np.divide(
        logged.target, logged.propensity, out=np.zeros(n), where=logged.propensity > 0
    )
    effective = _carrying(weights)
    found = Evaluation(
        n=n,
        logged=float(logged.reward.mean()) if n else None,
        effective=effective,
        largest_weight=float(weights.max()) if n else 0.0,
        unsupported=unsupported,
        refused=_refusal(logged, sound, effective, unsupported),
    )
    if found.refused:
        return found
    return msgspec.structs.replace(
        found,
        estimates={
            name: _estimate(terms(logged, weights), logged.reward, confidence)
            for name, terms in ESTIMATORS.items()
        },
    )


def _refusal(logged: Logged, sound: bool, effective: float, unsupported: float) -> str:
    if not len(logged.reward):
        return "The log has no visitor to learn this from."
    if not sound:
        wrong = int(np.sum(~(np.isfinite(logged.propensity) & (logged.propensity > 0))))
        return (
            f"{wrong:,} of {len(logged.reward):,} choices are logged without the probability with "
            "which they were made."
        )
    if not all(bool(np.all(np.isfinite(each))) for each in logged):
        return "Some of the numbers are none."
    if bool(np.any(logged.propensity > 1 + 1e-9)) or bool(np.any(logged.target > 1 + 1e-9)):
        return "Some of the probabilities are greater than 1."
    if unsupported > MOST_UNSUPPORTED:
        return (
            f"{unsupported:.0%} of the policy's choices were never made by the log's, so that "
            "nobody knows what they bring."
        )
    if effective < LEAST_SIZE:
        return (
            f"The effective sample size is {effective:.1f}, below {LEAST_SIZE}: the policy does "
            "what the log's hardly ever did."
        )
    # By the rewards of all: who refuses by those that weigh much keeps the lucky logs.
    expected = effective * float((logged.reward > 0).mean())
    if expected < LEAST_REWARDED:
        return (
            f"As few visitors as count ({effective:,.0f} effective) are expected to bring "
            f"{expected:.1f} rewards; {LEAST_REWARDED} are needed."
        )
    if not np.any(logged.reward * logged.target > 0):
        return "Nobody who was shown what the policy would show reached the goal."
    return ""


class _Terms(NamedTuple):
    """An estimate as a mean, and how much each visitor moves it."""

    value: float
    influence: Floats


def _ipw(logged: Logged, weights: Floats) -> _Terms:
    terms = weights * logged.reward
    return _Terms(float(terms.mean()), terms - terms.mean())


def _self_normalised(logged: Logged, weights: Floats) -> _Terms:
    value = float((weights * logged.reward).sum() / weights.sum())
    return _Terms(value, weights * (logged.reward - value) / weights.mean())


def _doubly_robust(logged: Logged, weights: Floats) -> _Terms:
    terms = logged.expected + weights * (logged.reward - logged.predicted)
    return _Terms(float(terms.mean()), terms - terms.mean())


ESTIMATORS: Final[dict[str, Callable[[Logged, Floats], _Terms]]] = {
    "ipw": _ipw,
    "snipw": _self_normalised,
    "dr": _doubly_robust,
}
"""Name → how an estimate follows from a log. Adding one is adding a line."""


def _estimate(terms: _Terms, reward: Floats, confidence: float) -> Estimate:
    low, high = _interval(terms.value, terms.influence, confidence)
    logged = float(reward.mean())
    if logged <= 0 or terms.value <= 0:
        return Estimate(value=terms.value, low=low, high=high)
    # Of the logarithm of the ratio: both come from the same visitors.
    difference = terms.influence / terms.value - (reward - logged) / logged
    reach = _quantile(terms.influence, confidence) * _error(difference)
    ratio = terms.value / logged
    return Estimate(
        value=terms.value,
        low=low,
        high=high,
        lift=ratio - 1,
        lift_low=ratio * float(np.exp(-reach)) - 1,
        lift_high=ratio * float(np.exp(reach)) - 1,
    )


def _interval(value: float, influence: Floats, confidence: float) -> tuple[float, float]:
    reach = _quantile(influence, confidence) * _error(influence)
    if value <= 0:
        return value - reach, value + reach
    return value * float(np.exp(-reach / value)), value * float(np.exp(reach / value))


def _error(influence: Floats) -> float:
    return float(influence.std(ddof=1) / np.sqrt(len(influence)))


def _quantile(influence: Floats, confidence: float) -> float:
    """Return Student's t for as many terms as carry the squares: a few may carry nearly all."""
    # Loaded when it is asked for: a server that only serves should not start later for it.
    from scipy.special import stdtrit

    return float(stdtrit(max(_carrying(influence**2) - 1, 1.0), (1 + confidence) / 2))


def _carrying(terms: Floats) -> float:
    """Return how many alike terms would be as even as these (Kish 1965)."""
    squares = float((terms**2).sum())
    return float(terms.sum()) ** 2 / squares if squares > 0 else 0.0
