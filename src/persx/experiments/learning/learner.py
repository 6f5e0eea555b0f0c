"""What a learner is: evidence in, shares of the variants by context out; nothing else happens."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from persx.experiments.learning.evidence import Evidence, Floats


class Learned(NamedTuple):
    """What was learned, before exploration. Rows of shares add up to 1.

    Attributes:
        shares: ``[contexts, variants]``.
        rates: What each variant is expected to bring, in the same places.
        overall, overall_rates: For visitors of any other context, ``[variants]``.
    """

    shares: Floats
    rates: Floats
    overall: Floats
    overall_rates: Floats


class Learner(Protocol):
    """One way to learn. Pure: the same evidence and seed give the same shares.

    Attributes:
        name: Its name in the registry.
        description: What it does, in a sentence.
    """

    name: str
    description: str

    def learn(self, evidence: Evidence, *, seed: int) -> Learned:
        """Return the shares for every context, and for everybody else.

        Args:
            seed: For learners that simulate.
        """
        ...


def everybody(variants: int) -> Learned:
    """Return what holds before anything was seen: all variants alike."""
    even = np.full(variants, 1 / variants)
    none = np.zeros((0, variants))
    return Learned(shares=none, rates=none, overall=even, overall_rates=np.zeros(variants))
