"""Decisions: what a visitor sees in each block of a page, and why."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Reason(StrEnum):
    """Why this content. Those from `no_match` on come with default content: fallbacks."""

    TARGETED = "targeted"
    ARM = "arm"
    LEARNED = "learned"
    HOLDOUT = "holdout"
    FORCED = "forced"
    DISABLED = "disabled"
    NO_MATCH = "no_match"
    NO_CONSENT = "no_consent"
    UNKNOWN_VISITOR = "unknown_visitor"
    INVALID = "invalid"
    ERROR = "error"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One block's content for one visitor.

    Attributes:
        variant: The variant's name, or ``default``.
        arms: Experiment key → arm, of the experiments that concern this block.
        propensity: The probability with which this content was chosen, given the arm.
    """

    block: str
    type: str
    variant: str
    content: Mapping[str, Any]
    reason: Reason
    arms: Mapping[str, str]
    propensity: float = 1.0


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A visitor's arm in an experiment, and whether this page makes them count in it.

    `eligible` is computed alike in every arm: the experiment targets the visitor, and what
    some arm would show them here differs from what another would.
    """

    experiment: str
    arm: str
    epoch: int
    eligible: bool


class PageDecision(msgspec.Struct, frozen=True, kw_only=True):
    """All decisions of one request, with what is needed to replay them.

    `attributes` is what was visible to the rules. `forced` previews expose nothing.
    `errors` tells block by block what went wrong where the reason is `error`.
    """

    id: str
    page: str
    snapshot: int
    bucketing_id: str
    decisions: tuple[Decision, ...]
    assignments: tuple[Assignment, ...]
    attributes: Mapping[str, Any]
    forced: bool = False
    artifacts: Mapping[str, int] = {}
    errors: Mapping[str, str] = {}


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the decision log: a page's decisions as they are kept for replay.

    `body` is the JSON of the page decision without contents.
    """

    id: str
    at: int
    bucketing_id: str
    page: str
    snapshot: int
    body: str
