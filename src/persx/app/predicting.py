"""Predicting: models are trained, tested and kept as artifacts; one that fails its test stays off.

Every trained model is kept with its figures, so that anybody can see why it is used or not. One
becomes active by passing its test, or by being activated again later; never without one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from persx.app import audit
from persx.app.backfill import gaps, notes
from persx.app.deciding import current_plan
from persx.app.population import population
from persx.app.predictions import (
    Predicted,
    Predictions,
    PredictRequest,
    TrainedModel,
    TrainResult,
    Tried,
)
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.decide.plan import Plan
from persx.model.artifact import PREDICTION, ArtifactHead, Origin
from persx.model.attribute import Attribute
from persx.model.clock import HOUR, parse_duration
from persx.model.errors import BadInput, Conflict, NotFound, PersxError, did_you_mean
from persx.model.staff import Actor
from persx.storage.scope import System
from persx.visitors.fold import computed_key
from persx.visitors.prediction.examples import Population
from persx.visitors.prediction.figures import LARGEST_ECE, Figures
from persx.visitors.prediction.model import Predictor, encode_model
from persx.visitors.prediction.traced import TRACES
from persx.visitors.prediction.training import Training, base_rate, figures_of, train

_LEASE_LENGTH: Final = HOUR
_TRIED: Final = "prediction/tried/"
"""Small values: predicted attribute → when a server last tried to train it, and what came of it."""

_SCOPE: Final = System("learning what visitors declare")

_log = logging.getLogger("persx")


async def train_model(services: Services, request: PredictRequest) -> TrainResult:
    """Train a model and test it; use it if it passes.

    Where it does not pass, the model in use is tested on the same visitors, as far as they came
    after it, and is no longer used where it fails too.

    Raises:
        Conflict: Too few visitors declared it, or somebody trains already; nothing is changed.
        NotFound: The workspace predicts no such attribute.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    attribute = _attribute(plan, request.name)
    now = services.clock()
    holder = f"train:{os.getpid()}:{id(request)}"
    if not await services.store.lease("train", holder, now + _LEASE_LENGTH, now):
        raise Conflict("Somebody trains already.", hint="Wait until that is done.")
    try:
        return await _train(services, plan, attribute)
    finally:
        await services.store.lease("train", holder, 0, services.clock())


async def _train(services: Services, plan: Plan, attribute: Attribute) -> TrainResult:
    assert attribute.predict is not None
    name = attribute.name
    events = await _folded(services, plan)
    people = await population(services, plan, attribute)
    model, training = await asyncio.to_thread(train, people, attribute.predict, name=name)
    origin = Origin(made=services.clock(), events=events, snapshot=plan.snapshot.number)
    number = await services.artifacts.put(
        PREDICTION,
        name,
        encode_model(model),
        origin=origin,
        meta={"training": msgspec.to_builtins(training)},
    )
    stopped, why = 0, tuple[str, ...]()
    if training.objections:
        stopped, why = await _stop_if_worse(services, attribute, people)
    else:
        await services.artifacts.activate(PREDICTION, name, number, now=services.clock())
    await services.models.refresh(services)
    head = (await services.artifacts.heads(PREDICTION, name))[0]
    return TrainResult(
        name=name,
        of=attribute.predict.of,
        model=_told(head),
        activated=not training.objections,
        stopped=stopped,
        why_stopped=why,
    )


async def _folded(services: Services, plan: Plan) -> int:
    """Return up to which sequence all events are in the states.

    Raises:
        Conflict: Traces of earlier events are still missing.
    """
    rows = await services.warehouse.seen_by(_SCOPE).query("SELECT max(sequence) FROM events")
    events = int(rows.rows[0][0] or 0)
    if not events:
        # There is nothing to fold: that nobody came yet is what training then says.
        return 0
    key = computed_key(plan.attributes[TRACES])
    noted = await notes(services.store)
    if not noted or key not in noted[max(noted)] or await gaps(services.store, key):
        raise Conflict(
            "What visits tell is not folded from all events yet.",
            hint="Serve the home: that is done in the background, then train again.",
        )
    return events


