"""Compiling: a validated snapshot becomes the plan that requests are decided with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Raw
from msgspec.json import encode

from persx.audience.derived import derivations
from persx.audience.personas import PersonaScorer
from persx.audience.program import Branch, Program
from persx.content.texts import localized
from persx.content.types import BlockType, block_types
from persx.decide.allocation import ArmRanges
from persx.decide.pipelines import pipeline_plans, recommending
from persx.decide.plan import (
    DEFAULT_CHOICE,
    GENERIC,
    NO_ARMS,
    POLICY,
    STATE,
    TARGETED_ARMS,
    BlockPlan,
    Content,
    ExperimentPlan,
    Fallbacks,
    LearnPlan,
    Plan,
    Show,
    Texts,
    page_plan,
)
from persx.decide.sound import sound_blocks, sound_contents, sound_variants
from persx.decide.strategies import Strategies
from persx.model.attribute import Attribute, Source
from persx.model.block_holdout import block_holdouts, share_epoch
from persx.model.clock import parse_wall_time
from persx.model.decision import Assignment, Decision, Reason
from persx.model.learning import HELD_OUT, LEARNED, learning_key
from persx.model.workspace import (
    DEFAULT,
    HOLDOUT,
    TARGETED,
    Block,
    Experiment,
    Policy,
    Schedule,
    Snapshot,
    Variant,
    Workspace,
)
from persx.visitors.profile import Assembler
from persx.workspace.snapshot import effective_attributes, schema
from persx.workspace.winners import concerned_blocks, shown_by, with_winners


def compile_snapshot(snapshot: Snapshot) -> Plan:
    """Compile a snapshot. Takes milliseconds; the result is shared by all requests.

    It was validated when it was published, perhaps by another version: what cannot be shown any
    more is left out, block by block, and told in the plan's `faults`.

    Raises:
        PersxError: Nothing of it can be served, because what all blocks build on is broken.
    """
    faults: list[str] = []
    workspace = snapshot.workspace
    attributes = effective_attributes(workspace)
    program = Program(
        schema(workspace), {name: audience.when for name, audience in workspace.audiences.items()}
    )
    derived = derivations(attributes, program)
    personas = PersonaScorer(workspace.personas, workspace.settings.personas, program)
    types = block_types(workspace)
    # A block's holdout comes first: held out means default, whatever else is tried there.
    holdouts = block_holdouts(workspace.blocks, workspace.settings.holdout.goals)
    running = holdouts | {
        key: experiment
        for key, experiment in workspace.experiments.items()
        if experiment.status == "running"
    }
    concerns = {key: concerned_blocks(each, workspace) for key, each in running.items()}
    strategies = Strategies(workspace.strategies, program)
    blocks = {
        name: _block_plan(
            block,
            types.get(block.type),
            workspace,
            program,
            attributes,
            {key: running[key] for key, names in concerns.items() if name in names},
            strategies,
            faults,
        )
        for name, block in with_winners(workspace, strategies.within).items()
    }
    experiments = {
        key: _experiment_plan(each, program, Reason.HOLDOUT if key in holdouts else Reason.ARM)
        for key, each in running.items()
    }
    shown = {
        name: sound_blocks(page.blocks, blocks, name, faults)
        for name, page in workspace.pages.items()
    }
    pipelines = pipeline_plans(workspace, attributes, faults)
    return Plan(
        snapshot=snapshot,
        attributes=attributes,
        types=types,
        program=program,
        personas=personas,
        personas_read_context=any(
            name not in attributes or attributes[name].source is Source.CONTEXTUAL
            for name in personas.reads - STATE
        ),
        assembler=Assembler(attributes, derived),
        derivations=derived,
        blocks=blocks,
        encoded={
            id(content): Raw(encode(content))
            for block in blocks.values()
            for texts in block.texts.values()
            for content in texts.contents
        },
        experiments=experiments,
        holdout=_holdout_plan(workspace),
        arms=_usual_arms(workspace),
        pages={
            name: page_plan(
                name,
                shown[name],
                program.page_chooser([each.branches for each in shown[name]]),
                experiments,
                attributes,
                derived,
                personas,
            )
            for name, page in workspace.pages.items()
        },
        paths={page.path: page for page in workspace.pages.values()},
        zone=ZoneInfo(workspace.settings.zone),
        pipelines=pipelines,
        recommending=recommending(pipelines, attributes, derived, personas),
        guesses=tuple(each for each in attributes.values() if each.predict is not None),
        faults=tuple(dict.fromkeys(faults)),
    )


def _block_plan(
    block: Block,
    type_: BlockType | None,
    workspace: Workspace,
    program: Program,
    attributes: Mapping[str, Attribute],
    experiments: Mapping[str, Experiment],
    strategies: Strategies,
    faults: list[str],
) -> BlockPlan:
    variants = sound_variants(block, program, faults)
    branches = tuple(
        Branch(variant.when, *_window(variant.schedule, workspace.settings.zone))
        for variant in variants
    )
    names = (*(variant.name for variant in variants), DEFAULT)
    texts = {
        locale: _texts(block, type_, variants, locale, workspace, faults)
        for locale in (workspace.settings.default_locale, *workspace.locales)
    }
    arranged = frozenset(
        name
        for each in texts.values()
        for content in each.contents
        if type_ is not None and content
        for name in type_.reads(content)
    )
    if type_ is not None and arranged:
        texts = {
            locale: each._replace(arrange=_arranging(type_, locale))
            for locale, each in texts.items()
        }
    texts[""] = texts[workspace.settings.default_locale]
    reads = program.sources_of(arranged).union(
        *(program.reads(branch.when) for branch in branches if branch.when)
    )
    learning = _learn_plan(block, branches, workspace, program)
    facts = frozenset(
        name
        for name in reads
        if name == "persona"
        or (name in attributes and attributes[name].source is not Source.CONTEXTUAL)
    )
    plan = BlockPlan(
        name=block.name,
        type=block.type,
        branches=branches,
        choose=program.chooser(branches),
        names=names,
        texts=texts,
        facts=facts,
        reads=reads if learning is None else reads | program.sources_of(learning.by),
        shows={},
        learning=learning,
    )
    said = {
        key: [shown_by(arm, block.name) for arm in experiment.arms]
        for key, experiment in experiments.items()
    }
    layers = strategies.layers({each for names in said.values() for each in names}, branches)

    def show(name: str) -> Show:
        return layers.get(name) or (POLICY if name == TARGETED else plan.choice(name))

    shows = {key: tuple(show(name) for name in names) for key, names in said.items()}
    return replace(plan, shows=shows)


def _learn_plan(
    block: Block, branches: Sequence[Branch], workspace: Workspace, program: Program
) -> LearnPlan | None:
    settings = block.learn
    if block.policy is not Policy.LEARN or settings is None:
        return None
    key, usual = learning_key(block.name), _usual_arms(workspace)
    arms = (HELD_OUT, LEARNED)
    made = _assignments(key, arms, settings.epoch)
    return LearnPlan(
        key=key,
        seed=f"{key}/{settings.seed}" if settings.seed else key,
        held_out=settings.held_out,
        by=settings.by,
        eligible=program.page_chooser([[branch] for branch in branches]),
        arms={arm: {**usual, key: arm} for arm in arms},
        assignments={arm: counts for arm, (_, counts) in zip(arms, made, strict=True)},
    )


def _arranging(type_: BlockType, locale: str) -> Callable[[Content, Mapping[str, Any]], Content]:
    def arrange(content: Content, attributes: Mapping[str, Any]) -> Content:
        return type_.arrange(content, attributes, locale) if content else content

    return arrange


def _texts(
    block: Block,
    type_: BlockType | None,
    variants: list[Variant],
    locale: str,
    workspace: Workspace,
    faults: list[str],
) -> Texts:
    names = (*(variant.name for variant in variants), DEFAULT)
    contents, broken = sound_contents(
        block,
        type_,
        names,
        [localized(block, variant, locale, workspace.locales) for variant in (*variants, None)],
        faults,
    )
    default_broken = len(contents) - 1 in broken
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

    return Texts(
        contents=contents,
        differs=tuple(content != contents[DEFAULT_CHOICE] for content in contents),
        targeted=tuple(
            made(DEFAULT, content, Reason.INVALID)
            if at in broken
            else made(name, content, Reason.TARGETED)
            for at, (name, content) in enumerate(zip(names, contents, strict=True))
        ),
        fallbacks=Fallbacks(
            *(
                made(
                    DEFAULT, contents[DEFAULT_CHOICE], Reason.INVALID if default_broken else reason
                )
                for reason in (Reason.NO_MATCH, Reason.NO_CONSENT, Reason.UNKNOWN_VISITOR)
            )
        ),
        broken=broken | {DEFAULT_CHOICE} if default_broken else broken,
    )


def _usual_arms(workspace: Workspace) -> Mapping[str, str]:
    return TARGETED_ARMS if workspace.settings.holdout.share > 0 else NO_ARMS


def _window(schedule: Schedule | None, zone: str) -> tuple[int | None, int | None]:
    if schedule is None:
        return None, None
    zone = schedule.zone or zone
    return (
        parse_wall_time(schedule.start, zone) if schedule.start else None,
        parse_wall_time(schedule.end, zone) if schedule.end else None,
    )


def _experiment_plan(experiment: Experiment, program: Program, reason: Reason) -> ExperimentPlan:
    return ExperimentPlan(
        key=experiment.key,
        seed=experiment.seed or experiment.key,
        layer="layer:" + (experiment.layer or experiment.key),
        start=experiment.offset,
        end=experiment.offset + experiment.traffic,
        epoch=experiment.epoch,
        whole=experiment.offset <= 0 and experiment.traffic >= 1,
        same=all(arm.show == experiment.arms[0].show for arm in experiment.arms),
        arms=tuple(arm.name for arm in experiment.arms),
        ranges=ArmRanges([arm.weight for arm in experiment.arms]),
        target=program.predicate(experiment.target) if experiment.target else None,
        reads=program.reads(experiment.target) if experiment.target else frozenset(),
        assignments=_assignments(
            experiment.key, [arm.name for arm in experiment.arms], experiment.epoch
        ),
        reason=reason,
    )


def _assignments(
    key: str, arms: Sequence[str], epoch: int
) -> tuple[tuple[Assignment, Assignment], ...]:
    def made(arm: str, eligible: bool) -> Assignment:
        return Assignment(experiment=key, arm=arm, epoch=epoch, eligible=eligible)

    return tuple((made(arm, False), made(arm, True)) for arm in arms)


def _holdout_plan(workspace: Workspace) -> ExperimentPlan | None:
    settings = workspace.settings.holdout
    if settings.share <= 0:
        return None
    epoch = share_epoch(settings.share)
    return ExperimentPlan(
        key=HOLDOUT,
        seed=settings.seed,
        layer="",
        start=0.0,
        end=1.0,
        epoch=epoch,
        whole=True,
        same=False,
        arms=(GENERIC, TARGETED),
        ranges=ArmRanges([settings.share, 1 - settings.share]),
        target=None,
        reads=frozenset(),
        assignments=_assignments(HOLDOUT, [GENERIC, TARGETED], epoch),
    )
