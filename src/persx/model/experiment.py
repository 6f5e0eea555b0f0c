"""Experiments as a workspace declares them: arms, what they show, and named strategies."""

from __future__ import annotations

from typing import Final, Literal

from persx.model.document import Document

TARGETED: Final = "targeted"
"""What an arm says for a block whose own policy shall choose."""


class Strategy(Document, frozen=True, kw_only=True):
    """A layer of personalization that an arm can show: targeting by certain attributes alone.

    Variants whose rules read anything else are left out, and lists are ranked by these attributes
    only. So an experiment tells what each further layer adds.

    Attributes:
        attributes: What it may go by; empty is targeting by nothing, as the default content is.
    """

    name: str = ""
    attributes: tuple[str, ...] = ()
    description: str = ""


class Arm(Document, frozen=True, kw_only=True):
    """One arm of an experiment.

    `show` says what its visitors get: ``default``, ``targeted``, a strategy's name, or a
    variant's; a map says it for each block, the others stay targeted.

    Attributes:
        weight: Its share, relative to the other arms.
        show: What its visitors get.
    """

    name: str = ""
    weight: float = 1.0
    show: str | dict[str, str] = TARGETED


class Experiment(Document, frozen=True, kw_only=True):
    """A randomised comparison with a fixed seed.

    Attributes:
        seed: What is hashed with the bucketing id; the key unless set. Never changes.
        target: The rule that makes a visitor eligible.
        blocks: Blocks that it concerns; ``page/*`` names all blocks of a page, empty means all.
        arms: The first one is the control.
        layer: Experiments of one layer never share a visitor.
        offset, traffic: The part [offset, offset + traffic) of the layer; ramping extends it.
        goals: Goals that the report analyses; all unless set.
        metrics: Further metrics that it analyses.
        guardrails: Metrics that must not get worse.
        key: Its name; in files, the name of the file.
        horizon: The stopping rule. So long after the first visitor entered, such as ``28d``, it is
            looked at, once; unless set it may be looked at and stopped at any time.
        epoch: Counted up when it is changed midway; logged with every exposure.
        status: A stopped experiment assigns nobody.
        winner: The arm that everybody whom it targets gets, once it is stopped.
    """

    key: str = ""
    description: str = ""
    seed: str = ""
    target: str = ""
    blocks: tuple[str, ...] = ()
    arms: tuple[Arm, ...]
    layer: str = ""
    offset: float = 0.0
    traffic: float = 1.0
    horizon: str = ""
    epoch: int = 1
    goals: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    status: Literal["running", "stopped"] = "running"
    winner: str = ""
