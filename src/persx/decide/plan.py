"""The plan: a snapshot compiled for deciding, so that a request only looks things up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from persx.audience.personas import PersonaScorer
from persx.audience.program import Branch, Program
from persx.content.texts import localized
from persx.content.types import BlockType, block_types
from persx.decide.allocation import ArmRanges
from persx.model.attribute import Attribute, Source
from persx.model.clock import parse_wall_time
from persx.model.decision import Decision, Reason
from persx.model.workspace import (
    DEFAULT,
    HOLDOUT,
    TARGETED,
    Arm,
    Block,
    Experiment,
    Page,
    Schedule,
    Snapshot,
    Variant,
    Workspace,
)
from persx.visitors.profile import Assembler
from persx.workspace.snapshot import effective_attributes, schema

Content = Mapping[str, Any]

NO_ARMS: Final[Mapping[str, str]] = {}
TARGETED_ARMS: Final[Mapping[str, str]] = {HOLDOUT: TARGETED}
GENERIC: Final = "generic"
"""The holdout's first arm."""

DEFAULT_CHOICE: Final = -1
"""The index that stands for default content; Python's last element, where it is kept."""

POLICY: Final = -2
"""What an arm says for a block whose own policy shall choose."""


class Texts(NamedTuple):
    """A block's contents in one locale, in order of choice, the default last.

    `differs` tells of each whether a visitor would see anything but the default; `targeted` is
    what each becomes for a visitor who is in no experiment but the holdout's targeted arm, and
    `fallbacks` what the default becomes for them by reason.
    """

    contents: tuple[Content, ...]
    differs: tuple[bool, ...]
    targeted: tuple[Decision, ...]
    fallbacks: Mapping[Reason, Decision]


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block, ready to decide.

    Attributes:
        choose: Index of the first eligible variant, or −1.
        names: Variant names in order of choice, then ``default``.
        texts: Locale → contents in the same order; ``""`` stands for any other locale.
        facts: Attributes that its rules read, other than those of the request itself.
        shows: Experiment key → for each arm a choice, or `POLICY`.
    """

    name: str
    type: str
    choose: Callable[[dict[str, Any], int, dict[Any, Any]], int]
    names: tuple[str, ...]
    texts: Mapping[str, Texts]
    facts: frozenset[str]
    reads: frozenset[str]
    arrange: Callable[[Content, Mapping[str, Any]], Content] | None
    shows: Mapping[str, tuple[int, ...]]

    def choice(self, variant: str) -> int:
        """Return the index of a variant's name; an unknown one stands for the default."""
        try:
            return self.names.index(variant) if variant != DEFAULT else DEFAULT_CHOICE
        except ValueError:
            return DEFAULT_CHOICE


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """One running experiment, ready to allocate."""

    key: str
    seed: str
    layer: str
    start: float
    end: float
    epoch: int
    whole: bool
    arms: tuple[str, ...]
    ranges: ArmRanges
    target: Callable[[dict[str, Any], int, dict[Any, Any]], bool] | None
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class PagePlan:
    """The blocks of one request: those of a page, or any set that was asked for.

    `experiments` are those that concern any of the blocks, the holdout apart. `persona` and
    `clock` tell whether any rule reads the persona, or the hour or weekday. `assembler`
    evaluates no more of a profile than the page's decisions and the visitor's state need.
    """

    name: str
    blocks: tuple[BlockPlan, ...]
    experiments: tuple[ExperimentPlan, ...]
    reads: tuple[str, ...]
    persona: bool
    clock: bool
    assembler: Assembler


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled snapshot. Immutable but for the memo of block sets that were asked for.

    `arms` are those of a visitor who is in no experiment but, where there is one, the holdout's
    targeted arm.
    """

    snapshot: Snapshot
    attributes: Mapping[str, Attribute]
    types: Mapping[str, BlockType]
    program: Program
    personas: PersonaScorer
    assembler: Assembler
    blocks: Mapping[str, BlockPlan]
    experiments: Mapping[str, ExperimentPlan]
    holdout: ExperimentPlan | None
    arms: Mapping[str, str]
    pages: Mapping[str, PagePlan]
    paths: Mapping[str, Page]
    zone: ZoneInfo
    _sets: dict[tuple[str, ...], PagePlan] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        """The workspace that the snapshot holds."""
        return self.snapshot.workspace

    def page_of(self, names: tuple[str, ...]) -> PagePlan:
        """Return the plan for a set of blocks; names of unknown blocks are left out."""
        found = self._sets.get(names)
        if found is None:
            found = _page_plan(
                "",
                [self.blocks[name] for name in names if name in self.blocks],
                self.experiments,
                self.attributes,
                self.personas,
            )
            if len(self._sets) < 1_000:
                self._sets[names] = found
        return found


def compile_snapshot(snapshot: Snapshot) -> Plan:
    """Compile a validated snapshot. Takes milliseconds; the result is shared by all requests."""
    workspace = snapshot.workspace
    attributes = effective_attributes(workspace)
    program = Program(
        schema(workspace), {name: audience.when for name, audience in workspace.audiences.items()}
    )
    personas = PersonaScorer(workspace.personas, workspace.settings.personas, program)
    types = block_types(workspace)
    running = {
        key: experiment
        for key, experiment in workspace.experiments.items()
        if experiment.status == "running"
    }
    concerns = {key: _concerned(experiment, workspace) for key, experiment in running.items()}
    blocks = {
        name: _block_plan(
            block,
            types[block.type],
            workspace,
            program,
            attributes,
            {key: running[key] for key, names in concerns.items() if name in names},
        )
        for name, block in workspace.blocks.items()
    }
    experiments = {key: _experiment_plan(each, program) for key, each in running.items()}
    return Plan(
        snapshot=snapshot,
        attributes=attributes,
        types=types,
        program=program,
        personas=personas,
        assembler=Assembler(attributes),
        blocks=blocks,
        experiments=experiments,
        holdout=_holdout_plan(workspace),
        arms=_usual_arms(workspace),
        pages={
            name: _page_plan(
                name, [blocks[each] for each in page.blocks], experiments, attributes, personas
            )
            for name, page in workspace.pages.items()
        },
        paths={page.path: page for page in workspace.pages.values()},
        zone=ZoneInfo(workspace.settings.zone),
    )


def _block_plan(
    block: Block,
    type_: BlockType,
    workspace: Workspace,
    program: Program,
    attributes: Mapping[str, Attribute],
    experiments: Mapping[str, Experiment],
) -> BlockPlan:
    variants = sorted(block.variants, key=lambda variant: -variant.priority)
    branches = [
        Branch(variant.when, *_window(variant.schedule, workspace.settings.zone))
        for variant in variants
    ]
    names = (*(variant.name for variant in variants), DEFAULT)
    texts = {
        locale: _texts(block, variants, locale, workspace)
        for locale in (workspace.settings.default_locale, *workspace.locales)
    }
    texts[""] = texts[workspace.settings.default_locale]
    arranged = frozenset(
        name
        for each in texts.values()
        for content in each.contents
        for name in type_.reads(content)
    )
    reads = arranged.union(*(program.reads(branch.when) for branch in branches if branch.when))
    facts = frozenset(
        name
        for name in reads
        if name == "persona"
        or (name in attributes and attributes[name].source is not Source.CONTEXTUAL)
    )
    plan = BlockPlan(
        name=block.name,
        type=block.type,
        choose=program.chooser(branches),
        names=names,
        texts=texts,
        facts=facts,
        reads=reads,
        arrange=type_.arrange if arranged else None,
        shows={},
    )
    shows = {
        key: tuple(_shown(arm, plan) for arm in experiment.arms)
        for key, experiment in experiments.items()
    }
    object.__setattr__(plan, "shows", shows)
    return plan


def _texts(block: Block, variants: list[Variant], locale: str, workspace: Workspace) -> Texts:
    contents = tuple(
        localized(block, variant, locale, workspace.locales) for variant in (*variants, None)
    )
    arms = _usual_arms(workspace)

    def made(name: str, content: Content, reason: Reason) -> Decision:
        return Decision(
            block=block.name,
            type=block.type,
            variant=name,
            content=content,
            reason=reason,
            arms=arms,
        )

    names = (*(variant.name for variant in variants), DEFAULT)
    return Texts(
        contents=contents,
        differs=tuple(content != contents[DEFAULT_CHOICE] for content in contents),
        targeted=tuple(
            made(name, content, Reason.TARGETED)
            for name, content in zip(names, contents, strict=True)
        ),
        fallbacks={
            reason: made(DEFAULT, contents[DEFAULT_CHOICE], reason)
            for reason in (Reason.NO_MATCH, Reason.NO_CONSENT, Reason.UNKNOWN_VISITOR)
        },
    )


def _usual_arms(workspace: Workspace) -> Mapping[str, str]:
    return TARGETED_ARMS if workspace.settings.holdout.share > 0 else NO_ARMS


def _shown(arm: Arm, block: BlockPlan) -> int:
    said = arm.show if isinstance(arm.show, str) else arm.show.get(block.name, TARGETED)
    return POLICY if said == TARGETED else block.choice(said)


def _window(schedule: Schedule | None, zone: str) -> tuple[int | None, int | None]:
    if schedule is None:
        return None, None
    zone = schedule.zone or zone
    return (
        parse_wall_time(schedule.start, zone) if schedule.start else None,
        parse_wall_time(schedule.end, zone) if schedule.end else None,
    )


def _concerned(experiment: Experiment, workspace: Workspace) -> frozenset[str]:
    if not experiment.blocks:
        return frozenset(workspace.blocks)
    found: set[str] = set()
    for place in experiment.blocks:
        page, _, rest = place.partition("/")
        found.update(workspace.pages[page].blocks if rest == "*" else [place])
    return frozenset(found)


def _experiment_plan(experiment: Experiment, program: Program) -> ExperimentPlan:
    return ExperimentPlan(
        key=experiment.key,
        seed=experiment.seed or experiment.key,
        layer="layer:" + (experiment.layer or experiment.key),
        start=experiment.offset,
        end=experiment.offset + experiment.traffic,
        epoch=experiment.epoch,
        whole=experiment.offset <= 0 and experiment.traffic >= 1,
        arms=tuple(arm.name for arm in experiment.arms),
        ranges=ArmRanges([arm.weight for arm in experiment.arms]),
        target=program.predicate(experiment.target) if experiment.target else None,
        reads=program.reads(experiment.target) if experiment.target else frozenset(),
    )


def _holdout_plan(workspace: Workspace) -> ExperimentPlan | None:
    settings = workspace.settings.holdout
    if settings.share <= 0:
        return None
    return ExperimentPlan(
        key=HOLDOUT,
        seed=settings.seed,
        layer="",
        start=0.0,
        end=1.0,
        epoch=1,
        whole=True,
        arms=(GENERIC, TARGETED),
        ranges=ArmRanges([settings.share, 1 - settings.share]),
        target=None,
        reads=frozenset(),
    )


STATE: Final = frozenset({"industry", "goals", "tools"})
"""Attributes of the visitor's own state, which is told beside the decisions."""


def _page_plan(
    name: str,
    blocks: list[BlockPlan],
    experiments: Mapping[str, ExperimentPlan],
    attributes: Mapping[str, Attribute],
    personas: PersonaScorer,
) -> PagePlan:
    concerned = tuple(
        experiment
        for key, experiment in experiments.items()
        if any(key in block.shows for block in blocks)
    )
    reads = frozenset[str]().union(
        *(block.reads for block in blocks), *(experiment.reads for experiment in concerned)
    )
    return PagePlan(
        name=name,
        blocks=tuple(blocks),
        experiments=concerned,
        reads=tuple(sorted(reads)),
        persona="persona" in reads,
        clock=not reads.isdisjoint({"hour", "weekday"}),
        assembler=Assembler(
            {
                name: each
                for name, each in attributes.items()
                if name in reads or name in personas.reads or name in STATE
            }
        ),
    )
