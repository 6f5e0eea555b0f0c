"""Training: from visitors who declared to a calibrated model and the figures of its test.

The earliest visitors train, those after them calibrate and choose, the newest test (see
`examples.split`). Each visitor is in one part. The figures are those of the very model that is
returned: nothing is fitted again after the test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from persx.model.attribute import Prediction
from persx.model.clock import Millis
from persx.model.counting import counted
from persx.model.errors import Conflict
from persx.visitors.computed.traces import SIMULATED
from persx.visitors.prediction.examples import Example, Population, Split, at_some_moment, split
from persx.visitors.prediction.figures import Figures, figures
from persx.visitors.prediction.fitting import (
    Floats,
    Integers,
    Linear,
    calibrated,
    log_softmax,
    logistic,
    matrix,
    naive_bayes,
)
from persx.visitors.prediction.model import OTHER, Model, Predictor

LEAST_OF_CLASS: Final = 20
"""Visitors of the training part that a value needs; those of rarer ones are `OTHER`."""

LEAST_BEARERS: Final = 5
"""Visitors of the training part that a trace needs: what fewer left could tell of one person."""

LEAST_OTHERS: Final = 50
"""Visitors who never declared: without them nobody knows what they leave."""

LEAK: Final = 0.05
"""A trace that those who never declared leave less than so much as often tells of declaring."""

MOST_TRACES: Final = 2_000
MOST_VISITORS: Final = 50_000
"""The newest who declared; training takes seconds."""

PENALTIES: Final = (1.0, 10.0)


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """The traces that a model may read, and how many were left out."""

    traces: tuple[str, ...]
    rare: int
    leaking: tuple[str, ...]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How a model was trained and what it is worth: all that `persx predict show` tells.

    Attributes:
        declared: Visitors who declared, and allow it.
        trained, calibrated: How many of them are in these parts; the rest is the test.
        test_from, test_to: When those of the test declared.
        others: Visitors who never declared.
        left_out: Why others were left out → how many.
        values: Value → visitors who declared it; those too rare to be told apart too.
        classes: The values that are told apart.
        method: Which of the methods fitted the calibration part best.
        traces: How many the model knows.
        rare: Traces left out because fewer than five visitors left them.
        leaking: Traces left out because hardly anybody leaves them who never declares.
        simulated: How many of the visitors are simulated.
        objections: Why it must not be used.
    """

    declared: int
    trained: int
    calibrated: int
    test_from: Millis
    test_to: Millis
    others: int
    left_out: dict[str, int]
    values: dict[str, int]
    classes: tuple[str, ...]
    method: str
    traces: int
    rare: int
    leaking: tuple[str, ...]
    simulated: int
    figures: Figures
    objections: tuple[str, ...]


def vocabulary(train: Sequence[Example], population: Population) -> Vocabulary:
    """Return the traces to read: often enough, and left by those who never declare as well."""
    left = Counter(trace for example in train for trace in example.traces if trace != SIMULATED)
    often = {trace: count for trace, count in left.items() if count >= LEAST_BEARERS}
    leaking = sorted(
        trace
        for trace, count in often.items()
        if population.borne.get(trace, 0) / population.others < LEAK * count / len(train)
    )
    kept = sorted(often.keys() - set(leaking), key=lambda trace: (-often[trace], trace))
    return Vocabulary(
        traces=tuple(kept[:MOST_TRACES]), rare=len(left) - len(often), leaking=tuple(leaking)
    )


