"""What is told of predicted attributes: their models, and what a training came to."""

from __future__ import annotations

import msgspec

from persx.model.clock import Millis
from persx.visitors.prediction.training import Training


class PredictRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which predicted attribute; the only one where it is empty. `number` names a model."""

    name: str = ""
    number: int = 0


class TrainedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is kept, with how it was trained and tested.

    Attributes:
        number: Its number as an artifact.
        made: When.
        snapshot: The snapshot that was served then.
        events: Events up to this sequence had been folded then.
        digest: SHA-256 of the model.
        active: It is the one that guesses are made with.
        training: What it was trained on, and its figures.
    """

    number: int
    made: Millis
    snapshot: int
    events: int
    digest: str
    active: bool
    training: Training


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """When a server last trained by itself, and what came of it in words."""

    at: Millis
    outcome: str


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """A predicted attribute, and the models that were trained for it, newest first.

    Attributes:
        of: What is guessed.
        confidence: The least probability with which a guess is used.
        every: How often a server trains anew; empty for never.
        active: Number of the model in use; 0 for none.
        tried: The last training by itself.
    """

    name: str
    of: str
    confidence: float
    every: str
    active: int
    models: tuple[TrainedModel, ...]
    tried: Tried | None = None


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """All predicted attributes of what is served."""

    attributes: tuple[Predicted, ...]


class TrainResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a training came to.

    Attributes:
        activated: The new model is in use.
        stopped: Number of the model that was in use and does not pass on the newest visitors
            any more, so that nothing is guessed now; 0 for none.
        why_stopped: What speaks against that one.
    """

    name: str
    of: str
    model: TrainedModel
    activated: bool
    stopped: int = 0
    why_stopped: tuple[str, ...] = ()
