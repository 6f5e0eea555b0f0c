"""Fitting: naive Bayes and logistic regression over traces, and their calibration. Numpy only.

Both give weights for each trace and class, and offsets. One imagined visitor of each class, who
left no trace, is added, so that no class has the probability 0. Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMOOTHING: Final = 1.0
"""Visitors who are added to each trace of each class in naive Bayes."""

STEPS: Final = 400


class Traces(NamedTuple):
    """Which visitor left which trace: a sparse matrix of ones, `rows` × `columns`."""

    visitors: Integers
    traces: Integers
    rows: int
    columns: int

    def times(self, weights: Floats) -> Floats:
        """Return the sums of the weights of each visitor's traces, for each class."""
        return np.stack(
            [
                np.bincount(self.visitors, weights=column[self.traces], minlength=self.rows)
                for column in weights.T
            ],
            axis=1,
        )

    def transposed_times(self, values: Floats) -> Floats:
        """Return the sums over each trace's visitors, for each class."""
        return np.stack(
            [
                np.bincount(self.traces, weights=column[self.visitors], minlength=self.columns)
                for column in values.T
            ],
            axis=1,
        )


class Linear(NamedTuple):
    """Weights by trace and class, and offsets by class."""

    method: str
    weights: Floats
    offsets: Floats


def matrix(visitors: Sequence[Sequence[str]], places: Mapping[str, int]) -> Traces:
    """Return the matrix of the known traces of some visitors."""
    pairs = [
        (row, places[trace])
        for row, traces in enumerate(visitors)
        for trace in traces
        if trace in places
    ]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Traces(both[:, 0], both[:, 1], len(visitors), len(places))


def naive_bayes(traces: Traces, labels: Integers, classes: int) -> Linear:
    """Fit multinomial naive Bayes to which traces each class leaves."""
    counts = np.bincount(labels, minlength=classes) + 1.0
    ones = np.eye(classes)[labels]
    left = traces.transposed_times(ones) + SMOOTHING
    weights = np.log(left / left.sum(axis=0))
    return Linear("naive_bayes", _centred(weights), np.log(counts / counts.sum()))


def logistic(traces: Traces, labels: Integers, classes: int, *, penalty: float) -> Linear:
    """Fit multinomial logistic regression with an L2 penalty on the weights, not the offsets."""
    rows, columns = traces.rows, traces.columns
    padded = traces._replace(rows=rows + classes)
    wanted = np.eye(classes)[np.concatenate([labels, np.arange(classes)])]
    total = rows + classes

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, offsets = flat[:-classes].reshape(columns, classes), flat[-classes:]
        logs = log_softmax(padded.times(weights) + offsets)
        errors = (np.exp(logs) - wanted) / total
        slope = padded.transposed_times(errors) + penalty / total * weights
        value = -(logs * wanted).sum() / total + penalty / (2 * total) * (weights**2).sum()
        return float(value), np.concatenate([slope.ravel(), errors.sum(axis=0)])

    found = minimise(loss, np.zeros(columns * classes + classes))
    weights, offsets = found[:-classes].reshape(columns, classes), found[-classes:]
    return Linear(f"logistic_{penalty:g}", _centred(weights), offsets - offsets.mean())


def calibrated(model: Linear, logits: Floats, labels: Integers) -> Linear:
    """Scale a model's logits and shift its classes so that they fit visitors it has not seen.

    Temperature scaling with an offset for each class (Guo et al. 2017; Alexandari et al. 2020),
    drawn towards changing nothing with the weight of one visitor.

    Args:
        logits: What the model says of these visitors.
        labels: Their classes.
    """
    classes, total = logits.shape[1], len(labels)
    wanted = np.eye(classes)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        scale, shift = flat[0], flat[1:]
        logs = log_softmax(scale * logits + shift)
        errors = (np.exp(logs) - wanted) / total
        drawn = 0.5 / total * ((scale - 1) ** 2 + (shift**2).sum())
        value = -(logs * wanted).sum() / total + drawn
        slope = np.concatenate([[(errors * logits).sum()], errors.sum(axis=0)])
        return float(value), slope + np.concatenate([[scale - 1], shift]) / total

    found = minimise(loss, np.concatenate([[1.0], np.zeros(classes)]))
    scale = float(found[0])
    if scale <= 0:
        # A model that is worse than none would be turned round: it says the shares instead.
        shares = (np.bincount(labels, minlength=classes) + 1.0) / (total + classes)
        return Linear(model.method, 0 * model.weights, np.log(shares))
    return Linear(model.method, scale * model.weights, scale * model.offsets + found[1:])


def log_softmax(logits: Floats) -> Floats:
    """Return the logarithms of the probabilities that logits stand for."""
    centred = logits - logits.max(axis=1, keepdims=True)
    result: Floats = centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))
    return result


def minimise(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """Return where a convex loss is least: accelerated gradient descent with backtracking.

    It restarts where momentum leads uphill (O'Donoghue and Candès 2015).
    """
    best = ahead = start
    step, momentum = 1.0, 1.0
    for _ in range(STEPS):
        value, slope = loss(ahead)
        steepness = float(slope @ slope)
        if steepness < 1e-14:
            break
        while True:
            found = ahead - step * slope
            if loss(found)[0] <= value - 0.5 * step * steepness or step < 1e-9:
                break
            step /= 2
        if float((ahead - found) @ (found - best)) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (momentum - 1) / following * (found - best)
        best, momentum = found, float(following)
        step *= 1.25
    return best


def _centred(weights: Floats) -> Floats:
    """Return the same model with weights around zero: only differences between classes count."""
    centred: Floats = weights - weights.mean(axis=1, keepdims=True)
    return centred
