"""The design: which effects a learner can tell apart, as the columns of a matrix in groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from persx.experiments.learning.evidence import Evidence, Floats
from persx.experiments.probabilities import Context

OWN_EFFECTS: Final = 40
"""Contexts with the most visitors that may differ in their own way; the others differ by the
values that they are made of."""

CONTEXT: Final = "context"
VARIANT: Final = "variant"
VALUE: Final = "variant and value"
CELL: Final = "variant and context"


class Design(NamedTuple):
    """The columns of contexts and of variants within them.

    An effect of the context moves all variants alike: only what is beyond it tells them apart.

    Attributes:
        rows: Design rows, ``[contexts, variants, columns]``.
        groups: The group of each column: effects of a group are alike large.
    """

    rows: Floats
    groups: tuple[str, ...]


def design(evidence: Evidence, *, own: int = OWN_EFFECTS) -> Design:
    """Return the design for the contexts of the evidence.

    Args:
        own: How many contexts get effects of their own beyond those of their values.
    """
    traits, whole = _traits(evidence, own)
    contexts, variants = len(evidence.contexts), len(evidence.variants)
    base = np.hstack([np.ones((contexts, 1)), traits, whole])
    kinds = [VARIANT, *[VALUE] * traits.shape[1], *[CELL] * whole.shape[1]]
    width = base.shape[1]
    rows = np.zeros((contexts, variants, width * (1 + variants)))
    rows[:, :, :width] = base[:, None, :]
    for variant in range(variants):
        rows[:, variant, width * (1 + variant) : width * (2 + variant)] = base
    return Design(rows, (*[CONTEXT] * width, *kinds * variants))


def _traits(evidence: Evidence, own: int) -> tuple[Floats, Floats]:
    """Return columns of values, and of whole contexts where they are made of several values."""
    contexts = evidence.contexts
    values = [
        (place, value)
        for place in range(len(evidence.by))
        for value in sorted({context[place] or "" for context in contexts})
        if value
    ]
    traits = _indicators(contexts, [lambda c, p=p, v=v: c[p] == v for p, v in values])
    if len(evidence.by) < 2:
        return traits, np.zeros((len(contexts), 0))
    visitors = evidence.seen.sum(axis=1)
    largest = np.argsort(-visitors, kind="stable")[:own]
    chosen = [contexts[at] for at in sorted(largest) if sum(map(bool, contexts[at])) > 1]
    return traits, _indicators(contexts, [lambda c, it=it: c == it for it in chosen])


def _indicators(contexts: Sequence[Context], tests: Sequence[object]) -> Floats:
    found = np.zeros((len(contexts), len(tests)))
    for column, test in enumerate(tests):
        for row, context in enumerate(contexts):
            found[row, column] = float(bool(test(context)))  # type: ignore[operator]
    return found
