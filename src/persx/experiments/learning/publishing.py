"""From evidence to what is published: shares by context, with lanes that variants keep."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from persx.experiments.learning.evidence import Evidence, Floats
from persx.experiments.learning.learner import Learner
from persx.experiments.probabilities import Cell, Context, Probabilities, lanes_for

FEWEST: Final = 5
"""Visitors of a context that is published: of fewer it could tell of one person."""


def probabilities(
    evidence: Evidence,
    learner: Learner,
    *,
    block: str,
    exploration: float,
    lanes: Mapping[str, int],
    most: int = 500,
) -> Probabilities:
    """Learn, and return what is published.

    Args:
        lanes: Those of the artifact before.
        most: Contexts that are published at most; those with the most visitors.
    """
    found = learner.learn(evidence, seed=_seed(block))
    visitors = evidence.seen.sum(axis=1)
    told = [at for at, count in enumerate(visitors) if count >= FEWEST]
    largest = sorted(told, key=lambda at: (-visitors[at], at))[:most]

    def cell(context: Context, shares: Floats, rates: Floats, count: float) -> Cell:
        total = float(shares.sum())
        return Cell(
            context=context,
            shares={
                name: float(share) / total
                for name, share in zip(evidence.variants, shares, strict=True)
            },
            rates={
                name: round(float(rate), 6)
                for name, rate in zip(evidence.variants, rates, strict=True)
            },
            visitors=round(count),
        )

    return Probabilities(
        block=block,
        learner=learner.name,
        by=evidence.by,
        exploration=exploration,
        lanes=lanes_for(evidence.variants, lanes),
        overall=cell((), found.overall, found.overall_rates, float(visitors.sum())),
        cells=tuple(
            cell(evidence.contexts[at], found.shares[at], found.rates[at], visitors[at])
            for at in sorted(largest)
        ),
    )


def _seed(block: str) -> int:
    """Return a seed that is the block's own, so that two trainings draw alike."""
    return int.from_bytes(blake2b(block.encode(), digest_size=8).digest())
