"""The plan: what a snapshot is compiled into, so that a request only looks things up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Raw

from persx.audience.personas import PersonaScorer
from persx.audience.program import Branch, PageChooser, Program
from persx.content.blocks.recommendations import RECOMMENDATIONS
from persx.content.types import BlockType
from persx.decide.allocation import ArmRanges
from persx.model.attribute import Attribute
from persx.model.decision import Assignment, Decision, Reason
from persx.model.workspace import DEFAULT, HOLDOUT, TARGETED, Page, Snapshot, Workspace
from persx.recommend.ranking.plan import PipelinePlan
from persx.visitors.derivation import Derivation
from persx.visitors.prediction.traced import TRACES
from persx.visitors.preferences import GENERIC_CONTENT
from persx.visitors.profile import Assembler

Content = Mapping[str, Any]

NO_ARMS: Final[Mapping[str, str]] = {}
TARGETED_ARMS: Final[Mapping[str, str]] = {HOLDOUT: TARGETED}
GENERIC: Final = "generic"
"""The holdout's first arm."""

DEFAULT_CHOICE: Final = -1
"""The index that stands for default content; Python's last element, where it is kept."""

POLICY: Final = -2
"""What an arm says for a block whose own policy shall choose."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a strategy makes of one block: its policy among fewer variants.

    Attributes:
        choose: Index of the first eligible variant that goes by the strategy's attributes, or −1.
        attributes: Those attributes; lists are ranked by nothing else.
    """

    choose: Callable[[dict[str, Any], int, dict[Any, Any]], int]
    attributes: frozenset[str]


Show = int | Layer
"""What an arm shows in a block: a choice, `POLICY`, or a strategy's."""


class Fallbacks(NamedTuple):
    """What a block's default becomes for a visitor in no experiment, by reason."""

    no_match: Decision
    no_consent: Decision
    unknown_visitor: Decision


class Texts(NamedTuple):
    """A block's contents in one locale, in order of choice, the default last.

    `differs` tells of each whether a visitor would see anything but the default; `targeted` is
    what each becomes for a visitor who is in no experiment but the holdout's targeted arm, and
    `fallbacks` what the default becomes for them by reason. At the indices in `broken` the
    default stands for content that cannot be shown, with the reason `invalid`; a broken default
    is empty. `arrange` makes of a content what one visitor gets; none where all get the same.
    """

    contents: tuple[Content, ...]
    differs: tuple[bool, ...]
    targeted: tuple[Decision, ...]
    fallbacks: Fallbacks
    broken: frozenset[int] = frozenset()
    arrange: Callable[[Content, Mapping[str, Any]], Content] | None = None


class LearnPlan(NamedTuple):
    """How a block draws what it shows.

    Attributes:
        key: Of the experiment that measures it.
        seed: What is hashed with the bucketing id.
        held_out: The share of visitors from whom nothing is learned.
        by: Attributes by which contexts are told apart.
        eligible: For each variant 0 where it is eligible, else −1, in order of choice.
        arms: Arm → the arms of a visitor who is in no other experiment but the holdout's
            targeted arm.
        assignments: Arm → the assignment of a visitor who counts.
    """

    key: str
    seed: str
    held_out: float
    by: tuple[str, ...]
    eligible: PageChooser
    arms: Mapping[str, Mapping[str, str]]
    assignments: Mapping[str, Assignment]


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block, ready to decide.

    Attributes:
        branches: When each variant is eligible, in order of choice.
        choose: Index of the first eligible variant, or −1.
        names: Variant names in order of choice, then ``default``.
        texts: Locale → contents in the same order; ``""`` stands for any other locale.
        facts: Attributes that its rules read, other than those of the request itself.
        shows: Experiment key → what each of its arms shows here.
        learning: How one of several eligible variants is drawn; None where the first is shown.
    """

    name: str
    type: str
    branches: tuple[Branch, ...]
    choose: Callable[[dict[str, Any], int, dict[Any, Any]], int]
    names: tuple[str, ...]
    texts: Mapping[str, Texts]
    facts: frozenset[str]
    reads: frozenset[str]
    shows: Mapping[str, tuple[Show, ...]]
    learning: LearnPlan | None = None

    def choice(self, variant: str) -> int:
        """Return the index of a variant's name; an unknown one stands for the default."""
        try:
            return self.names.index(variant) if variant != DEFAULT else DEFAULT_CHOICE
        except ValueError:
            return DEFAULT_CHOICE


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """One running experiment, ready to allocate.

    `assignments` holds, for each arm, the assignment of a visitor who does not count here, and of
    one who does. With all arms the `same` (A/A) everybody counts who sees one of its blocks.
    `reason` is that of content which an arm names.
    """

    key: str
    seed: str
    layer: str
    start: float
    end: float
    epoch: int
    whole: bool
    same: bool
    arms: tuple[str, ...]
    ranges: ArmRanges
    target: Callable[[dict[str, Any], int, dict[Any, Any]], bool] | None
    reads: frozenset[str]
    assignments: tuple[tuple[Assignment, Assignment], ...]
    reason: Reason = Reason.ARM


