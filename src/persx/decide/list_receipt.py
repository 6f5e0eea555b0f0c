"""Receipts of lists: why a pipeline recommended what it did to somebody who asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from persx.model.clock import Millis
from persx.model.decision import Reason
from persx.model.pipeline import Pipeline, RankingRule
from persx.recommend.artifact import TrainedOn
from persx.recommend.result import Why
from persx.recommend.words import said, why_words


class LoggedPlace(msgspec.Struct, frozen=True, array_like=True):
    """One recommended item as a line of the decision log tells it.

    Attributes:
        source: The recommender that spoke most for it; empty where none did.
        propensity: The probability with which it came to its place, given those above it.
        tried: Chance gave it the place.
        why: None in lines of earlier versions, which did not keep it.
        rules: The pipeline's rules that lifted, lowered or pinned it, counted from 1.
    """

    item: str
    source: str = ""
    propensity: float = 1.0
    tried: bool = False
    why: Why | None = None
    rules: tuple[int, ...] = ()


class LoggedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A list as a line of the decision log tells it.

    Attributes:
        catalogue: Its revision.
        anchor: The item whose page it was, by id or path.
        personal: It followed from what was known of the visitor.
        generic: Nothing that is known of the visitor was to count.
        reason: Why it was personal or was not; empty in lines of earlier versions.
        allowed: Whether the visitor allowed personalization; None in lines of earlier versions.
    """

    pipeline: str
    catalogue: int = 0
    anchor: str = ""
    context: dict[str, Any] = {}
    personal: bool = False
    generic: bool = False
    reason: str = ""
    allowed: bool | None = None
    items: tuple[LoggedPlace, ...] = ()


class ListedItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why one item was on the list.

    Attributes:
        place: Counted from 1.
        title, state: What the catalogue says of it now: ``shown``, ``hidden``, ``gone``.
        why: What spoke for it, as it was found then.
        reason: That in words.
        source: The recommender that spoke most for it; none where a rule or its age did.
        explored: Chance gave it the place, so that it is found out who likes it.
        propensity: The probability with which it came to its place, given those above it.
        rules: The rules that lifted, lowered or pinned it, by their numbers in the receipt.
    """

    place: int
    id: str
    title: str = ""
    state: str = ""
    why: Why | None = None
    reason: str = ""
    source: str = ""
    explored: bool = False
    propensity: float
    rules: tuple[int, ...] = ()


class RuleInForce(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule of the pipeline as it was published then.

    Attributes:
        number: Counted from 1, as the pipeline lists them.
        do: ``exclude`` and ``include`` act on what is not on the list.
    """

    number: int
    do: str
    when: str = ""
    items: tuple[str, ...] = ()
    by: float | None = None
    place: int | None = None


class ArtifactState(msgspec.Struct, frozen=True, kw_only=True):
    """The trained pipeline that ranked, and what is left of it.

    Attributes:
        number: 0 where nothing was trained then: the newest items were shown.
        state: ``active``, ``kept``, ``removed`` (newer ones took its place), ``unknown`` (this home
            never had it) or ``none``.
        made: As of when it was trained.
        trained: What it was trained on.
    """

    number: int
    state: Literal["active", "kept", "removed", "unknown", "none"]
    made: Millis | None = None
    trained: TrainedOn | None = None


class ListReceipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a list was as it was.

    Attributes:
        personal: It followed from what was known of the visitor.
        reason: ``targeted`` where it did; else ``holdout``, ``disabled`` (generic content was asked
            for), ``no_consent`` or ``unknown_visitor``. Empty in lines of earlier versions.
        held_out: Whether the visitor was in the holdout.
        allowed: Whether they allowed personalization; None where the line does not tell.
        anchor: The item whose page it was.
        context: What else was asked.
        catalogue: Its revision.
        artifact: The trained pipeline; none where only the line itself is told.
        rules: The pipeline's rules then; None where its snapshot cannot be read any more.
        explore: The share of places that went to what is tried; None where that is not known.
    """

    pipeline: str
    personal: bool
    reason: str = ""
    held_out: bool = False
    allowed: bool | None = None
    anchor: str = ""
    context: Mapping[str, Any] = {}
    catalogue: int = 0
    artifact: ArtifactState | None = None
    rules: tuple[RuleInForce, ...] | None = None
    explore: float | None = None
    items: tuple[ListedItem, ...]


def list_receipt(logged: LoggedAnswer, pipeline: Pipeline | None) -> ListReceipt:
    """Return what a line of the decision log tells of a list.

    Args:
        pipeline: As it was published then; none where that cannot be read any more.
    """
    words = why_words(str(logged.context.get("locale") or ""))
    return ListReceipt(
        pipeline=logged.pipeline,
        personal=logged.personal,
        reason=logged.reason,
        held_out=logged.reason == Reason.HOLDOUT,
        allowed=logged.allowed,
        anchor=logged.anchor,
        context=logged.context,
        catalogue=logged.catalogue,
        rules=None
        if pipeline is None
        else tuple(_in_force(number, each) for number, each in enumerate(pipeline.rules, start=1)),
        explore=None if pipeline is None else pipeline.explore,
        items=tuple(
            ListedItem(
                place=place,
                id=each.item,
                why=each.why,
                reason=said(each.why, words) if each.why is not None else "",
                source=each.source,
                explored=each.tried,
                propensity=each.propensity,
                rules=each.rules,
            )
            for place, each in enumerate(logged.items, start=1)
        ),
    )


def _in_force(number: int, rule: RankingRule) -> RuleInForce:
    return RuleInForce(
        number=number,
        do=rule.do,
        when=rule.when,
        items=rule.items,
        by=rule.by if rule.do in ("boost", "bury") else None,
        place=rule.place if rule.do == "pin" else None,
    )
