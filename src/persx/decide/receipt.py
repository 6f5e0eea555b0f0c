"""Receipts: why a visitor saw what they saw, from a line of the decision log and its snapshot."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from persx.audience.explain import Explanation, explain
from persx.audience.schema import Schema
from persx.decide.list_receipt import ListReceipt, LoggedAnswer, list_receipt
from persx.model.artifact import PROBABILITIES, artifact_key
from persx.model.block_holdout import GENERIC, block_holdout_key, block_holdouts
from persx.model.clock import Millis
from persx.model.decision import Assignment, DecisionRecord, Reason
from persx.model.errors import BadInput
from persx.model.learning import HELD_OUT, learning_key
from persx.model.workspace import DEFAULT, HOLDOUT, TARGETED, Block, Policy, Workspace
from persx.workspace.snapshot import schema

NOTHING_FITTED = frozenset({Reason.NO_MATCH, Reason.UNKNOWN_VISITOR, Reason.NO_CONSENT})
"""Reasons for which the other versions' rules say what was missing."""


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a rule on which its result hung, as it is written, and what it read then.

    Attributes:
        text: The clause as it is written.
        value: What decided it in words, such as ``industry is "Healthcare"``.
        result: Whether it was true.
        attributes: What it read; None for what was not known.
    """

    text: str
    value: str
    result: bool
    attributes: Mapping[str, Any] = {}


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Content that was not shown, and the clauses for which it was not."""

    variant: str
    rule: str
    clauses: tuple[Clause, ...]


class LoggedItem(msgspec.Struct, frozen=True, array_like=True):
    """One recommended item as the decision log tells it.

    Attributes:
        why: The words in which the visitor was told why.
        propensity: The probability with which it came to its place.
        explored: Chance gave it the place.
    """

    item: str
    title: str = ""
    why: str = ""
    propensity: float = 1.0
    explored: bool = False


class LoggedList(msgspec.Struct, frozen=True, array_like=True):
    """What a block recommended, and the pipeline that ranked it."""

    pipeline: str
    items: tuple[LoggedItem, ...] = ()


class BlockReceipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why one block showed what it showed.

    Attributes:
        rule: The rule of the variant that was shown; empty where no rule decided.
        clauses: The clauses of that rule on which its result hung.
        experiment, arm: The comparison whose arm decided, where one did.
        learning: Of a block that learns what was done with it: ``drawn`` by the published
            probabilities; ``held_out``, so that somebody tells what learning is worth; ``alone``,
            as nothing else fitted; or ``unused``, as nothing was published or the visitor's
            consent does not reach so far. In the last three the first version that fitted was
            shown.
        alternatives: What else there was, where nothing fitted.
        pipeline: What ranked its items, of a block that recommends.
        items: Those items, in order.
    """

    variant: str
    reason: Reason
    propensity: float = 1.0
    type: str = ""
    rule: str = ""
    clauses: tuple[Clause, ...] = ()
    experiment: str = ""
    arm: str = ""
    learning: str = ""
    alternatives: tuple[Alternative, ...] = ()
    pipeline: str = ""
    items: tuple[LoggedItem, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a page was as it was.

    Attributes:
        visitor: The identity that experiments hashed.
        snapshot, artifacts: What it was decided with.
        attributes: What the page's rules read of the visitor and the request.
        experiments: The visitor's arms.
        guesses: Those of the attributes that a model guessed, with how sure it was.
        blocks: Block → why it showed what it showed.
        recommended: Of a list that was asked for by its pipeline's name, in place of blocks.
    """

    id: str
    at: Millis
    visitor: str
    page: str
    snapshot: int
    artifacts: Mapping[str, int]
    attributes: Mapping[str, Any]
    experiments: tuple[Assignment, ...]
    guesses: Mapping[str, float] = {}
    blocks: Mapping[str, BlockReceipt]
    recommended: ListReceipt | msgspec.UnsetType = msgspec.UNSET


class LoggedPage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a line of the decision log."""

    page: str = ""
    artifacts: dict[str, int] = {}
    attributes: dict[str, Any] = {}
    assignments: tuple[Assignment, ...] = ()
    guesses: dict[str, float] = {}
    decisions: tuple[tuple[str, str, Reason, float], ...] = ()
    recommended: dict[str, LoggedList] = {}


class LoggedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a line that is about no page but one list."""

    artifacts: dict[str, int] = {}
    attributes: dict[str, Any] = {}
    assignments: tuple[Assignment, ...] = ()
    recommended: LoggedAnswer


