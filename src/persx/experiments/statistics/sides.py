"""An arm's value and its variance, from moments: post-stratified, linearised, adjusted by CUPED.

Several strata (epochs) are combined by post-stratification: each of an arm's means is weighted by
the strata's shares of all visitors. A quotient of means is linearised (the delta method). What was
known of visitors before they entered takes away the spread that it explains (CUPED): the value is
shifted by the regression on the arms' difference in it.

Sources: Miratrix, Sekhon and Yu, "Adjusting treatment effect estimates by post-stratification",
JRSS B 75 (2013); Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled
experiments by utilizing pre-experiment data", WSDM 2013, appendix B for quotients; Satterthwaite,
"An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from persx.experiments.moments import Moments
from persx.model.errors import BadInput

_ROUNDING: Final = 1e-12
"""A variance that is a smaller share of its parts is rounding."""


class MomentPair(NamedTuple):
    """Moments of an arm and of the control in one stratum, of the same numbers."""

    arm: Moments
    control: Moments


class Side(NamedTuple):
    """The value of an arm with its variance and Satterthwaite's degrees of freedom."""

    value: float
    variance: float
    freedom: float

    @property
    def spread(self) -> float:
        """Variance of the value's logarithm; infinite where the value is 0."""
        return (math.sqrt(self.variance) / self.value) ** 2 if self.value else math.inf


class Sides(NamedTuple):
    """Both arms, or in `reason` why there are none."""

    arm: Side
    control: Side
    reason: str = ""


class Shape(NamedTuple):
    """What is compared: how many numbers it takes, its value, and its slope in each mean.

    Attributes:
        noun: What it is called in reasons.
        size: The first so many numbers of the moments; all further ones are covariates.
        value: From means to the value.
        slope: From means to the derivatives.
        needs: What is said where the means have no value; empty where they always have one.
    """

    noun: str
    size: int
    value: Callable[[Sequence[float]], float]
    slope: Callable[[Sequence[float]], list[float]]
    needs: str = ""


MEAN: Final = Shape("mean", 1, lambda means: means[0], lambda _: [1.0])
RATIO: Final = Shape(
    "ratio",
    2,
    lambda means: means[0] / means[1],
    lambda means: [1 / means[1], -means[0] / means[1] ** 2],
    needs="denominator",
)

_NONE: Final = Side(0.0, 0.0, math.inf)


def sides(pairs: Sequence[MomentPair], shape: Shape) -> Sides:
    """Return both arms' values over all strata.

    Numbers beyond those of the shape are covariates: they must have been known before a visitor
    entered, else they take the effect away. Strata in which an arm has fewer than two visitors
    have no variance and are left out.

    Raises:
        BadInput: There are fewer numbers than the shape needs, or arms differ in theirs.
    """
    used = [pair for pair in pairs if pair.arm.n >= 2 and pair.control.n >= 2]
    sizes = {moments.size for pair in used for moments in pair}
    if sizes and (len(sizes) > 1 or min(sizes) < shape.size):
        raise BadInput(
            f"A {shape.noun} cannot be made of moments of {sorted(sizes)} numbers.",
            value=min(sizes),
            hint=f"Give {shape.size} in every arm and stratum, and then the covariates.",
        )
    if not used:
        return Sides(_NONE, _NONE, f"A {shape.noun} needs at least two visitors in each arm.")
    everyone = sum(pair.arm.n + pair.control.n for pair in used)
    weights = [(pair.arm.n + pair.control.n) / everyone for pair in used]
    arms = [
        _Weighted(weights, [pair.arm for pair in used]),
        _Weighted(weights, [pair.control for pair in used]),
    ]
    if shape.needs:
        for arm, name in zip(arms, ("arm", "control"), strict=True):
            if arm.means[shape.size - 1] <= 0:
                return Sides(_NONE, _NONE, f"The {name}'s {shape.needs} is not above 0.")
    slopes = [shape.slope(arm.means) for arm in arms]
    values = [shape.value(arm.means) for arm in arms]
    covariates = range(shape.size, max(sizes))
    if covariates:
        effects = _regression(arms, slopes, covariates)
        visitors = [sum(moments.n for moments in arm.strata) for arm in arms]
        for place, effect in zip(covariates, effects, strict=True):
            first, second = (arm.means[place] for arm in arms)
            usual = (first * visitors[0] + second * visitors[1]) / sum(visitors)
            values = [
                value - effect * (mean - usual)
                for value, mean in zip(values, (first, second), strict=True)
            ]
            slopes = [[*slope, -effect] for slope in slopes]
    found = [
        Side(value, *each.variance(slope))
        for value, each, slope in zip(values, arms, slopes, strict=True)
    ]
    return Sides(found[0], found[1])


class _Weighted:
    """An arm's strata with their weights, and the means of its numbers over all of them."""

    def __init__(self, weights: Sequence[float], strata: Sequence[Moments]) -> None:
        self.weights, self.strata = weights, strata
        self.means = [
            sum(weight * moments.mean(i) for weight, moments in zip(weights, strata, strict=True))
            for i in range(strata[0].size)
        ]

    def variance(self, slope: Sequence[float]) -> tuple[float, float]:
        """Return the variance of a linear function of the means, and its degrees of freedom."""
        parts = [
            weight**2 * _projected(moments, slope) / moments.n
            for weight, moments in zip(self.weights, self.strata, strict=True)
        ]
        return sum(parts), satterthwaite(parts, [moments.n - 1 for moments in self.strata])

    def scatter(self, i: int, j: int) -> float:
        """Return how two numbers scatter together around their means, summed over visitors."""
        return sum((moments.n - 1) * moments.covariance(i, j) for moments in self.strata)


def _projected(moments: Moments, slope: Sequence[float]) -> float:
    terms = [
        a * b * moments.covariance(i, j) for i, a in enumerate(slope) for j, b in enumerate(slope)
    ]
    total = sum(terms)
    return total if total > _ROUNDING * sum(map(abs, terms)) else 0.0


def _regression(
    arms: Sequence[_Weighted], slopes: Sequence[Sequence[float]], covariates: range
) -> list[float]:
    """Return the coefficients of the value in the covariates, within arms and strata.

    The same for both arms, from all their visitors: few are not enough to learn them from. A
    covariate without spread has 0.
    """
    import numpy as np

    among = np.array(
        [[sum(arm.scatter(i, j) for arm in arms) for j in covariates] for i in covariates]
    )
    shared = np.array(
        [
            sum(
                each * arm.scatter(place, i)
                for arm, slope in zip(arms, slopes, strict=True)
                for place, each in enumerate(slope)
            )
            for i in covariates
        ]
    )
    # In units of their own spread, so that one measured in cents does not drown one in days.
    units = np.sqrt(np.diag(among))
    units[units == 0] = 1
    scaled = np.linalg.pinv(among / np.outer(units, units), rcond=1e-9, hermitian=True)
    return [float(each) for each in scaled @ (shared / units) / units]


def satterthwaite(variances: Sequence[float], freedoms: Sequence[float]) -> float:
    """Return the degrees of freedom of a sum of independent variances; infinite where all are 0."""
    below = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / below if below else math.inf
