"""The model: what each trace of a visit says for each class, and how a guess follows from it.

A linear model: the logit of a class is its offset plus the sum of its weights over the traces
that the visitor left. Naive Bayes and logistic regression both come down to this, calibration
included, so that one form is kept and one is asked. Asking is plain Python, for the few traces of
one visitor that is faster than numpy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import add
from typing import Final

import msgspec

from persx.model.errors import Unavailable
from persx.visitors.computed.traces import source_of

OTHER: Final = ""
"""The class of all values that too few visitors declared; it is never a guess."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A trained and calibrated model. No visitor is in it: only traces that several left.

    Attributes:
        of: The declared attribute that is guessed, or ``persona``.
        method: How it was trained.
        classes: The values that it tells apart, then `OTHER`.
        traces: The traces that it knows.
        weights: For each trace, for each class.
        offsets: For each class: the logits of a visitor who left no trace.
        simulated: Some of the visitors that it was trained on were simulated.
    """

    of: str
    method: str
    classes: tuple[str, ...]
    traces: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    offsets: tuple[float, ...]
    simulated: bool = False


class Predictor:
    """A model, ready to be asked.

    Raises:
        Unavailable: The model's parts do not fit each other.
    """

    def __init__(self, model: Model, number: int = 0) -> None:
        width = len(model.classes)
        sound = (
            width > 1
            and len(set(model.classes)) == width
            and len(model.offsets) == width
            and len(model.weights) == len(model.traces)
            and all(len(row) == width for row in model.weights)
            and all(math.isfinite(each) for row in (*model.weights, model.offsets) for each in row)
        )
        if not sound:
            raise Unavailable(
                f"Model {number} of '{model.of}' cannot be read: its parts do not fit.",
                value=number,
                hint="Activate an earlier one, or train anew.",
            )
        self.model = model
        self.number = number
        self.kinds = frozenset(source_of(trace) for trace in model.traces)
        """The kinds of the traces that it knows."""
        self._rows = dict(zip(model.traces, model.weights, strict=True))

    @classmethod
    def decode(cls, body: bytes, number: int) -> Predictor:
        """Read an artifact's body.

        Raises:
            Unavailable: It is no model.
        """
        try:
            return cls(msgspec.msgpack.decode(body, type=Model), number)
        except msgspec.DecodeError as error:
            raise Unavailable(
                f"Artifact {number} is no model: {error}.",
                value=number,
                hint="Activate an earlier one, or train anew.",
            ) from error

    def probabilities(self, traces: Iterable[str]) -> tuple[list[float], bool]:
        """Return the probability of each class, and whether any trace was known."""
        logits = list(self.model.offsets)
        rows, known = self._rows, False
        for trace in traces:
            row = rows.get(trace)
            if row is not None:
                known = True
                logits = list(map(add, logits, row))
        most = max(logits)
        powers = [math.exp(logit - most) for logit in logits]
        whole = sum(powers)
        return [power / whole for power in powers], known

    def best(self, traces: Iterable[str]) -> tuple[str, float] | None:
        """Return the most probable value and its probability.

        None where it is none of the values in particular, or no trace is known.
        """
        chances, known = self.probabilities(traces)
        place = max(range(len(chances)), key=chances.__getitem__)
        value = self.model.classes[place]
        return (value, chances[place]) if known and value != OTHER else None


def encode_model(model: Model) -> bytes:
    """Return a model as the body of an artifact; equal models have equal bytes."""
    return msgspec.msgpack.encode(model)
