"""Uplift of a test's customers: a T-learner that never saw them, and what its ranking is worth.

A T-learner (Künzel, Sekhon, Bickel and Yu, Metalearners for estimating heterogeneous treatment
effects using machine learning, 2019) fits one model of the outcome to each arm; the uplift of a
customer is the difference of what two of these models predict.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS: Final = 5
INNER_FOLDS: Final = 3
PENALTIES: Final = (3_000.0, 300.0, 30.0, 3.0)
"""Ridge penalties on standardised features, of which each fit chooses one by itself."""

_STEPS: Final = 25
_SETTLED: Final = 1e-4
_SURE: Final = 1e-9


class Model(NamedTuple):
    """A logistic regression of standardised features.

    Attributes:
        center, scale: Of each feature, in the rows that it was fitted to.
        weights: The intercept first.
    """

    center: Floats
    scale: Floats
    weights: Floats

    def predict(self, features: Floats) -> Floats:
        """Return the probability of the outcome of each row."""
        odds = (features - self.center) / self.scale @ self.weights[1:] + self.weights[0]
        found: Floats = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        return found


def fit(features: Floats, outcome: Floats, penalty: float, start: Model | None = None) -> Model:
    """Fit by Newton's method. The intercept is not penalised.

    Args:
        start: A fit of the same rows with another penalty, from which it is not far.
    """
    center, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    rows = np.column_stack([np.ones(len(features)), (features - center) / scale])
    ridge = np.full(rows.shape[1], penalty)
    ridge[0] = 0.0
    weights = np.zeros(rows.shape[1])
    rate = (outcome.sum() + 0.5) / (len(outcome) + 1)
    weights[0] = np.log(rate / (1 - rate))
    if start is not None:
        weights = start.weights
    for _ in range(_STEPS):
        told = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (outcome - told) - ridge * weights
        step = np.linalg.solve((rows.T * (told * (1 - told))) @ rows + np.diag(ridge), slope)
        weights = weights + step
        if float(np.abs(step).max()) < _SETTLED:
            break
    return Model(center, scale, weights)


def log_loss(outcome: Floats, told: Floats) -> float:
    """Return the mean surprise at outcomes: what a good penalty makes small."""
    held = np.clip(told, _SURE, 1 - _SURE)
    return float(-(outcome * np.log(held) + (1 - outcome) * np.log(1 - held)).mean())


def fit_chosen(features: Floats, outcome: Floats, random: np.random.Generator) -> Model:
    """Fit with the penalty that predicts best within these rows, by cross-validation."""
    fold = random.permutation(len(outcome)) % INNER_FOLDS
    losses = np.zeros(len(PENALTIES))
    for part in range(INNER_FOLDS):
        here, model = fold == part, None
        for place, penalty in enumerate(PENALTIES):
            model = fit(features[~here], outcome[~here], penalty, model)
            losses[place] += log_loss(outcome[here], model.predict(features[here]))
    return fit(features, outcome, PENALTIES[int(np.argmin(losses))])


class OutOfFold(NamedTuple):
    """What models tell of customers whom they never saw.

    Attributes:
        predicted: The outcome's probability under each arm: ``[customers, arms]``.
        best: For each customer the one arm that did best among the others' outcomes.
    """

    predicted: Floats
    best: Ints


def out_of_fold(features: Floats, arm: Ints, outcome: Floats, *, seed: int) -> OutOfFold:
    """Predict every customer from the other folds, which hold as many of each arm."""
    random = np.random.default_rng(seed)
    arms = int(arm.max()) + 1
    fold = np.zeros(len(arm), dtype=np.int64)
    for each in range(arms):
        members = random.permutation(np.flatnonzero(arm == each))
        fold[members] = np.arange(len(members)) % FOLDS
    predicted = np.zeros((len(arm), arms))
    best = np.zeros(len(arm), dtype=np.int64)
    for part in range(FOLDS):
        here, rates = fold == part, []
        for each in range(arms):
            others = ~here & (arm == each)
            rates.append(outcome[others].mean())
            model = fit_chosen(features[others], outcome[others], random)
            predicted[here, each] = model.predict(features[here])
        best[here] = int(np.argmax(rates))
    return OutOfFold(predicted, best)


class Ranked(NamedTuple):
    """Customers of two arms, those of the highest predicted uplift first."""

    treated: NDArray[np.bool_]
    outcome: Floats


def ranked(uplift: Floats, treated: NDArray[np.bool_], outcome: Floats) -> Ranked:
    """Rank customers; where predictions are equal, by chance."""
    chance = np.random.default_rng(len(uplift)).random(len(uplift))
    order = np.lexsort((chance, -uplift))
    return Ranked(treated[order], outcome[order])


def uplift_curve(customers: Ranked, weight: Floats | None = None, points: int = 100) -> Floats:
    """Return the uplift among the first 1 … `points` hundredths: ``[points]``.

    Uplift is the outcome's rate among the treated less that among the untreated. With weights a
    customer counts so many times, as in a bootstrap sample.
    """
    counts = np.ones(len(customers.outcome)) if weight is None else weight
    reached = np.cumsum(counts)
    cuts = np.searchsorted(reached, np.arange(1, points + 1) / points * reached[-1] - 0.5)
    cuts = np.minimum(cuts, len(counts) - 1)
    rates = []
    for those in (customers.treated, ~customers.treated):
        seen = np.cumsum(counts * those)[cuts]
        had = np.cumsum(counts * those * customers.outcome)[cuts]
        rates.append(had / np.maximum(seen, 1))
    found: Floats = rates[0] - rates[1]
    return found


class Worth(NamedTuple):
    """What a ranking is worth.

    Attributes:
        overall: The uplift of all.
        at: The uplift among the share that is asked for.
        qini: The area between the curve of what is gained and that of a random order: gained is
            share × uplift among that share, per customer of all.
    """

    overall: float
    at: float
    qini: float


def worth(curve: Floats, share: float) -> Worth:
    """Read a curve of uplifts."""
    shares = np.arange(1, len(curve) + 1) / len(curve)
    area = float(np.trapezoid(np.append(0.0, shares * curve), np.append(0.0, shares)))
    overall = float(curve[-1])
    return Worth(overall, float(curve[round(share * len(curve)) - 1]), area - overall / 2)


def bootstrapped(customers: Ranked, share: float, *, samples: int, seed: int) -> Floats:
    """Return `Worth` of bootstrap samples; customers keep their order: ``[samples, 3]``."""
    random = np.random.default_rng(seed)
    n = len(customers.outcome)
    found = []
    for _ in range(samples):
        weight = np.bincount(random.integers(n, size=n), minlength=n).astype(np.float64)
        found.append(worth(uplift_curve(customers, weight), share))
    return np.array(found)


def by_chance(customers: Ranked, share: float, *, orders: int, seed: int) -> Floats:
    """Return `Worth` of random orders of the same customers: ``[orders, 3]``."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(orders):
        order = random.permutation(len(customers.outcome))
        mixed = Ranked(customers.treated[order], customers.outcome[order])
        found.append(worth(uplift_curve(mixed), share))
    return np.array(found)
