"""Learning: what a block with the policy `learn` says about how it learns what to show."""

from __future__ import annotations

from typing import Final

from persx.model.document import Document

HELD_OUT: Final = "held_out"
"""The arm of visitors from whom nothing is learned: they see what the rules alone choose."""

LEARNED: Final = "learned"
"""The arm of visitors whose variant is drawn from the published probabilities."""

_PREFIX: Final = "learn:"


class LearnSettings(Document, frozen=True, kw_only=True):
    """How a block learns which of its eligible variants works best.

    Attributes:
        goal: What visitors shall do.
        learner: How it learns: ``thompson`` or ``linear``.
        by: Attributes by whose values the probabilities may differ.
        window: So long after the exposure an outcome counts, such as ``1d``.
        exploration: The share of visitors, 0.01 to 1, among whom all eligible variants are shown
            alike often, for good.
        held_out: The share of visitors, 0.01 to 0.9, who see what the rules alone choose, and
            from whom nothing is learned.
        memory: Visitors who came earlier than this long ago are no longer learned from.
        every: How often a server learns anew; at least an hour.
        seed: What is hashed with the bucketing id; the block's name unless set. Never changes.
        epoch: Counted up when `held_out` is changed; logged with every exposure.
    """

    goal: str
    learner: str = "thompson"
    by: tuple[str, ...] = ("industry", "persona")
    window: str = "1d"
    exploration: float = 0.1
    held_out: float = 0.1
    memory: str = "90d"
    every: str = "1d"
    seed: str = ""
    epoch: int = 1


def learning_key(block: str) -> str:
    """Return the key of the experiment that measures what a block's learning is worth.

    No experiment of a workspace can have it: their names have no colon.

    >>> learning_key("home-hero")
    'learn:home-hero'
    """
    return _PREFIX + block


def learning_block(key: str) -> str | None:
    """Return the block whose learning an experiment measures; none where it is another one.

    >>> learning_block("learn:home-hero")
    'home-hero'
    """
    return key.removeprefix(_PREFIX) if key.startswith(_PREFIX) else None
