"""Uses: which audiences, personas, blocks and experiments an attribute decides about."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from persx.decide.plan import Plan
from persx.visitors.prediction.traced import TRACES
from persx.visitors.touched import touches_names

PERSONA = "persona"


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """What one attribute is used for, by names.

    Attributes:
        pipelines: Pipelines whose recommendations it may change.
        persona: Whether the visitor's persona follows from it.
        blocks: Blocks that it may change, by way of the persona too.
        pages: Pages with such blocks.
        questions: Declared attributes that visitors are asked about because of it.
    """

    audiences: tuple[str, ...] = ()
    persona: bool = False
    pipelines: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


def uses(plan: Plan) -> Mapping[str, Uses]:
    """Return the uses of every attribute that is kept of visitors."""
    workspace = plan.workspace
    scored = plan.personas.reads if workspace.personas else frozenset()
    audiences = {
        name: plan.program.reads(audience.when) for name, audience in workspace.audiences.items()
    }
    asking: dict[str, list[str]] = {}
    for question in workspace.questions.values():
        if question.when:
            asking.setdefault(question.attribute, []).append(question.when)
    touching = touches_names(plan.attributes.values())
    found = {}
    for name in plan.attributes:
        persona = name in scored
        # Traces decide by way of the guesses that follow from them.
        names = {each.name for each in plan.guesses} if name == TRACES else {name}

        def touches(
            reads: frozenset[str], names: set[str] = names, persona: bool = persona
        ) -> bool:
            return not names.isdisjoint(reads) or (persona and PERSONA in reads)

        pipelines = tuple(
            each.name for each in plan.pipelines.values() if touches(each.reads) or name in touching
        )
        blocks = tuple(each.name for each in plan.blocks.values() if touches(each.reads))
        found[name] = Uses(
            audiences=tuple(key for key, reads in audiences.items() if not names.isdisjoint(reads)),
            persona=persona,
            pipelines=pipelines,
            blocks=blocks,
            pages=tuple(
                page.name
                for page in workspace.pages.values()
                if not set(blocks).isdisjoint(page.blocks)
            ),
            experiments=tuple(
                key for key, experiment in plan.experiments.items() if touches(experiment.reads)
            ),
            questions=tuple(
                key
                for key, attribute in plan.attributes.items()
                if any(
                    not names.isdisjoint(plan.program.reads(rule))
                    for rule in (*attribute.signs.values(), *asking.get(key, ()))
                )
            ),
        )
    return found
