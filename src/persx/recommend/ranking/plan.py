"""What a pipeline is compiled into, so that a request only looks things up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from persx.audience.program import Predicate, Program
from persx.audience.tree import Call, walk
from persx.model.attribute import Attribute, Source
from persx.model.clock import Millis, parse_duration
from persx.model.item import Item
from persx.model.pipeline import Pipeline, RankingRule
from persx.recommend.item_facts import ANCHOR, ITEM, reader

_TIMELESS: Final = frozenset(
    {"contains", "ends_with", "known", "lower", "matches", "size", "starts_with"}
)
"""Functions whose answers follow from their arguments alone."""


class Reading(NamedTuple):
    """A fact that a rule reads of an item: its name in the rule, and how it is read."""

    name: str
    read: Callable[[Item], Any]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """A ranking rule, ready to be asked.

    Attributes:
        holds: Whether it holds; none where it always does.
        item: What it reads of the item that it is asked about.
        anchor: What it reads of the item whose page it is.
        lasting: Its answers about an item follow from that item alone, so they hold until the
            item changes.
        others: What else it reads: of the item whose page it is, the visitor and the request.
        timeless: Its answers follow from what it reads, whatever the time.
    """

    rule: RankingRule
    holds: Predicate | None
    item: tuple[Reading, ...]
    anchor: tuple[Reading, ...]
    lasting: bool
    others: tuple[str, ...] = ()
    timeless: bool = True


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """A pipeline, ready to rank.

    Attributes:
        reads: Attributes of the visitor and of the request that its rules read.
        personal: Those of them that are kept of the visitor.
        bought_within: Milliseconds; 0 where what was bought may be shown.
        viewed_within: The same of what was viewed.
    """

    pipeline: Pipeline
    rules: tuple[RulePlan, ...]
    reads: frozenset[str]
    personal: frozenset[str]
    bought_within: Millis
    viewed_within: Millis

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.pipeline.name


def compile_pipeline(
    pipeline: Pipeline, program: Program, attributes: Mapping[str, Attribute]
) -> PipelinePlan:
    """Compile a pipeline.

    Args:
        program: Knows the facts of items too: see `persx.recommend.item_facts.item_attributes`.
        attributes: What is kept of visitors.

    Raises:
        BadInput: A rule or a length of time cannot be read.
    """
    rules = tuple(_rule(each, program) for each in pipeline.rules)
    read = frozenset[str]().union(
        *(program.reads(each.when) for each in pipeline.rules if each.when)
    )
    others = frozenset(name for name in read if not _is_of_item(name))
    return PipelinePlan(
        pipeline=pipeline,
        rules=rules,
        reads=others,
        personal=frozenset(
            name
            for name in others
            if name == "persona"
            or (name in attributes and attributes[name].source is not Source.CONTEXTUAL)
        ),
        bought_within=_length(pipeline.not_bought_within),
        viewed_within=_length(pipeline.not_viewed_within),
    )


def _length(text: str) -> Millis:
    return parse_duration(text) if text else 0


def _is_of_item(name: str) -> bool:
    return name.partition(".")[0] in (ITEM, ANCHOR)


def _rule(rule: RankingRule, program: Program) -> RulePlan:
    if not rule.when.strip():
        return RulePlan(rule, None, (), (), lasting=True)
    checked = program.rule(rule.when)
    names = sorted(program.reads(rule.when))
    timeless = all(
        node.function in _TIMELESS for node in walk(checked.tree) if isinstance(node, Call)
    )
    return RulePlan(
        rule,
        program.predicate(rule.when),
        _readings(names, ITEM),
        _readings(names, ANCHOR),
        lasting=timeless and all(name.startswith(f"{ITEM}.") for name in names),
        others=tuple(name for name in names if not name.startswith(f"{ITEM}.")),
        timeless=timeless and not checked.audiences,
    )


def _readings(names: Sequence[str], prefix: str) -> tuple[Reading, ...]:
    start = prefix + "."
    return tuple(
        Reading(name, reader(name.removeprefix(start))) for name in names if name.startswith(start)
    )
