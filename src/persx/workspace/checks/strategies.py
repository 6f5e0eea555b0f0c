"""Strategies: attributes that exist, and names that mean nothing else in an arm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from persx.model.errors import Fault, did_you_mean
from persx.workspace.checks.subject import Subject
from persx.workspace.snapshot import effective_attributes, schema

_KIND: Final = "strategies"


def check_strategies(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all strategies."""
    workspace = subject.workspace
    if not workspace.strategies:
        return
    known = {*schema(workspace).attributes, *effective_attributes(workspace)}
    variants = {
        variant.name: block.name
        for block in workspace.blocks.values()
        for variant in block.variants
    }
    for name, strategy in workspace.strategies.items():
        if name in variants:
            yield subject.fault(
                _KIND,
                name,
                "",
                f"A variant of the block '{variants[name]}' is called '{name}' too: an arm could "
                "mean either.",
                value=name,
                hint="Call one of them something else.",
            )
        for attribute in strategy.attributes:
            if attribute not in known and not subject.has("attributes", attribute):
                yield subject.fault(
                    _KIND,
                    name,
                    "attributes",
                    f"There is no attribute '{attribute}'.",
                    value=attribute,
                    hint=did_you_mean(attribute, known) or "Declare the attribute first.",
                )
        yield from subject.repeated(_KIND, name, "attributes", strategy.attributes)
