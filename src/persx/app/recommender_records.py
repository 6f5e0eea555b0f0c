"""What is told of trained pipelines: requests and answers of their use cases."""

from __future__ import annotations

import msgspec

from persx.model.clock import Millis
from persx.recommend.artifact import TrainedOn


class PipelineRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which pipeline; all, or the only one, where it is empty. `number` names an artifact."""

    pipeline: str = ""
    number: int = 0


class TrainerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A process that trains a pipeline.

    Attributes:
        holder: What tells it from others: ``HOST:PID:`` and something random.
        failed: Why it gives up; empty while it does not.
        nothing: It gives up because there is nothing to learn from yet, which is no fault.
        seen: How many events it looked through for that, at most.
    """

    pipeline: str
    holder: str
    failed: str = ""
    nothing: bool = False
    seen: int = 0


class FinishedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline that was trained; its files are in the home.

    Attributes:
        body: The manifest.
        made: As of when.
        events: Events up to this sequence were learned from.
        snapshot: That the pipeline is of.
        simulated: Touches by simulated visitors among those that were learned from.
        unwilling: Visitors who do not allow it, and were left out.
        scheduled: Nobody asked for it but its own `every`.
    """

    pipeline: str
    holder: str
    body: bytes
    made: Millis
    events: int
    snapshot: int
    trained: TrainedOn
    simulated: int = 0
    unwilling: int = 0
    scheduled: bool = False


class TrainedArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact of a pipeline.

    Attributes:
        made: As of when it was trained.
        events: Events up to this sequence were learned from.
        active: It recommends.
        there: Its files are there; those of the newest few are kept.
        bytes: Of its files.
        sources: The recommenders that it is made of.
    """

    number: int
    made: Millis
    snapshot: int
    events: int
    digest: str
    active: bool
    activated: Millis
    there: bool
    bytes: int
    sources: tuple[str, ...]
    trained: TrainedOn
    simulated: int = 0
    unwilling: int = 0


class PipelineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline with its artifacts, newest first.

    Attributes:
        active: Number of the one that recommends; 0 where none does.
        stale: Why it is too old, in words; empty where it is not.
        changed: Its sources are others now than when it was trained.
        training_since: When the training that runs began; 0 where none runs.
        stopped: Somebody switched it off: a server does not train it by itself.
        tried: What the last training came to, in words; empty where there was none.
        failed: The last training came to nothing, and something was wrong.
        nothing_yet: The last training found nothing to learn from; nothing is wrong.
    """

    pipeline: str
    label: str
    description: str
    sources: tuple[str, ...]
    every: str
    since: str
    active: int
    stale: str
    changed: bool
    training_since: Millis
    stopped: bool
    tried: str
    tried_at: Millis
    failed: bool
    nothing_yet: bool = False
    artifacts: tuple[TrainedArtifact, ...]


class Pipelines(msgspec.Struct, frozen=True, kw_only=True):
    """The workspace's pipelines."""

    pipelines: tuple[PipelineStatus, ...]
