"""Pipelines of a snapshot, compiled, and what they need to know of visitors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from persx.audience.personas import PersonaScorer
from persx.audience.program import Program
from persx.model.attribute import Attribute
from persx.model.errors import PersxError
from persx.model.workspace import Workspace
from persx.recommend.ranking.plan import PipelinePlan, compile_pipeline
from persx.visitors.derivation import Derivation
from persx.visitors.preferences import GENERIC_CONTENT
from persx.visitors.profile import Assembler
from persx.visitors.touched import touches_names
from persx.workspace.ranking_rules import ranking_schema
from persx.workspace.snapshot import schema


def pipeline_plans(
    workspace: Workspace, attributes: Mapping[str, Attribute], faults: list[str]
) -> Mapping[str, PipelinePlan]:
    """Return the pipelines that can be served; of the others it is told why not.

    Args:
        faults: Is added to.
    """
    if not workspace.pipelines:
        return {}
    program = Program(
        ranking_schema(workspace, schema(workspace)),
        {name: audience.when for name, audience in workspace.audiences.items()},
    )
    found = {}
    for name, pipeline in workspace.pipelines.items():
        try:
            found[name] = compile_pipeline(pipeline, program, attributes)
        except PersxError as error:
            faults.append(f"Pipeline '{name}' recommends nothing. {error}")
    return found


def recommending(
    pipelines: Mapping[str, PipelinePlan],
    attributes: Mapping[str, Attribute],
    derivations: Sequence[Derivation],
    personas: PersonaScorer,
) -> Assembler:
    """Return what evaluates all that pipelines need to know of a visitor."""
    needed = frozenset[str]().union(*(plan.reads for plan in pipelines.values()))
    if "persona" in needed:
        needed |= personas.reads
    if pipelines:
        needed |= touches_names(attributes.values()) | {GENERIC_CONTENT}
    return Assembler(
        {name: each for name, each in attributes.items() if name in needed},
        [each for each in derivations if each.name in needed],
    )