async def _stop_if_worse(
    services: Services, attribute: Attribute, people: Population
) -> tuple[int, tuple[str, ...]]:
    """Stop using the active model where visitors who came after it speak against it."""
    used = services.models.active.get(attribute.name)
    prediction = attribute.predict
    if used is None or prediction is None:
        return 0, ()
    head = next(
        each
        for each in await services.artifacts.heads(PREDICTION, attribute.name)
        if each.number == used.number
    )
    after = [each for each in people.examples if each.at > head.origin.made]
    before = [each for each in people.examples if each.at <= head.origin.made]
    if len(after) < prediction.visitors // 5:
        return 0, ()
    base = base_rate(before, used.model.classes)
    found = await asyncio.to_thread(figures_of, used, after, base, confidence=prediction.confidence)
    # It is stopped where it fails, not where few visitors leave it unproven.
    astray = found.ece > max(LARGEST_ECE, 2 * found.ece_by_chance)
    if not (found.low > 0 or astray):
        return 0, ()
    await services.artifacts.activate(PREDICTION, attribute.name, None, now=services.clock())
    return used.number, tuple(found.objections())


async def show_models(services: Services, request: PredictRequest) -> Predictions:
    """Return the predicted attributes with their models and figures.

    Raises:
        NotFound: The workspace predicts no such attribute.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    chosen = [_attribute(plan, request.name)] if request.name else plan.guesses
    return Predictions(attributes=tuple([await _predicted(services, each) for each in chosen]))


async def _predicted(services: Services, attribute: Attribute) -> Predicted:
    assert attribute.predict is not None
    heads = await services.artifacts.heads(PREDICTION, attribute.name)
    used = services.models.active.get(attribute.name)
    tried = await services.store.value(_TRIED + attribute.name)
    return Predicted(
        name=attribute.name,
        of=attribute.predict.of,
        confidence=attribute.predict.confidence,
        every=attribute.predict.every or "",
        active=used.number if used else 0,
        models=tuple(_told(head) for head in heads),
        tried=None if tried is None else msgspec.json.decode(tried, type=Tried),
    )


async def activate_model(services: Services, request: PredictRequest) -> Predicted:
    """Use an earlier model again.

    Raises:
        Conflict: It did not pass its test, or guesses something else by now.
        NotFound: There is no such model.
        Unavailable: It is damaged.
    """
    await services.refresh()
    attribute = _attribute(current_plan(services), request.name)
    assert attribute.predict is not None
    found = await services.artifacts.get(PREDICTION, attribute.name, request.number)
    if found is None:
        raise NotFound(
            f"There is no model {request.number} of '{attribute.name}'.",
            value=request.number,
            hint="'persx predict show' lists them.",
        )
    model = Predictor.decode(found.body, request.number).model
    if model.of != attribute.predict.of:
        raise Conflict(
            f"Model {request.number} guesses '{model.of}', and '{attribute.name}' is about "
            f"'{attribute.predict.of}' now.",
            value=request.number,
            hint="Train anew.",
        )
    objections = _told(found.head).training.objections
    if objections:
        raise Conflict(
            f"Model {request.number} stays off: it did not pass its test. {' '.join(objections)}",
            value=request.number,
            hint="Train anew when more visitors have declared it.",
        )
    await services.artifacts.activate(
        PREDICTION, attribute.name, request.number, now=services.clock()
    )
    await services.models.refresh(services)
    return await _predicted(services, attribute)


async def stop_model(services: Services, request: PredictRequest) -> Predicted:
    """Guess nothing any more; what was trained is kept.

    Raises:
        NotFound: The workspace predicts no such attribute.
    """
    await services.refresh()
    attribute = _attribute(current_plan(services), request.name)
    await services.artifacts.activate(PREDICTION, attribute.name, None, now=services.clock())
    await services.models.refresh(services)
    return await _predicted(services, attribute)


async def train_when_due(services: Services) -> None:
    """Train what the workspace says shall be trained by now; keep what came of it in words."""
    plan = services.publication.plan
    for attribute in plan.guesses if plan else ():
        every = attribute.predict.every if attribute.predict else None
        if every is None:
            continue
        kept = await services.store.value(_TRIED + attribute.name)
        last = msgspec.json.decode(kept, type=Tried).at if kept else 0
        if services.clock() - last < parse_duration(every):
            continue
        try:
            request = PredictRequest(name=attribute.name)
            result = await train_model(services, request)
            for each in _trained(request, result):
                await audit.note(services, Actor("persx"), each)
            outcome = in_words(result)
        except PersxError as error:
            outcome = str(error)
        tried = Tried(at=services.clock(), outcome=outcome)
        await services.store.set_value(_TRIED + attribute.name, msgspec.json.encode(tried))
        _log.info("Training '%s': %s", attribute.name, outcome)


def in_words(result: TrainResult) -> str:
    """Return in one line what a training came to."""
    told = figures_in_words(result.model.training.figures)
    whose = _simulated(result.model.training)
    if result.activated:
        return f"Model {result.model.number} of '{result.name}' is used{whose}: {told}."
    said = f"'{result.name}': model {result.model.number} stays off{whose}."
    said += f" {' '.join(result.model.training.objections)}"
    if result.stopped:
        said += f" Model {result.stopped}, which was used, is stopped: it fails as well. "
        said += " ".join(result.why_stopped)
    return said


def _simulated(training: Training) -> str:
    return " (simulated visitors)" if training.simulated else ""


def figures_in_words(found: Figures) -> str:
    """Return the figures of a test in one line."""
    return (
        f"log loss {found.loss:.3f} against the base rate's {found.base_loss:.3f} "
        f"({found.difference:+.3f}, 95% interval {found.low:+.3f} to {found.high:+.3f}), expected "
        f"calibration error {found.ece:.3f}, {found.coverage:.0%} of {found.visitors:,} visitors "
        f"reach {found.confidence:g}, {found.accuracy:.0%} of these guesses are right"
    )


def _attribute(plan: Plan, name: str) -> Attribute:
    named = {each.name: each for each in plan.guesses}
    if not named:
        raise NotFound(
            "The workspace predicts nothing.",
            hint="Declare an attribute with source: predicted and predict: {of: industry}.",
        )
    if not name and len(named) == 1:
        return next(iter(named.values()))
    if not name:
        raise BadInput(
            f"Several attributes are predicted: {', '.join(named)}.", hint="Name one of them."
        )
    if name not in named:
        raise NotFound(
            f"'{name}' is not predicted.", value=name, hint=did_you_mean(name, list(named))
        )
    return named[name]


def _told(head: ArtifactHead) -> TrainedModel:
    told: Mapping[str, Any] = head.meta
    return TrainedModel(
        number=head.number,
        made=head.origin.made,
        snapshot=head.origin.snapshot,
        events=head.origin.events,
        digest=head.digest,
        active=head.active,
        training=msgspec.convert(told["training"], Training),
    )


def _trained(_request: PredictRequest, done: TrainResult) -> list[Noted]:
    noted = [Noted("model.train", done.name, f"number {done.model.number}")]
    if done.activated:
        noted.append(Noted("model.activate", done.name, f"number {done.model.number}"))
    if done.stopped:
        noted.append(Noted("model.stop", done.name, f"number {done.stopped}"))
    return noted


def _chosen(_request: PredictRequest, done: Predicted) -> list[Noted]:
    if not done.active:
        return [Noted("model.stop", done.name)]
    return [Noted("model.activate", done.name, f"number {done.active}")]


PREDICT_TRAIN: Final = UseCase(
    "predict-train", PredictRequest, TrainResult, train_model, notes=_trained
)
PREDICT_SHOW: Final = UseCase(
    "predict-show", PredictRequest, Predictions, show_models, writes=False
)
PREDICT_ACTIVATE: Final = UseCase(
    "predict-activate", PredictRequest, Predicted, activate_model, notes=_chosen
)
PREDICT_OFF: Final = UseCase("predict-off", PredictRequest, Predicted, stop_model, notes=_chosen)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (
    PREDICT_TRAIN,
    PREDICT_SHOW,
    PREDICT_ACTIVATE,
    PREDICT_OFF,
)
"""What can be asked about predictions."""
