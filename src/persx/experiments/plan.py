"""What a readout is asked: the plan that was made before the data, and what a source found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from persx.experiments.groups import Group
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.clock import Millis
from persx.model.target import Target


class Method(StrEnum):
    """How often a readout may be looked at."""

    ALWAYS_VALID = "always_valid"
    """Every day: an interval misses the truth at any of all looks no more often than it says."""
    FIXED = "fixed"
    """Once, at a time that was fixed in advance."""


class MetricPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that the readout analyses; `kind` is a name of the `METRICS` registry.

    Attributes:
        better: Whether more or less of it is meant.
        margin: As a guardrail, the loss that would be borne, 0.02 for 2%; none where it is none.
        refused: Why it says nothing of these data; empty where it does.
    """

    name: str
    kind: str
    label: str = ""
    better: Literal["more", "less"] = "more"
    margin: float | None = None
    refused: str = ""


class ReadoutPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared with what, said before the data are looked at.

    Attributes:
        comparator: What the control is, in words; every lift is relative to it.
        weights: Planned share of each arm in the current epoch, the control among them.
        weights_assumed: The weights were not stated but taken to be equal.
        metrics: The first one is the primary metric, in which PLI is quoted.
        method: For one look, or for as many as one likes.
        targets: The lifts that are meant to be reached.
        default_target: The lift meant for the primary metric where no target speaks of it.
        layers: Arms each of which adds something to the one before it, from the least on; empty
            where the arms have no such order.
        horizon: With the fixed method, how long after the first visitor entered it is looked at;
            0 where nobody said.
        single: Arms that give everybody the same one content, the control perhaps among them.
    """

    experiment: str
    source: str
    control: str
    comparator: str
    weights: Mapping[str, float]
    weights_assumed: bool = False
    metrics: Sequence[MetricPlan] = ()
    confidence: float = CONFIDENCE
    method: Method = Method.FIXED
    targets: Sequence[Target] = ()
    default_target: float | None = None
    horizon: Millis = 0
    layers: Sequence[str] = ()
    single: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The arms, the control first."""
        return [self.control, *(arm for arm in self.weights if arm != self.control)]


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What a source found.

    Attributes:
        contaminated: Units that were seen in more than one arm.
        withdrawn: Visitors by arm who, after they entered, took back the consent to be counted.
        as_of: When the data were read.
        first_exposure: When the first unit entered; none for an imported file.
        snapshot: The newest snapshot that an exposure came from.
        epoch: The current epoch, whose split the planned weights describe.
        refused: Metrics that say nothing, and why, such as a sum of several currencies.
        notes: What the source wants said beside the figures.
    """

    groups: Sequence[Group]
    as_of: Millis
    contaminated: int = 0
    withdrawn: Mapping[str, int] = {}
    first_exposure: Millis | None = None
    snapshot: int | None = None
    epoch: int = 1
    refused: Mapping[str, str] = {}
    notes: Sequence[str] = ()
