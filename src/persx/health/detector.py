"""The detector of a change for the worse in a rate: an e-CUSUM, which rarely errs in a year.

Each trial is bad or not. As long as a trial is bad with a probability of at most `limit`, whatever
came before it, the likelihood ratio of a worse rate against `limit` is expected not to grow.
Several worse rates are tried at once, each with a score that never falls below 0 at the beginning
of a step (seconds, minutes or a day). The mean of these e-CUSUMs lies below the e-SR procedure's,
of which the chance to reach A within n steps is at most n / A (Shin, Ramdas and Rinaldo,
E-detectors: a nonparametric framework for sequential change detection, 2022, with Doob's
inequality).
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from persx.model.clock import Millis

FALSE_ALARMS_A_YEAR: Final = 0.1
"""The chance of a false alarm of an objective within a year, over all that it looks at."""

SUSPICION: Final = math.log(20)
"""Log evidence from which on something is watched: by chance in one of twenty steps at most."""

_STRENGTHS: Final = (0.1, 0.25, 0.45, 0.65, 0.85, 0.97)


class Trials(msgspec.Struct, frozen=True):
    """Trials, how many of them were bad, and when the last of them was."""

    bad: int
    total: int
    at: Millis = 0


class Detector(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of all trials so far.

    Attributes:
        scores: Log evidence for each worse rate, since it last was nothing.
        stepped: When the current step began, epoch milliseconds.
    """

    scores: tuple[float, ...] = (0.0,) * len(_STRENGTHS)
    stepped: Millis = 0


def worse_rates(limit: float) -> tuple[float, ...]:
    """Return the rates that are tried, from hardly worse than the limit to nearly all.

    >>> [round(rate, 2) for rate in worse_rates(0.2)]
    [0.23, 0.3, 0.41, 0.57, 0.79, 0.95]
    """
    return tuple(limit ** (1 - strength) for strength in _STRENGTHS)


def advance(detector: Detector, trials: Trials, limit: float, step: Millis) -> Detector:
    """Return the detector after more trials.

    Looking more often than once a step changes nothing in the chance of a false alarm.

    Args:
        detector: What came before.
        trials: What is new.
        limit: The rate of bad trials that is still right, above 0 and below 1.
        step: Length of a step, in milliseconds.
    """
    scores, stepped, now = detector.scores, detector.stepped, trials.at
    if now - stepped >= step or now < stepped:
        scores, stepped = tuple(max(score, 0.0) for score in scores), now
    good = trials.total - trials.bad
    return Detector(
        scores=tuple(
            score + trials.bad * math.log(rate / limit) + good * math.log((1 - rate) / (1 - limit))
            for score, rate in zip(scores, worse_rates(limit), strict=True)
        ),
        stepped=stepped,
    )


def evidence(detector: Detector) -> float:
    """Return the logarithm of the mean of all evidence."""
    top = max(detector.scores)
    total = sum(math.exp(score - top) for score in detector.scores)
    return top + math.log(total / len(detector.scores))


def threshold(steps_a_year: float, watched: int) -> float:
    """Return the log evidence from which on a change is confirmed.

    Args:
        steps_a_year: How many steps a year has.
        watched: How many detectors an objective has: together they err no more often.
    """
    return math.log(max(steps_a_year, 1.0) * max(watched, 1) / FALSE_ALARMS_A_YEAR)


def likely_rate(detector: Detector, limit: float) -> float:
    """Return the worse rate that has most evidence."""
    best = max(range(len(detector.scores)), key=detector.scores.__getitem__)
    return worse_rates(limit)[best]


def recover(score: float, trials: Trials, limit: float, broken: float) -> float:
    """Return the log evidence that a broken rate is right again, after more trials.

    Recovered is what reaches `SUSPICION`; saying so too early costs a second alarm, no more.
    """
    good = trials.total - trials.bad
    gained = trials.bad * math.log(limit / broken) + good * math.log((1 - limit) / (1 - broken))
    return max(score, 0.0) + gained
