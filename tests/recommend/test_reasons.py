"""Reasons say no more than what is known."""

from __future__ import annotations

import pytest

from persx.model.clock import DAY
from persx.model.item import Action
from persx.recommend.artifact import ArrayFile, Manifest, Trained, TrainedOn, TrainedSource
from persx.recommend.query import NOTHING, Query
from persx.recommend.ranking.known import Known
from persx.recommend.ranking.prepared import Prepared, prepare
from persx.recommend.ranking.reasons import why
from persx.recommend.result import Why, WhyKind
from persx.recommend.words import ENGLISH, GERMAN, said
from tests.recommend.scripted import (
    NOW,
    Scripted,
    ScriptedConfig,
    catalogue_of,
    item,
    pipeline,
    plan_of,
)

IDS = ["a", "b"]


def prepared(last: int) -> Prepared:
    document = pipeline(sources=0)
    manifest = Manifest(
        pipeline=document,
        ids=ArrayFile(file="ids.json", bytes=0, digest=""),
        sources=(),
        trained=TrainedOn(last=last),
    )
    trained = Trained(manifest, 1, IDS, ())
    return prepare(plan_of(document), catalogue_of(item("a"), item("b")), trained)


def source(name: str, *actions: Action) -> TrainedSource:
    return TrainedSource(Scripted(name), ScriptedConfig(), {}, actions)


def known(anchor: int = NOTHING) -> Known:
    """Nothing of the visitor, on the page of an item."""
    query = Query(anchor=anchor)
    return Known(query, query, query, {}, {}, [])


@pytest.mark.parametrize(
    ("actions", "kind", "words"),
    [
        ((Action.BOUGHT,), WhyKind.TOGETHER, "Often bought with A"),
        ((), WhyKind.SEEN_TOGETHER, "Often viewed with A"),
        ((Action.VIEWED, Action.BOUGHT), WhyKind.SEEN_TOGETHER, "Often viewed with A"),
    ],
)
def test_bought_together_is_said_of_what_was_bought(
    actions: tuple[Action, ...], kind: WhyKind, words: str
) -> None:
    reason = why(prepared(NOW), source("cooccurrence", *actions), 1, 0, "", known(anchor=0), NOW)
    assert reason == Why(kind=kind, item="a", title="A")
    assert said(reason, ENGLISH) == words


@pytest.mark.parametrize(
    ("last", "words", "german"),
    [
        (NOW - DAY, "Popular in Shoes this week", "Diese Woche beliebt in Shoes"),
        (NOW - 9 * DAY, "Popular in Shoes", "Beliebt in Shoes"),
    ],
)
def test_popular_this_week_is_said_of_what_was_learned_this_week(
    last: int, words: str, german: str
) -> None:
    popular = source("popularity")
    reason = why(prepared(last), popular, 1, NOTHING, "Running/Shoes", known(), NOW)
    assert said(reason, ENGLISH) == words
    assert said(reason, GERMAN) == german