def train(population: Population, prediction: Prediction, *, name: str) -> tuple[Model, Training]:
    """Train, calibrate and test a model.

    Raises:
        Conflict: There are too few visitors, or all declared the same: no test is possible.
    """
    newest = sorted(population.examples, key=lambda each: (each.at, each.key))[-MOST_VISITORS:]
    parts = split(newest)
    classes = _classes(parts, population, prediction, name)
    words = vocabulary(parts.train, population)
    places = {trace: place for place, trace in enumerate(words.traces)}
    indices = {value: place for place, value in enumerate(classes)}

    def labelled(examples: Sequence[Example]) -> Integers:
        other = indices[OTHER]
        return np.array([indices.get(each.label, other) for each in examples], dtype=np.int64)

    whole = matrix([list(each.traces) for each in parts.train], places)
    labels = labelled(parts.train)
    held = matrix([at_some_moment(each) for each in parts.calibration], places)
    held_labels = labelled(parts.calibration)
    best: Linear | None = None
    least = np.inf
    for fitted in (
        naive_bayes(whole, labels, len(classes)),
        *(logistic(whole, labels, len(classes), penalty=penalty) for penalty in PENALTIES),
    ):
        logits = held.times(fitted.weights) + fitted.offsets
        model = calibrated(fitted, logits, held_labels)
        logs = log_softmax(held.times(model.weights) + model.offsets)
        loss = -float(logs[np.arange(len(held_labels)), held_labels].mean())
        if best is None or loss < least:
            best, least = model, loss
    assert best is not None
    simulated = sum(each.simulated for each in newest)
    found = Model(
        of=prediction.of,
        method=best.method,
        classes=classes,
        traces=words.traces,
        weights=tuple(tuple(map(float, row)) for row in best.weights),
        offsets=tuple(map(float, best.offsets)),
        simulated=simulated > 0,
    )
    told = figures_of(
        Predictor(found),
        parts.test,
        base_rate([*parts.train, *parts.calibration], classes),
        confidence=prediction.confidence,
    )
    return found, Training(
        declared=len(population.examples),
        trained=len(parts.train),
        calibrated=len(parts.calibration),
        test_from=parts.test[0].at,
        test_to=parts.test[-1].at,
        others=population.others,
        left_out={
            "bot": population.bots,
            "no consent": population.unwilling,
            "value not known any more": population.untold,
        },
        values=dict(Counter(each.label for each in newest).most_common()),
        classes=tuple(value for value in classes if value != OTHER),
        method=best.method,
        traces=len(words.traces),
        rare=words.rare,
        leaking=words.leaking,
        simulated=simulated,
        figures=told,
        objections=tuple(told.objections()),
    )


def figures_of(
    predictor: Predictor, test: Sequence[Example], base: Floats, *, confidence: float
) -> Figures:
    """Return what a model is worth on visitors it has not seen, asked as it is when deciding."""
    classes = predictor.model.classes
    asked = [predictor.probabilities(at_some_moment(each)) for each in test]
    chances = np.array([chances for chances, _ in asked])
    known = np.array([known for _, known in asked])
    indices = {value: place for place, value in enumerate(classes)}
    other = indices[OTHER]
    labels = np.array([indices.get(each.label, other) for each in test], dtype=np.int64)
    return figures(
        chances,
        labels,
        base,
        confidence=confidence,
        guessable=known & (chances.argmax(axis=1) != other),
    )


def base_rate(examples: Sequence[Example], classes: Sequence[str]) -> Floats:
    """Return the shares of the classes, one imagined visitor added to each."""
    indices = {value: place for place, value in enumerate(classes)}
    other = indices[OTHER]
    labels = [indices.get(each.label, other) for each in examples]
    counts = (np.bincount(labels, minlength=len(classes)) + 1).astype(np.float64)
    shares: Floats = counts / counts.sum()
    return shares


def _classes(
    parts: Split, population: Population, prediction: Prediction, name: str
) -> tuple[str, ...]:
    declared = len(population.examples)
    if declared < prediction.visitors:
        raise Conflict(
            f"'{name}' stays off: {counted(declared, 'visitor')} declared '{prediction.of}' and "
            f"allow to learn from it, and {prediction.visitors:,} are needed.",
            value=declared,
            hint="Wait for more, or lower predict.visitors.",
        )
    if population.others < LEAST_OTHERS:
        raise Conflict(
            f"'{name}' stays off: only {counted(population.others, 'visitor')} did not declare "
            f"'{prediction.of}', and {LEAST_OTHERS} are needed to know what they leave.",
            value=population.others,
            hint="There is hardly anybody to guess for.",
        )
    counts = Counter(each.label for each in parts.train)
    classes = sorted(value for value, count in counts.items() if count >= LEAST_OF_CLASS)
    if len(classes) < 2:
        alone = f"all but a few declared '{classes[0]}'" if classes else "no value is common"
        raise Conflict(
            f"'{name}' stays off: {alone}; two values with {LEAST_OF_CLASS} visitors each are "
            "needed.",
            value=dict(counts.most_common(5)),
            hint="Wait for more visitors.",
        )
    return (*classes, OTHER)
