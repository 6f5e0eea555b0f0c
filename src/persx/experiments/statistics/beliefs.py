"""The Bayesian view, with its prior stated: how likely the arm is better, and what a mistake costs.

For conversions each arm's rate has a beta prior; for means and ratios, and for effects of several
epochs, the log ratio has a normal one. Nothing is drawn at random: integrals are computed.

Unlike the always-valid intervals these hold for one look only, and they lean on the prior.

Sources: Gelman et al., "Bayesian Data Analysis" (2013), chapters 2 and 5; Stucchi, "Bayesian A/B
testing at VWO" (2015), for the expected loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from persx.experiments.statistics.effects import Effect
from persx.experiments.statistics.interval import (
    CONFIDENCE,
    SPREAD,
    Lift,
    check_confidence,
    check_spread,
    high_end,
    low_end,
)
from persx.experiments.statistics.proportions import Counts, check_counts, undefined_counts
from persx.model.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

METHOD: Final = "Bayesian"

_NODES: Final = 200
"""One arm's belief is read at so many points of equal probability."""

_LOSS_NODES: Final = 48


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What to believe of an arm after the data.

    Attributes:
        lift: The middle of the belief with its credible interval, whose ends leave out equally
            much. Its p is twice the smaller probability of being worse or better.
        better: Probability that the arm is better than the control.
        loss: Lift that is lost on average by taking the arm: 0 where it is better, what it is
            worse by where not.
        loss_of_control: The same for staying with the control, relative to the arm.
        prior: What was believed before the data, in words.
    """

    lift: Lift
    better: float | None = None
    loss: float | None = None
    loss_of_control: float | None = None
    prior: str


class BetaPrior(msgspec.Struct, frozen=True):
    """What is believed of an arm's rate before the data: as if so many had and had not converted.

    The default, half a conversion of one visitor (Jeffreys), says next to nothing.
    """

    converted: float = 0.5
    not_converted: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.converted < math.inf and 0 < self.not_converted < math.inf):
            raise BadInput(
                f"A prior of {self.converted} conversions and {self.not_converted} others is not "
                "possible.",
                value=self.converted,
                hint="Both are positive: 20 and 980 for a rate that is surely near 2%.",
            )


_JEFFREYS: Final = BetaPrior()


def conversion_belief(
    conversions: int,
    visitors: int,
    control_conversions: int,
    control_visitors: int,
    *,
    prior: BetaPrior = _JEFFREYS,
    confidence: float = CONFIDENCE,
) -> Belief:
    """Return what to believe of an arm's conversion rate, each arm having the same beta prior.

    For one epoch: over several, whose split moved, rates of arms cannot be compared. Take
    `effect_belief` of a `count_effect` there.

    Raises:
        BadInput: A count is negative, or there are more conversions than visitors.

    >>> belief = conversion_belief(267, 21_307, 122, 21_306)
    >>> f"{belief.lift.lift:+.0%} [{belief.lift.low:+.0%}, {belief.lift.high:+.0%}]"
    '+119% [+77%, +171%]'
    """
    alpha = check_confidence(confidence)
    counts = Counts(conversions, visitors, control_conversions, control_visitors)
    check_counts(counts)
    said = (
        f"Both rates: beta with {prior.converted:g} conversions and {prior.not_converted:g} others."
    )
    if not visitors or not control_visitors:
        reason = undefined_counts([counts], [])
        return Belief(lift=Lift(confidence=confidence, method=METHOD, reason=reason), prior=said)
    arm, control = (
        (prior.converted + x, prior.not_converted + n - x) for x, n in (counts[:2], counts[2:])
    )
    log_ratio = _LogRatio(arm, control)
    below, above = log_ratio.tail(0.0), log_ratio.tail(0.0, above=True)
    p = min(1.0, 2 * min(below, above))
    return Belief(
        lift=Lift(
            lift=math.expm1(log_ratio.quantile(0.5)),
            low=low_end(log_ratio.quantile(alpha / 2), better=p < alpha and above > below),
            high=high_end(log_ratio.quantile(1 - alpha / 2), worse=p < alpha and below > above),
            p=p,
            confidence=confidence,
            method=METHOD,
        ),
        better=above,
        loss=log_ratio.loss(),
        loss_of_control=_LogRatio(control, arm).loss(),
        prior=said,
    )


class _LogRatio:
    """The belief in the logarithm of a quotient of two rates with beta beliefs.

    Given one rate the other's tail is a beta function; the mean over the first one is taken at
    points of equal probability. The first is the rate that is known better, so that the other's
    tail is smooth.
    """

    def __init__(self, arm: tuple[float, float], control: tuple[float, float]) -> None:
        import numpy as np
        from scipy.special import betaincinv

        self._over_control = _relative(control) <= _relative(arm)
        self._outer, self._inner = (control, arm) if self._over_control else (arm, control)
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        self._weights = weights / 2
        rates = betaincinv(*self._outer, (nodes + 1) / 2)
        self._logs: np.ndarray = np.log(np.maximum(rates, 1e-300))

        # Only where to look: about where the belief lies, and how far it reaches.
        self._middle = math.log(_mean(arm) / _mean(control))
        self._reach = 12 * math.sqrt(_relative(arm) + _relative(control)) + 1e-3

    def tail(self, log_ratio: float, *, above: bool = False) -> float:
        """Return the probability to lie below, or above."""
        import numpy as np
        from scipy.special import betainc, betaincc

        shift = log_ratio if self._over_control else -log_ratio
        rates = np.exp(np.minimum(self._logs + shift, 0.0))
        function = betaincc if above == self._over_control else betainc
        return float(self._weights @ function(*self._inner, rates))

    def quantile(self, share: float) -> float:
        """Return the log ratio with this probability to lie below it."""
        from scipy.optimize import brentq

        low, high = self._middle - self._reach, self._middle + self._reach
        while self.tail(low) > share and low > -600:
            low -= self._reach
        while self.tail(high) < share and high < 600:
            high += self._reach
        if self.tail(low) >= share or self.tail(high) <= share:
            return low if self.tail(low) >= share else high
        root: Any = brentq
        return float(root(lambda x: self.tail(x) - share, low, high, xtol=1e-12))

    def loss(self) -> float:
        """Return the mean of 1 − ratio where the ratio is below 1: the area below its tail."""
        import numpy as np

        low = max(self._middle - self._reach, -40.0)
        if low >= 0:
            return 0.0
        nodes, weights = np.polynomial.legendre.leggauss(_LOSS_NODES)
        logs = low * (1 - nodes) / 2
        tails = np.array([self.tail(float(each)) for each in logs])
        return float(-low / 2 * (weights @ (tails * np.exp(logs))))


def _mean(beta: tuple[float, float]) -> float:
    return beta[0] / sum(beta)


def _relative(beta: tuple[float, float]) -> float:
    """Return how large the spread of a beta belief's logarithm is."""
    a, b = beta
    return b / (a * (a + b + 1))