@dataclass(frozen=True, slots=True)
class PagePlan:
    """The blocks of one request: those of a page, or any set that was asked for.

    `choose` chooses for all blocks at once, and `texts` has their texts by locale, both in the
    blocks' order. `experiments` are those that concern any of the blocks, the holdout apart.
    `clock` tells whether any rule reads the hour or weekday. `assembler` evaluates no more of a
    profile than the page's decisions and the visitor's state need;
    `persona` tells that the personas' behaviour is among that, `guesses` which predicted attributes
    are. `recommends` tells that items have to be ranked for some of the blocks.
    """

    name: str
    blocks: tuple[BlockPlan, ...]
    choose: PageChooser
    texts: Mapping[str, tuple[Texts, ...]]
    experiments: tuple[ExperimentPlan, ...]
    reads: tuple[str, ...]
    persona: bool
    clock: bool
    assembler: Assembler
    guesses: tuple[str, ...] = ()
    recommends: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled snapshot. Immutable but for the memo of block sets that were asked for.

    `encoded` holds the JSON of each content that the snapshot has, by the content's `id()`: what
    is arranged for one visitor is not among them. `arms` are those of a visitor who is in no
    experiment but, where there is one, the holdout's targeted arm. `personas_read_context` tells
    that a persona may follow from the request, not from the profile alone. `faults` tells what of
    the snapshot cannot be shown. `guesses` are the predicted attributes. `derivations` are of all
    derived attributes, each after those that it reads. `pipelines` are those that recommend, and
    `recommending` evaluates what they need of a profile.
    """

    snapshot: Snapshot
    attributes: Mapping[str, Attribute]
    types: Mapping[str, BlockType]
    program: Program
    personas: PersonaScorer
    personas_read_context: bool
    assembler: Assembler
    derivations: tuple[Derivation, ...]
    blocks: Mapping[str, BlockPlan]
    encoded: Mapping[int, Raw]
    experiments: Mapping[str, ExperimentPlan]
    holdout: ExperimentPlan | None
    arms: Mapping[str, str]
    pages: Mapping[str, PagePlan]
    paths: Mapping[str, Page]
    zone: ZoneInfo
    pipelines: Mapping[str, PipelinePlan] = field(default_factory=dict)
    recommending: Assembler = field(default_factory=lambda: Assembler({}))
    guesses: tuple[Attribute, ...] = ()
    faults: tuple[str, ...] = ()
    _sets: dict[tuple[str, ...], PagePlan] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        """The workspace that the snapshot holds."""
        return self.snapshot.workspace

    def page_of(self, names: tuple[str, ...]) -> PagePlan:
        """Return the plan for a set of blocks; names of unknown blocks are left out."""
        found = self._sets.get(names)
        if found is None:
            blocks = [self.blocks[name] for name in names if name in self.blocks]
            found = page_plan(
                "",
                blocks,
                # Anybody may ask for any set: one is put together, not compiled.
                lambda a, now, memo: tuple(block.choose(a, now, memo) for block in blocks),
                self.experiments,
                self.attributes,
                self.derivations,
                self.personas,
            )
            if len(self._sets) < 1_000:
                self._sets[names] = found
        return found


STATE: Final = frozenset({"industry", "goals", "tools"})
"""Attributes of the visitor's own state, which is told beside the decisions."""

ALWAYS: Final = frozenset({GENERIC_CONTENT})
"""Attributes that every decision depends on, whatever rules read."""


def page_plan(
    name: str,
    blocks: list[BlockPlan],
    choose: PageChooser,
    experiments: Mapping[str, ExperimentPlan],
    attributes: Mapping[str, Attribute],
    derivations: Sequence[Derivation],
    personas: PersonaScorer,
) -> PagePlan:
    """Return the plan for blocks in this order, with the experiments that concern them."""
    concerned = tuple(
        experiment
        for key, experiment in experiments.items()
        if any(key in block.shows for block in blocks)
    )
    reads = frozenset[str]().union(
        *(block.reads for block in blocks), *(experiment.reads for experiment in concerned)
    )
    guesses = tuple(
        attributes[each] for each in sorted(reads & attributes.keys()) if attributes[each].predict
    )
    told = {name for each in guesses if each.predict for name in (TRACES, each.predict.of)}
    persona = "persona" in reads or "persona" in told
    needed = reads | told | STATE | ALWAYS | (personas.reads if persona else frozenset())
    return PagePlan(
        name=name,
        blocks=tuple(blocks),
        choose=choose,
        texts={
            locale: tuple(block.texts[locale] for block in blocks)
            for locale in (blocks[0].texts if blocks else ("",))
        },
        experiments=concerned,
        reads=tuple(sorted(reads)),
        persona=persona,
        clock=not reads.isdisjoint({"hour", "weekday"}),
        assembler=Assembler(
            {name: each for name, each in attributes.items() if name in needed},
            [each for each in derivations if each.name in needed],
        ),
        guesses=tuple(each.name for each in guesses),
        recommends=any(block.type == RECOMMENDATIONS.name for block in blocks),
    )
