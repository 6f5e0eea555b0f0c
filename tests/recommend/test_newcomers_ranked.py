"""New items are recommended before the next training, by what they are like."""

from __future__ import annotations

import asyncio

import numpy as np

from persx.app.prepared_pipelines import PreparedPipelines
from persx.model.clock import MINUTE
from persx.model.item import Action, Item, ItemId, Touch
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import ArrayFile, Manifest, Trained, TrainedSource
from persx.recommend.catalogue import Catalogue
from persx.recommend.interactions import Interactions
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.rank import rank
from persx.recommend.recommenders import RECOMMENDERS
from persx.recommend.result import WhyKind
from tests.recommend.scripted import NOW, catalogue_of, ids_of, plan_of

DOCUMENT = Pipeline(
    name="list",
    sources=(
        PipelineSource(recommender="content"),
        PipelineSource(recommender="popularity", fill=True),
    ),
)


def shoe(id: str, text: str) -> Item:
    return Item(id=ItemId(id), title=text, category=("Shoes",), brand="Wren")


KNOWN = (
    shoe("trail", "trail running shoe for muddy forest paths"),
    shoe("road", "light road running shoe for marathon races"),
    Item(id=ItemId("pan"), title="cast iron frying pan", category=("Kitchen",), brand="Forge"),
    Item(id=ItemId("pot"), title="large steel cooking pot", category=("Kitchen",), brand="Forge"),
)
NEW = shoe("mud", "trail running shoe for deep muddy forest")


def fitted(catalogue: Catalogue) -> Trained:
    ids = [each.id for each in KNOWN]
    users = np.repeat(np.arange(3, dtype=np.int32), 2)
    data = Interactions(
        users=users,
        items=np.array([0, 2, 1, 2, 2, 3], dtype=np.int32),
        times=np.arange(6, dtype=np.int64),
        sessions=users,
        actions=np.zeros(6, dtype=np.uint8),
        ids=ids,
        user_count=3,
        catalogue=catalogue.present(),
    )
    sources = []
    for source in DOCUMENT.sources:
        recommender = RECOMMENDERS[source.recommender]
        config = recommender.config()
        sources.append(TrainedSource(recommender, config, recommender.fit(data, config)))
    manifest = Manifest(
        pipeline=DOCUMENT, ids=ArrayFile(file="ids.json", bytes=0, digest=""), sources=()
    )
    return Trained(manifest, 1, ids, sources)


def test_a_new_item_is_found_by_and_finds_what_it_is_like() -> None:
    async def scenario() -> None:
        before = catalogue_of(*KNOWN)
        after = before.changed({NEW.id: NEW}, revision=2)
        plan, served = plan_of(DOCUMENT), PreparedPipelines()
        trained = {"list": fitted(before)}
        old, new = ((Touch(id, Action.VIEWED, NOW - MINUTE),) for id in ("trail", "mud"))

        first = served.of(plan, after, trained)
        assert "mud" not in ids_of(first, rank(first, Wanted(count=9, now=NOW)))
        assert len(rank(first, Wanted(count=2, now=NOW, touches=new))) == 2, (
            "popular items, for nobody knows it yet"
        )
        await served.settled()
        again = served.of(plan, after, trained)
        found = ids_of(again, rank(again, Wanted(count=3, now=NOW, touches=old)))
        assert "mud" in found

        others = rank(again, Wanted(count=3, now=NOW, touches=new, exclude=["mud"]))
        assert ids_of(again, others)[0] == "trail"
        assert (others[0].why.kind, others[0].why.item) == (WhyKind.VIEWED, "mud")
        anchored = rank(again, Wanted(count=1, now=NOW, anchor=after.codes["mud"]))
        assert ids_of(again, anchored) == ["trail"]
        assert anchored[0].why.item == "mud"

        gone = after.changed({NEW.id: None}, revision=3)
        last = served.of(plan, gone, trained)
        assert "mud" not in ids_of(last, rank(last, Wanted(count=9, now=NOW, touches=old)))

    asyncio.run(scenario())


def test_several_new_items_at_once_are_all_taken_up() -> None:
    async def scenario() -> None:
        before = catalogue_of(*KNOWN)
        many = {
            ItemId(f"new-{number}"): shoe(f"new-{number}", f"trail shoe number {number}")
            for number in range(250)
        }
        after = before.changed(many, revision=2)
        served, plan, trained = PreparedPipelines(), plan_of(DOCUMENT), {"list": fitted(before)}
        served.of(plan, after, trained)
        await served.settled()
        again = served.of(plan, after, trained)
        assert again.newcomers is not None
        assert len(again.newcomers.ids) == 250
        assert (again.to_trained >= 0).all()

    asyncio.run(scenario())
