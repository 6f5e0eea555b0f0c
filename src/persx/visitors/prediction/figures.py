"""Figures: what a model is worth on visitors who came after those it has seen.

- *Log loss*: mean of −log(probability of what the visitor declared), natural logarithm. The base
  rate gives everybody the shares of the classes before the test. The interval of the difference
  is that of a mean over visitors (normal, 95%).
- *Expected calibration error*: visitors are ordered by the probability of their most probable
  class and cut into bins of equal size: ten of them, fewer where a bin would have less than 50.
  In each, the share that was right is compared with the mean probability; the error is the mean
  of the absolute differences, weighted by the bins' sizes. A model that is perfectly calibrated
  has one too, by chance: `ece_by_chance`, from 200 draws.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.visitors.prediction.fitting import Floats, Integers

Booleans = NDArray[np.bool_]

BINS: Final = 10
BIN_SIZE: Final = 50
LARGEST_ECE: Final = 0.05
Z: Final = 1.959964
_DRAWS: Final = 200


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Visitors whose best guesses are about as probable: how probable, and how many were right."""

    visitors: int
    confidence: float
    accuracy: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is worth on a test.

    Attributes:
        visitors: In the test.
        base_loss: Log loss of the base rate.
        loss: Log loss of the model.
        difference, low, high: `loss` − `base_loss` with its 95% interval; below 0 is better.
        ece: Expected calibration error.
        ece_by_chance: What a perfectly calibrated model would have had in this test.
        bins: From which the error follows.
        confidence: The least probability with which a guess is used.
        used: Visitors for whom a guess would be used.
        right: Of these, for how many it was right.
        right_low, right_high: 95% interval (Wilson) of the share that is right.
    """

    visitors: int
    base_loss: float
    loss: float
    difference: float
    low: float
    high: float
    ece: float
    ece_by_chance: float
    bins: tuple[Bin, ...]
    confidence: float
    used: int
    right: int
    right_low: float
    right_high: float

    @property
    def coverage(self) -> float:
        """The share of the visitors for whom a guess would be used."""
        return self.used / self.visitors if self.visitors else 0.0

    @property
    def accuracy(self) -> float:
        """The share of the guesses used that is right."""
        return self.right / self.used if self.used else 0.0

    def objections(self) -> list[str]:
        """Return why the model must not be used; empty where nothing speaks against it."""
        found = []
        if not self.high < 0:
            found.append(
                f"Its log loss of {self.loss:.3f} is not surely below the base rate's "
                f"{self.base_loss:.3f} (difference {self.difference:+.3f}, 95% interval "
                f"{self.low:+.3f} to {self.high:+.3f})."
            )
        if not self.ece <= LARGEST_ECE:
            found.append(
                f"Its expected calibration error is {self.ece:.3f}; {LARGEST_ECE} is allowed "
                f"(by chance alone {self.ece_by_chance:.3f} among {self.visitors:,} visitors)."
            )
        if not self.used:
            found.append(f"No guess of the test reached the confidence of {self.confidence:g}.")
        elif self.right_high < self.confidence:
            found.append(
                f"Of the guesses that reach {self.confidence:g} only {self.accuracy:.0%} were "
                f"right (95% interval {self.right_low:.0%} to {self.right_high:.0%})."
            )
        return found


def figures(
    chances: Floats,
    labels: Integers,
    base: Floats,
    *,
    confidence: float,
    guessable: Booleans,
    seed: int = 0,
) -> Figures:
    """Return what probabilities are worth.

    Args:
        chances: Visitor × class.
        labels: The classes that they declared.
        base: The shares of the classes before the test.
        confidence: The least probability with which a guess is used.
        guessable: Visitor by visitor, whether a guess may be used at all.
    """
    visitors = np.arange(len(labels))
    losses = -np.log(np.maximum(chances[visitors, labels], 1e-300))
    base_losses = -np.log(base[labels])
    differences = losses - base_losses
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(len(labels))) if len(labels) > 1 else np.inf
    top = chances.argmax(axis=1)
    confidences = chances[visitors, top]
    right = top == labels
    order = np.argsort(confidences, kind="stable")
    count = max(1, min(BINS, len(labels) // BIN_SIZE))
    pieces = [piece for piece in np.array_split(order, count) if len(piece)]
    used = guessable & (confidences >= confidence)
    low, high = wilson(int((used & right).sum()), int(used.sum()))
    random = np.random.default_rng(seed)
    by_chance = [
        _ece(pieces, confidences, random.random(len(labels)) < confidences) for _ in range(_DRAWS)
    ]
    return Figures(
        visitors=len(labels),
        base_loss=float(base_losses.mean()),
        loss=float(losses.mean()),
        difference=mean,
        low=mean - Z * error,
        high=mean + Z * error,
        ece=_ece(pieces, confidences, right),
        ece_by_chance=float(np.mean(by_chance)),
        bins=tuple(
            Bin(
                visitors=len(piece),
                confidence=float(confidences[piece].mean()),
                accuracy=float(right[piece].mean()),
            )
            for piece in pieces
        ),
        confidence=confidence,
        used=int(used.sum()),
        right=int((used & right).sum()),
        right_low=low,
        right_high=high,
    )


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95% score interval of a share (Wilson 1927); 0 to 1 where there are none.

    >>> tuple(round(each, 3) for each in wilson(8, 10))
    (0.49, 0.943)
    """
    if not trials:
        return 0.0, 1.0
    share, spread = successes / trials, Z * Z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * (share * (1 - share) / trials + spread / (4 * trials)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _ece(pieces: list[Integers], confidences: Floats, right: Booleans) -> float:
    gaps = [
        len(each) * abs(float(right[each].mean() - confidences[each].mean())) for each in pieces
    ]
    return sum(gaps) / len(confidences)
