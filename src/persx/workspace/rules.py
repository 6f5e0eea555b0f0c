"""Every rule of a workspace, with where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from persx.model.workspace import Workspace
from persx.workspace.layout import SETTINGS


class RuleSite(NamedTuple):
    """A rule's text in a document: the document's kind and name, and the path inside it."""

    kind: str
    name: str
    path: str
    text: str


def rule_sites(workspace: Workspace) -> Iterator[RuleSite]:
    """Yield every rule of a workspace; an empty one means "always" and is left out."""
    for industry, text in workspace.settings.network.industries.items():
        yield RuleSite(SETTINGS, "", f"network.industries.{industry}", text)
    for name, attribute in workspace.attributes.items():
        for value, text in attribute.signs.items():
            yield RuleSite("attributes", name, f"signs.{value}", text)
        for case in attribute.cases:
            if case.when:
                yield RuleSite("attributes", name, f"cases.{case.name}", case.when)
    for name, audience in workspace.audiences.items():
        yield RuleSite("audiences", name, "when", audience.when)
    for name, persona in workspace.personas.items():
        for at, text in enumerate(persona.behaviour):
            yield RuleSite("personas", name, f"behaviour.{at}", text)
    for name, block in workspace.blocks.items():
        for variant in block.variants:
            if variant.when:
                yield RuleSite("blocks", name, f"variants.{variant.name}.when", variant.when)
    for name, question in workspace.questions.items():
        if question.when:
            yield RuleSite("questions", name, "when", question.when)
    for key, experiment in workspace.experiments.items():
        if experiment.target:
            yield RuleSite("experiments", key, "target", experiment.target)
