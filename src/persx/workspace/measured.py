"""What a publication changes of content that is being measured: allowed, and said before.

Content must be corrected at any time, and a holdout never ends. But whoever rewrites a variant
midway reads, in one figure, what visitors did before and after. So `persx check` and `persx
publish` name what changes, which reports add it up, and what to do where that is not meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from persx.audience.rules import check_rule
from persx.experiments.standard import STANDARD_METRICS
from persx.model.block_holdout import block_holdout_key, share_epoch
from persx.model.errors import Fault
from persx.model.learning import learning_key
from persx.model.metric import Metric
from persx.model.workspace import HOLDOUT, Block, Goal, Policy, Variant, Workspace
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS
from persx.workspace.snapshot import schema
from persx.workspace.winners import concerned_blocks

_WARNING: Final = "warning"
_NAMED: Final = 5


def changed_while_measured(before: Workspace, after: Workspace) -> Iterator[Fault]:
    """Return a warning for everything that changes under a report that goes on.

    Args:
        before: What is served.
        after: What shall be.
    """
    subject = Subject(after)
    yield from _shares(subject, before)
    readers = _readers(after, _audiences(before, after))
    won = {
        key
        for key, each in after.experiments.items()
        if each.winner
        and (key not in before.experiments or before.experiments[key].winner != each.winner)
    }
    for name, new in after.blocks.items():
        old = before.blocks.get(name)
        reports = _reports(before, after, name)
        if old is None or not reports:
            continue
        changes = list(_changes(old, new, readers))
        changes += [
            f"the winner of '{key}' comes in"
            for key in sorted(won)
            if name in concerned_blocks(after.experiments[key], after)
        ]
        if changes:
            yield subject.fault(
                "blocks",
                name,
                "variants",
                f"{_few(changes)} while {_few(reports)} measure{'s' * (len(reports) == 1)} this "
                "block: the report adds up what visitors did before and after.",
                hint=_instead(name, new, reports),
                severity=_WARNING,
            )
    yield from _goals(subject, before)


def _shares(subject: Subject, before: Workspace) -> Iterator[Fault]:
    """A moved share begins a new epoch, of the whole site's holdout or of a block's."""
    old, new = before.settings.holdout.share, subject.workspace.settings.holdout.share
    moved = [(SETTINGS, "", "holdout.share", HOLDOUT, old, new)]
    moved += [
        (
            "blocks",
            name,
            "holdout",
            block_holdout_key(name),
            before.blocks[name].holdout,
            it.holdout,
        )
        for name, it in subject.workspace.blocks.items()
        if name in before.blocks
    ]
    for kind, name, path, key, was, now in moved:
        if was > 0 and now <= 0:
            told = f"Nobody is held out any more: the report '{key}' is gone until there is a share"
            yield subject.fault(kind, name, path, f"{told} again.", value=now, severity=_WARNING)
        elif was > 0 and share_epoch(was) != share_epoch(now):
            stay = (
                "everybody who was held out still is"
                if now > was
                else "some who were held out are not any more, though they count as if they were"
            )
            yield subject.fault(
                kind,
                name,
                path,
                f"The share moves from {was:g} to {now:g}: '{key}' begins a new epoch, and {stay}.",
                value=now,
                severity=_WARNING,
            )


def _reports(before: Workspace, after: Workspace, name: str) -> list[str]:
    """Return the keys of the reports of a block that go on."""
    old, new = before.blocks.get(name), after.blocks[name]
    if old is None:
        return []
    found = []
    if old.holdout > 0 and share_epoch(old.holdout) == share_epoch(new.holdout):
        found.append(block_holdout_key(name))
    if _learns(old) and _learns(new) and _epoch(old) == _epoch(new):
        found.append(learning_key(name))
    for key, experiment in before.experiments.items():
        later = after.experiments.get(key)
        if (
            experiment.status == "running"
            and later is not None
            and (later.status, later.epoch) == (experiment.status, experiment.epoch)
            and name in concerned_blocks(experiment, before)
        ):
            found.append(key)
    return found


def _learns(block: Block) -> bool:
    return block.policy is Policy.LEARN and block.learn is not None


def _epoch(block: Block) -> int:
    return block.learn.epoch if block.learn else 0


def _changes(old: Block, new: Block, readers: frozenset[str]) -> Iterator[str]:
    """Return in words what visitors see otherwise.

    Args:
        readers: Rules whose audiences change, though they do not themselves.
    """
    if (old.type, old.content, old.locales) != (new.type, new.content, new.locales):
        yield "the default content changes"
    was = {each.name: each for each in old.variants}
    for each in new.variants:
        before = was.pop(each.name, None)
        if before is None:
            yield f"the variant '{each.name}' is new"
        else:
            yield from _variant(before, each, readers)
    for gone in was:
        yield f"the variant '{gone}' goes"
    kept = {each.name for each in new.variants}
    order = [each.name for each in old.variants if each.name in kept]
    if order != [
        each.name for each in new.variants if each.name in {it.name for it in old.variants}
    ]:
        yield "the variants' order changes"


def _variant(old: Variant, new: Variant, readers: frozenset[str]) -> Iterator[str]:
    if (old.content, old.locales) != (new.content, new.locales):
        yield f"the content of '{new.name}' changes"
    if (old.when, old.priority, old.schedule) != (new.when, new.priority, new.schedule):
        yield f"the rule of '{new.name}' changes"
    elif new.when in readers:
        yield f"an audience of '{new.name}' changes"


def _audiences(before: Workspace, after: Workspace) -> frozenset[str]:
    """Return the audiences that both have, with another rule."""
    return frozenset(
        name
        for name, audience in before.audiences.items()
        if name in after.audiences and after.audiences[name].when != audience.when
    )


def _readers(after: Workspace, touched: frozenset[str]) -> frozenset[str]:
    """Return the rules of variants that ask for one of these audiences, or for one that does."""
    if not touched:
        return frozenset()
    names = schema(after)

    def asks(rule: str) -> frozenset[str]:
        checked, _ = check_rule(rule, names)
        return checked.audiences if checked else frozenset()

    asked = {name: asks(audience.when) for name, audience in after.audiences.items()}
    found = touched
    while more := {name for name, each in asked.items() if each & found} - found:
        found |= more
    rules = {it.when for block in after.blocks.values() for it in block.variants if it.when}
    return frozenset(rule for rule in rules if asks(rule) & found)


def _instead(name: str, block: Block, reports: Iterable[str]) -> str:
    """Return what to do where it is not a correction but other content."""
    if learning_key(name) in reports:
        return (
            "Where it is other content, give the variant another name: what was learned of the "
            f"old one is not the new one's. With  learn.epoch: {_epoch(block) + 1}  the report "
            "begins anew."
        )
    if block_holdout_key(name) in reports:
        return "Where it is other content, another share begins a new epoch of the report."
    return "Where it is other content, raise the experiment's epoch."


def _goals(subject: Subject, before: Workspace) -> Iterator[Fault]:
    """A goal that changes is counted anew, for everybody and from the first visitor on."""
    after = subject.workspace
    holdouts = after.settings.holdout
    old_holdout = before.settings.holdout
    for field in ("goals", "metrics", "guardrails") if old_holdout.share > 0 else ():
        if getattr(old_holdout, field) != getattr(holdouts, field):
            yield subject.fault(
                SETTINGS,
                "",
                f"holdout.{field}",
                f"The reports of holdouts tell of other {field}, from the first visitor on. What "
                "is chosen after the figures were seen proves nothing.",
                severity=_WARNING,
            )
    for metric in (*old_holdout.metrics, *old_holdout.guardrails):
        if old_holdout.share > 0 and judges(before, metric) != judges(after, metric):
            yield subject.fault(
                "metrics",
                metric,
                "",
                "The holdout is judged by this metric: its figures are computed anew, from the "
                "first visitor on.",
                hint="Give the new metric another name, and both can be read.",
                severity=_WARNING,
            )
    for name, old in before.goals.items():
        new = after.goals.get(name)
        if new is not None and counts(old) == counts(new):
            continue
        reports = list(_counting(before, name))
        if reports:
            yield subject.fault(
                "goals",
                name,
                "",
                f"{_few(reports)} count{'s' * (len(reports) == 1)} this goal: its figures are "
                + ("gone." if new is None else "counted anew, from the first visitor on."),
                hint="Give the new goal another name, and both can be read.",
                severity=_WARNING,
            )


def counts(goal: Goal) -> tuple[object, ...]:
    """Return what a goal counts; its label is not among it."""
    return goal.event, goal.where, goal.value


def judges(workspace: Workspace, name: str) -> Metric | None:
    """Return what makes a metric; its label and description are not among it."""
    found = (STANDARD_METRICS | workspace.metrics).get(name)
    return found and msgspec.structs.replace(found, label="", description="")


def goals_of_metrics(workspace: Workspace, names: Iterable[str]) -> Iterator[str]:
    """Return the goals that metrics are made of."""
    for name in names:
        metric = judges(workspace, name)
        if metric is not None:
            yield from (each for each in (metric.goal, metric.per) if each)


def _counting(workspace: Workspace, goal: str) -> Iterator[str]:
    """Return the holdouts that count a goal, and what learns by it."""
    holdouts = workspace.settings.holdout
    named = holdouts.goals or tuple(workspace.goals)
    judged = goals_of_metrics(workspace, (*holdouts.metrics, *holdouts.guardrails))
    if goal in (*named, *judged):
        if workspace.settings.holdout.share > 0:
            yield HOLDOUT
        yield from (block_holdout_key(name) for name, it in workspace.blocks.items() if it.holdout)
    for name, block in workspace.blocks.items():
        if _learns(block) and block.learn is not None and block.learn.goal == goal:
            yield learning_key(name)


def _few(told: list[str]) -> str:
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more