def effect_belief(
    effect: Effect, *, confidence: float = CONFIDENCE, spread: float = SPREAD
) -> Belief:
    """Return what to believe of an effect, its log ratio having a normal prior around 0.

    For means, ratios, and conversions of several epochs: of `mean_effect`, `ratio_effect` and
    `count_effect`.

    Args:
        effect: What was seen.
        confidence: Probability that the interval holds.
        spread: Standard deviation of the prior of the log ratio.

    >>> from persx.experiments.statistics.effects import count_effect
    >>> belief = effect_belief(count_effect([Counts(60, 1_000, 50, 1_000)]))
    >>> f"{belief.better:.2f}, {belief.lift.lift:+.1%}, loss {belief.loss:.1%}"
    '0.80, +14.0%, loss 1.7%'
    """
    alpha = check_confidence(confidence)
    check_spread(spread)
    said = f"Log ratio: normal around 0 with deviation {spread:g}."
    if not math.isfinite(effect.variance):
        nothing = Lift(confidence=confidence, method=METHOD, reason=effect.raw.reason)
        return Belief(lift=nothing, prior=said)
    variance = 1 / (1 / effect.variance + 1 / spread**2)
    mean, deviation = effect.log_ratio * variance / effect.variance, math.sqrt(variance)
    below, above = _beyond(mean / deviation), _beyond(-mean / deviation)
    p = min(1.0, 2 * min(below, above))
    reach = _quantile(alpha / 2) * deviation
    return Belief(
        lift=Lift(
            lift=math.expm1(mean),
            low=low_end(mean - reach, better=p < alpha and mean > 0),
            high=high_end(mean + reach, worse=p < alpha and mean < 0),
            p=p,
            confidence=confidence,
            method=METHOD,
        ),
        better=above,
        loss=_normal_loss(mean, deviation),
        loss_of_control=_normal_loss(-mean, deviation),
        prior=said,
    )


def _normal_loss(mean: float, deviation: float) -> float:
    """Return the mean of 1 − e^x where x < 0, of a normal x."""
    below = _beyond(mean / deviation)
    weighted = math.exp(mean + deviation**2 / 2) * _beyond(mean / deviation + deviation)
    return max(below - weighted, 0.0)


def _beyond(value: float) -> float:
    return math.erfc(value / math.sqrt(2)) / 2


def _quantile(tail: float) -> float:
    return _bisected(lambda middle: _beyond(middle) > tail, -40.0, 40.0)


def _bisected(before: Callable[[float], bool], low: float, high: float) -> float:
    while high - low > 1e-12 * (1 + abs(low)):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return (low + high) / 2
