"""Thompson sampling: a variant's share is the probability that it is the best one here."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from persx.experiments.learning.design import (
    CELL,
    CONTEXT,
    VALUE,
    VARIANT,
    Design,
    design,
)
from persx.experiments.learning.evidence import Evidence, Floats
from persx.experiments.learning.learner import Learned, everybody

DRAWS: Final = 4_000
NARROWER: Final = 0.5
"""The posterior's spread is drawn so much narrower (Chapelle & Li 2011): sampling it whole explores
for a horizon that no test has. What exploration has to be there, the block's own share keeps."""

_STEPS: Final = 12
_NEWTON: Final = 8
_LARGEST_STEP: Final = 1.0
"""On the scale of log-odds; the first steps would overshoot where a rate is near 0."""

PRIOR_SPREAD: Final = {VARIANT: 0.3, VALUE: 0.15, CELL: 0.1}
"""How far effects of a group lie from 0 before anything is seen, as standard deviations of
log-odds: .3 means that two variants usually differ by a factor of 1.5 or less."""

PRIOR_WEIGHT: Final = 4.0
"""As many effects the prior spread counts for."""

_FREE: Final = 4.0
"""The spread of what is not pooled: how contexts differ, whatever they are shown."""


class Thompson:
    """Thompson sampling (Thompson 1933) with partial pooling over the values of the contexts.

    The log-odds of reaching the goal are the sum of an effect of the context, which all variants
    share, and effects of the variant: everywhere, for each value (an industry, a persona), and
    for each context. Effects of a group come from one normal distribution around 0, whose spread
    is estimated from the data (empirical Bayes, Schall 1991), held by a prior. So a context of
    which little is known follows the others, and one of which much is known goes its own way.
    Shares are the posterior probabilities of being the best, from the normal approximation at the
    mode.
    """

    name = "thompson"
    description = (
        "Shares are the probabilities of being the best; contexts of which little is known follow "
        "the others."
    )

    def learn(self, evidence: Evidence, *, seed: int) -> Learned:
        """Return the shares for every context, and for everybody else."""
        if not evidence.contexts:
            return everybody(len(evidence.variants))
        made = design(evidence)
        posterior = fit(evidence, made)
        draws = posterior.draws(np.random.default_rng(seed))
        flat = made.rows.reshape(-1, made.rows.shape[-1])
        odds = (flat @ draws).reshape(*made.rows.shape[:2], -1)
        weights = evidence.seen.sum(axis=1)
        rates = 1 / (1 + np.exp(-odds))
        overall = np.tensordot(weights / max(weights.sum(), 1.0), rates, axes=1)
        return Learned(
            shares=_best(rates),
            rates=rates.mean(axis=2),
            overall=_best(overall[None])[0],
            overall_rates=overall.mean(axis=1),
        )


class Posterior(NamedTuple):
    """A normal distribution of effects.

    Attributes:
        mode: Where it has its maximum.
        factor: The lower Cholesky factor of its precision.
    """

    mode: Floats
    factor: Floats

    def draws(self, random: np.random.Generator) -> Floats:
        """Return ``[effects, draws]``, in pairs around the mode, which halves their noise."""
        half = random.standard_normal((len(self.mode), DRAWS // 2))
        spread = NARROWER * np.linalg.solve(self.factor.T, half)
        return np.hstack([self.mode[:, None] + spread, self.mode[:, None] - spread])


def fit(evidence: Evidence, made: Design) -> Posterior:
    """Fit the effects by penalised logistic regression, and their spreads by their sizes."""
    flat = made.rows.reshape(-1, made.rows.shape[-1])
    weight, rate = evidence.weight.ravel(), evidence.rate.ravel()
    used = weight > 0
    rows, weight, rate = flat[used], weight[used], rate[used]
    groups = np.array(made.groups)
    variance = np.where(groups == CONTEXT, _FREE**2, 0.0)
    for group, spread in PRIOR_SPREAD.items():
        variance[groups == group] = spread**2
    mode = np.zeros(rows.shape[1])
    mode[0] = _logit(float(np.average(rate, weights=weight)) if weight.size else 0.5)
    for _ in range(_STEPS):
        mode, precision = _mode(rows, weight, rate, variance, mode)
        uncertain = np.diag(np.linalg.inv(precision))
        new = variance.copy()
        for group, spread in PRIOR_SPREAD.items():
            those = groups == group
            if not those.any():
                continue
            # Expected squares of the effects, as EM sees them, with the prior as further effects.
            squares = float((mode[those] ** 2 + uncertain[those]).sum())
            new[those] = (squares + PRIOR_WEIGHT * spread**2) / (those.sum() + PRIOR_WEIGHT)
        settled = np.allclose(new, variance, rtol=0.02)
        variance = new
        if settled:
            break
    mode, precision = _mode(rows, weight, rate, variance, mode)
    factor = np.linalg.cholesky(precision).astype(np.float64)
    return Posterior(mode, factor)


def _mode(
    rows: Floats, weight: Floats, rate: Floats, variance: Floats, start: Floats
) -> tuple[Floats, Floats]:
    mode, prior = start, np.diag(1 / variance)
    precision = prior
    for _ in range(_NEWTON):
        probability = 1 / (1 + np.exp(-np.clip(rows @ mode, -30, 30)))
        slope = rows.T @ (weight * (rate - probability)) - mode / variance
        curve = weight * probability * (1 - probability)
        precision = (rows.T * curve) @ rows + prior
        step = np.linalg.solve(precision, slope)
        step *= min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        mode = mode + step
        if float(np.abs(step).max()) < 1e-6:
            break
    return mode, precision


def _best(rates: Floats) -> Floats:
    """Return how often each variant has the highest rate: ``[contexts, variants]``."""
    winners = rates.argmax(axis=1)
    variants = rates.shape[1]
    counts = np.stack([(winners == variant).sum(axis=1) for variant in range(variants)], axis=1)
    shares: Floats = counts / rates.shape[2]
    return shares


def _logit(probability: float) -> float:
    held = min(max(probability, 1e-6), 1 - 1e-6)
    return float(np.log(held / (1 - held)))
