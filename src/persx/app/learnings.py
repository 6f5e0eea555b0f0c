"""What is told of blocks that learn: what was published for them, and what it was learned from."""

from __future__ import annotations

import msgspec

from persx.experiments.probabilities import Probabilities
from persx.model.clock import Millis


class LearnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which block; the only one that learns where it is empty. `number` names an artifact."""

    block: str = ""
    number: int = 0


class LearnedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact was learned from.

    Attributes:
        goal, window: What counted, and so long after the exposure.
        visitors: Visitors whose window was over, and who were drawn a variant that still looks
            like that.
        reached: How many of them reached the goal.
        waiting: Visitors whose window was not over: they count in a later artifact.
        held_out: Visitors of the arm from which nothing is learned.
        left_out: Visitors who do not count, by the reason in words.
    """

    goal: str
    window: str
    visitors: int = 0
    reached: int = 0
    waiting: int = 0
    held_out: int = 0
    left_out: dict[str, int] = {}


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact of a block.

    Attributes:
        number: Its number as an artifact.
        snapshot: The snapshot that was served then.
        events: Events up to this sequence were learned from.
        active: Visitors are drawn by it.
        probabilities: What it says; none in listings, and where it is damaged.
    """

    number: int
    made: Millis
    snapshot: int
    events: int
    digest: str
    active: bool
    learned_from: LearnedFrom
    probabilities: Probabilities | None = None


class LearningBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block that learns.

    Attributes:
        experiment: The report that compares it with the held-out visitors.
        active: Number of the artifact in use; 0 where the rules alone choose.
        stopped: Somebody stopped it; a server does not learn by itself then.
        published: Its artifacts, newest first; the one in use tells its probabilities.
        tried: When a server last learned by itself, and what came of it.
    """

    block: str
    learner: str
    goal: str
    every: str
    exploration: float
    held_out: float
    experiment: str
    active: int
    stopped: bool
    published: tuple[Publication, ...] = ()
    tried: str = ""
    tried_at: Millis = 0


class Learnings(msgspec.Struct, frozen=True, kw_only=True):
    """All blocks that learn of what is served."""

    blocks: tuple[LearningBlock, ...]
