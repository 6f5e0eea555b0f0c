"""Ranking rules: what the rules of pipelines may name, and which types that has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final, NamedTuple

from persx.audience.rules import check_rule
from persx.audience.schema import Schema
from persx.model.attribute import ValueType
from persx.model.workspace import Workspace
from persx.recommend.item_facts import ANCHOR, FURTHER, ITEM, item_attributes

_FURTHER: Final = re.compile(rf"\b(?:{ITEM}|{ANCHOR})\.{FURTHER}\.([^\W\d]\w*)")

_TYPES: Final = (ValueType.STRING, ValueType.NUMBER, ValueType.BOOLEAN, ValueType.STRINGS)

MOST_FURTHER: Final = 4
"""Further attributes of items in one rule whose types are found out by trying."""


class RankingSite(NamedTuple):
    """A ranking rule's text: the pipeline, the rule's place in it from 0, and what it says."""

    pipeline: str
    place: int
    text: str


def ranking_sites(workspace: Workspace) -> Iterator[RankingSite]:
    """Yield every ranking rule that says when it holds."""
    for name, pipeline in workspace.pipelines.items():
        for place, rule in enumerate(pipeline.rules):
            if rule.when.strip():
                yield RankingSite(name, place, rule.when)


def ranking_schema(workspace: Workspace, schema: Schema) -> Schema:
    """Return what ranking rules may name: what all rules may, and facts of items.

    What an item's further attributes hold is declared nowhere: a rule says by how it uses them
    what it takes them for, and where two rules differ, the first one counts.

    Args:
        schema: What the workspace's rules may name.
    """
    types: dict[str, ValueType] = {}
    for site in ranking_sites(workspace):
        _learn(site.text, schema, types)
    return _with_items(schema, types)


def _learn(text: str, schema: Schema, types: dict[str, ValueType]) -> None:
    """Add the types that a rule takes further attributes for."""
    fresh = sorted({name for name in _FURTHER.findall(text) if name not in types})
    if not fresh or len(fresh) > MOST_FURTHER:
        types |= dict.fromkeys(fresh, ValueType.STRING)
        return
    for tried in product(_TYPES, repeat=len(fresh)):
        guess = dict(zip(fresh, tried, strict=True))
        if check_rule(text, _with_items(schema, types | guess))[0] is not None:
            types |= guess
            return
    types |= dict.fromkeys(fresh, ValueType.STRING)


def _with_items(schema: Schema, types: Mapping[str, ValueType]) -> Schema:
    return Schema({**schema.attributes, **item_attributes(types)}, schema.audiences)