class Rulebook:
    """The rules of one snapshot, ready to explain its decisions with."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._schema: Schema = schema(workspace)
        self._audiences = {name: each.when for name, each in workspace.audiences.items()}

    def explain(self, rule: str, attributes: Mapping[str, Any], now: Millis) -> Explanation | None:
        """Explain a rule; none where this version of persx cannot read it any more."""
        try:
            return explain(rule, self._schema, self._audiences, attributes, now)
        except BadInput:
            return None

    def clauses(
        self,
        rule: str,
        attributes: Mapping[str, Any],
        now: Millis,
        hidden: Collection[str] = (),
    ) -> tuple[Clause, ...]:
        """Return the clauses of a rule on which its result hangs.

        A rule that reads a hidden attribute has none that could be told.
        """
        found = self.explain(rule, attributes, now) if rule else None
        if (
            found
            and hidden
            and any(name in hidden for each in found.deciding_clauses() for name in each.values)
        ):
            return ()
        return tuple(
            Clause(
                text=each.text, value=each.value, result=each.result, attributes=dict(each.values)
            )
            for each in (found.deciding_clauses() if found else ())
        )


def logged_in(record: DecisionRecord) -> LoggedPage | LoggedRequest:
    """Return what a line of the decision log holds: a page, or one list that was asked for."""
    if not record.page:
        # Sets of blocks have no name either, but they have decisions.
        with contextlib.suppress(msgspec.ValidationError):
            return msgspec.json.decode(record.body, type=LoggedRequest)
    return msgspec.json.decode(record.body, type=LoggedPage)


def receipt(
    record: DecisionRecord,
    rulebook: Rulebook | None,
    block: str = "",
    *,
    hidden: frozenset[str] = frozenset(),
) -> Receipt:
    """Return the receipt of a line of the decision log.

    Args:
        rulebook: The rules of the line's snapshot; without it the receipt tells no clauses.
        block: Only this block; every block of the line where it is empty.
        hidden: Attributes that were read, but whose values the line does not tell.
    """
    logged = logged_in(record)
    told = Receipt(
        id=record.id,
        at=record.at,
        visitor=record.bucketing_id,
        page=record.page,
        snapshot=record.snapshot,
        artifacts=logged.artifacts,
        attributes=logged.attributes,
        experiments=logged.assignments,
        blocks={},
    )
    if isinstance(logged, LoggedRequest):
        if block:
            return told
        pipelines = rulebook.workspace.pipelines if rulebook else {}
        answer = logged.recommended
        return msgspec.structs.replace(
            told, recommended=list_receipt(answer, pipelines.get(answer.pipeline))
        )
    return msgspec.structs.replace(
        told,
        guesses=logged.guesses,
        blocks={
            name: _block(name, variant, reason, propensity, logged, rulebook, record.at, hidden)
            for name, variant, reason, propensity in logged.decisions
            if block in ("", name)
        },
    )


def _block(
    name: str,
    variant: str,
    reason: Reason,
    propensity: float,
    logged: LoggedPage,
    rulebook: Rulebook | None,
    at: Millis,
    hidden: frozenset[str],
) -> BlockReceipt:
    listed = logged.recommended.get(name) or LoggedList("")
    plain = BlockReceipt(
        variant=variant,
        reason=reason,
        propensity=propensity,
        pipeline=listed.pipeline,
        items=listed.items,
    )
    document = rulebook.workspace.blocks.get(name) if rulebook else None
    if rulebook is None or document is None:
        return plain
    known = logged.attributes
    if reason in (Reason.ARM, Reason.HOLDOUT):
        key, arm = _deciding_arm(document, reason, logged.assignments, rulebook.workspace)
        plain = msgspec.structs.replace(plain, experiment=key, arm=arm)
    elif reason is Reason.TARGETED:
        rule = next((each.when for each in document.variants if each.name == variant), "")
        clauses = rulebook.clauses(rule, known, at, hidden)
        plain = msgspec.structs.replace(plain, rule=rule, clauses=clauses)
    elif reason in NOTHING_FITTED:
        alternatives = tuple(
            Alternative(
                variant=each.name,
                rule=each.when,
                clauses=rulebook.clauses(each.when, known, at, hidden),
            )
            for each in document.variants
        )
        plain = msgspec.structs.replace(plain, alternatives=alternatives)
    return msgspec.structs.replace(
        plain, type=document.type, learning=_learning(document, reason, logged)
    )


def _learning(block: Block, reason: Reason, logged: LoggedPage) -> str:
    """Return what was done with a block's learning; empty where it does not learn."""
    if reason is Reason.LEARNED:
        return "drawn"
    if block.policy is not Policy.LEARN or reason is not Reason.TARGETED:
        return ""
    arms = {each.experiment: each.arm for each in logged.assignments}
    if arms.get(learning_key(block.name)) == HELD_OUT:
        return HELD_OUT
    return "alone" if artifact_key(PROBABILITIES, block.name) in logged.artifacts else "unused"


def _deciding_arm(
    block: Block, reason: Reason, assignments: tuple[Assignment, ...], workspace: Workspace
) -> tuple[str, str]:
    """Return the experiment whose arm named the block's content: the first that names any."""
    if reason is Reason.HOLDOUT:
        # The site's comes first: whoever it holds out is in no block's.
        held = {each.experiment: each.arm for each in assignments if each.arm == GENERIC}
        for key in (HOLDOUT, block_holdout_key(block.name)):
            if key in held:
                return key, held[key]
        return "", ""
    # Lines of earlier versions call a block's holdout an arm.
    declared = workspace.experiments | block_holdouts({block.name: block}, ())
    for each in assignments:
        experiment = declared.get(each.experiment)
        arm = (
            next((it for it in experiment.arms if it.name == each.arm), None)
            if experiment
            else None
        )
        if arm is None:
            continue
        shown = arm.show if isinstance(arm.show, str) else arm.show.get(block.name, TARGETED)
        known = {DEFAULT, *(variant.name for variant in block.variants)}
        if shown != TARGETED and shown in known:
            return each.experiment, each.arm
    return "", ""
