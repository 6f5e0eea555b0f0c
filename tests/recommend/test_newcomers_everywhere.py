"""New items have their place before the next training, whichever recommenders a pipeline has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from persx.app.prepared_pipelines import PreparedPipelines
from persx.model.clock import DAY, MINUTE
from persx.model.errors import Unavailable
from persx.model.item import Action, Item, ItemId, Touch
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import (
    Building,
    Manifest,
    Trained,
    TrainedOn,
    TrainedSource,
    folder_of,
    load,
)
from persx.recommend.catalogue import Catalogue
from persx.recommend.content_index import content_index
from persx.recommend.evaluation.moments import Moment
from persx.recommend.evaluation.own_log import Bench
from persx.recommend.fitting import fit, key_of, memory_of, needs_index
from persx.recommend.interactions import Interactions
from persx.recommend.newcomers import MOST, PIECE, beside
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.prepared import Prepared, prepare
from persx.recommend.ranking.rank import Ranked, rank
from persx.recommend.recommenders import RECOMMENDERS
from persx.recommend.recommenders.content import CONTENT, ContentConfig
from persx.recommend.recommenders.kind import by_neighbours
from persx.recommend.result import Why, WhyKind
from tests.recommend.scripted import NOW, catalogue_of, ids_of, pipeline, plan_of
from tests.recommend.scripted import trained as scripted

SHELVES = {
    "Shoes": ("trail", "road", "race", "spike"),
    "Kitchen": ("pan", "pot", "wok", "lid"),
    "Garden": ("rake", "hose", "spade", "hoe"),
}
WORDS = {
    "Shoes": "light running shoe with cushion for muddy forest paths",
    "Kitchen": "heavy cast iron for frying and stewing on every stove",
    "Garden": "ash handle and forged steel for beds and borders",
}


def item(id: str, shelf: str, **facts: Any) -> Item:
    title = f"{id.title()} {WORDS[shelf]}"
    return Item(id=ItemId(id), title=title, category=(shelf,), brand=f"{shelf} & Co", **facts)


KNOWN = tuple(item(id, shelf) for shelf, ids in SHELVES.items() for id in ids)
NEW = item("mud", "Shoes")


def visits(items: Catalogue) -> Interactions:
    """Thirty visitors; each walks along two items of a shelf, and a rake goes with a trail shoe."""
    ids = [each.id for each in KNOWN]
    lines = []
    for shelf in SHELVES.values():
        for first in range(4):
            lines += [(shelf[first], shelf[(first + 1) % 4], shelf[(first + 2) % 4])] * 2
    lines += [("trail", "rake")] * 6 + [("pan",)] * 9
    rows = [
        (user, step, ids.index(ItemId(id)))
        for user, line in enumerate(lines)
        for step, id in enumerate(line)
    ]
    users = np.array([user for user, _, _ in rows], dtype=np.int32)
    return Interactions(
        users=users,
        items=np.array([code for _, _, code in rows], dtype=np.int32),
        times=np.array([NOW - DAY + user * MINUTE + step for user, step, _ in rows]),
        sessions=users,
        actions=np.zeros(len(rows), dtype=np.uint8),
        ids=ids,
        user_count=len(lines),
        catalogue=items.present(),
    )


def document(*names: str, **fields: Any) -> Pipeline:
    return Pipeline(
        name="list",
        sources=(
            *(PipelineSource(recommender=name) for name in names),
            PipelineSource(recommender="popularity", fill=True),
        ),
        **fields,
    )


def write(folder: Path, wanted: Pipeline, items: Catalogue) -> bytes:
    """Train a pipeline as the trainer does; return the artifact's body."""
    data = visits(items)
    building = Building(folder, key_of(wanted, data))
    sources, alike = fit(wanted, data, building)
    return building.finish(wanted, data.ids, sources, TrainedOn(last=NOW), alike)


class Shop:
    """A trained pipeline, mapped from files, over a catalogue that changes."""

    def __init__(self, folder: Path, wanted: Pipeline, items: Catalogue | None = None) -> None:
        self.items = items or catalogue_of(*KNOWN)
        self.plan = plan_of(wanted)
        self.trained = load(folder, write(folder, wanted, self.items), 1)
        self.served = PreparedPipelines()

    def change(self, *items: Item, **others: None) -> None:
        changes = {each.id: each for each in items} | {ItemId(id): None for id in others}
        self.items = self.items.changed(changes, revision=self.items.revision + 1)

    def ready(self) -> Prepared:
        found = []

        async def settle() -> None:
            self.served.of(self.plan, self.items, {"list": self.trained})
            await self.served.settled()
            found.append(self.served.of(self.plan, self.items, {"list": self.trained}))

        asyncio.run(settle())
        return found[0]

    def ranked(self, *touched: str, on: str = "", count: int = 9) -> list[Ranked]:
        touches = [Touch(id, Action.VIEWED, NOW - MINUTE) for id in touched]
        anchor = self.items.codes[ItemId(on)] if on else -1
        return rank(self.ready(), Wanted(count=count, now=NOW, touches=touches, anchor=anchor))

    def told(self, *touched: str, on: str = "") -> dict[str, Ranked]:
        found = self.ranked(*touched, on=on)
        return dict(zip(ids_of(self.ready(), found), found, strict=True))


TELLS = [each.name for each in RECOMMENDERS if by_neighbours(each)]


@pytest.fixture(params=TELLS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    if request.param == "ials":
        pytest.importorskip("implicit")
    return Shop(tmp_path, document(request.param))


def test_a_new_item_stands_where_those_that_it_is_like_stand(shop: Shop) -> None:
    before = [id for id in shop.told(on="road") if id in SHELVES["Shoes"]]
    shop.change(NEW)
    found = shop.told(on="road")
    assert found["mud"].source == "content"
    assert found["mud"].why.kind is WhyKind.ALIKE
    assert found["mud"].why.item in SHELVES["Shoes"]
    # What is known keeps its order.
    assert [id for id in found if id in before] == before
    assert "mud" not in list(shop.told(on="hose"))[:3]


def test_on_the_page_of_a_new_item_is_more_than_what_many_like(shop: Shop) -> None:
    shop.change(NEW)
    for found in (shop.told(on="mud"), shop.told("mud")):
        first = list(found)[:2]
        assert set(first) <= {*SHELVES["Shoes"], "rake"}
        assert all(found[id].source != "popularity" for id in first)


def test_what_goes_with_the_most_alike_item_is_not_said_to_go_with_the_new_one(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path, document("cooccurrence"))
    shop.change(item("trail-2", "Shoes", text="Trail, made anew"))
    on_page = shop.told(on="trail-2")["rake"].why
    stands = shop.items.items[shop.items.codes[ItemId("trail")]]
    assert stands is not None
    assert on_page == Why(kind=WhyKind.SEEN_TOGETHER, item="trail", title=stands.title)
    assert shop.told("trail-2")["rake"].why.item == "trail-2", "that is what they viewed"


def test_who_viewed_a_new_item_did_not_view_the_one_that_is_like_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease", "history", "recently_viewed"))
    shop.change(NEW)
    for found in (shop.told("mud"), shop.told("mud", on="mud")):
        assert WhyKind.RECENT not in {each.why.kind for each in found.values()}
        assert {each.source for each in found.values()} & {"ease"}


@pytest.mark.parametrize(
    "without",
    [
        document(),
        document("history", "recently_viewed", "replenishment"),
        document("ease", newcomers=False),
        document("content", newcomers=False),
    ],
    ids=["popular", "own", "off", "content, off"],
)
def test_pipelines_without_neighbours_have_no_newcomers(tmp_path: Path, without: Pipeline) -> None:
    shop = Shop(tmp_path, without)
    shop.change(NEW)
    assert not needs_index(without)
    assert shop.ready().newcomers is None
    assert "mud" not in shop.told(on="road")


def test_an_artifact_of_before_goes_on_without_newcomers(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease"))
    manifest = msgspec.structs.replace(shop.trained.manifest, alike=None)
    shop.trained = Trained(manifest, 1, shop.trained.ids, shop.trained.sources)
    shop.change(NEW)
    found = shop.told(on="road")
    assert found
    assert "mud" not in found
    assert len(shop.told(on="mud")) == 9, "what many like"


def test_a_manifest_without_an_index_is_read(tmp_path: Path) -> None:
    body = write(tmp_path, document("ease"), catalogue_of(*KNOWN))
    told = msgspec.json.decode(body)
    del told["alike"]
    manifest = msgspec.json.decode(msgspec.json.encode(told), type=Manifest)
    assert manifest.alike is None


def test_half_an_index_is_refused_and_a_killed_training_goes_on_from_it(tmp_path: Path) -> None:
    eased, data = document("ease"), visits(catalogue_of(*KNOWN))
    building = Building(tmp_path, key_of(eased, data))
    kept = fit(eased, data, building)
    assert fit(eased, data, Building(tmp_path, key_of(eased, data))) == kept
    body = building.finish(eased, data.ids, kept.sources, TrainedOn(), kept.alike)
    assert kept.alike is not None
    file = folder_of(tmp_path, body) / kept.alike.arrays["postings"].file
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(Unavailable, match="damaged"):
        load(tmp_path, body, 1)


def test_memory_said_beforehand_holds_the_index() -> None:
    data = visits(catalogue_of(*KNOWN))
    without = memory_of(document("transitions", newcomers=False), data)
    assert memory_of(document("transitions"), data) > without
    assert memory_of(document(), data) == memory_of(document(newcomers=False), data)


def test_a_new_item_that_is_told_of_later_is_compared_anew(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease"))
    shop.change(Item(id=ItemId("mud")))
    assert "mud" not in shop.told(on="road"), "nobody knows what it is"
    shop.change(NEW)
    assert "mud" in shop.told(on="road")
    again = shop.ready().newcomers
    shop.change(msgspec.structs.replace(NEW, price=9.0))
    assert shop.ready().newcomers is again, "its price makes it nothing else"
    shop.change(item("mud", "Kitchen"))
    assert "mud" not in list(shop.told(on="road"))[:4]
    assert "mud" in shop.told(on="pan")
    shop.change(mud=None)
    assert "mud" not in shop.told(on="pan")
    assert shop.told("mud"), "they touched what is gone"
    shop.change(NEW)
    assert "mud" in shop.told(on="road"), "it came back"


def test_an_item_that_was_gone_at_first_has_neighbours_when_it_comes_back(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease"))
    shop.change(NEW, item("dew", "Shoes"))
    shop.change(mud=None)
    assert "dew" in shop.told(on="road")
    shop.change(NEW)
    assert {"dew", "mud"} <= set(shop.told(on="road"))


def test_of_many_new_items_each_known_one_is_followed_by_few(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease"))
    shop.change(*(item(f"new-{number}", "Shoes") for number in range(2 * PIECE + 1)))
    newcomers = shop.ready().newcomers
    assert newcomers is not None
    assert len(newcomers.ids) == 2 * PIECE + 1
    first = list(shop.told(on="road"))[:4]
    assert sum(id in SHELVES["Shoes"] for id in first) >= 2


def test_more_new_items_than_may_be_wait(tmp_path: Path) -> None:
    trained = Shop(tmp_path, document("ease")).trained
    assert trained.alike is not None
    many = [Item(id=ItemId(f"new-{n}"), title=f"word{n}") for n in range(MOST + 1)]
    items = catalogue_of(*KNOWN, *many)
    found = beside(trained.alike.arrays, trained.alike.config, trained.codes)
    found = found.with_those_of(items, most=MOST)
    assert len(found.ids) == MOST
    assert found.complete
    assert not found.lag(items)
    assert found.code(many[-1].id) == -1
    more = items.changed({ItemId("late"): Item(id=ItemId("late"), title="late")})
    assert found.lag(more)
    assert not found.with_those_of(more).lag(more)


def test_ten_megabytes_of_text_take_no_longer_than_a_page_of_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease"))
    flood = "ﬁ\u0301\u200b\ud800 muddy " * 1_000_000
    shop.change(msgspec.structs.replace(NEW, title=f"{NEW.title} {flood}", text=flood))
    assert "mud" in shop.told(on="road")


def test_a_catalogue_of_one_item_gets_a_second_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path, document("ease"), catalogue_of(KNOWN[0]))
    assert shop.told(on="trail") == {}
    shop.change(NEW)
    assert list(shop.told(on="trail")) == ["mud"]
    assert list(shop.told(on="mud")) == ["trail"]


def test_another_artifact_while_new_items_are_taken_up(tmp_path: Path) -> None:
    """Training is done by another process: what it knows counts at once, and newcomers beside."""
    shop = Shop(tmp_path, document("ease"))
    second = load(tmp_path, write(tmp_path, document("cooccurrence"), catalogue_of(*KNOWN)), 2)
    shop.change(*(item(f"new-{number}", "Shoes") for number in range(PIECE + 9)))

    async def scenario() -> Prepared:
        shop.served.of(shop.plan, shop.items, {"list": shop.trained})
        await asyncio.sleep(0)
        shop.served.of(shop.plan, shop.items, {"list": second})
        await shop.served.settled()
        return shop.served.of(shop.plan, shop.items, {"list": second})

    found = asyncio.run(scenario())
    assert found.trained is second
    assert found.newcomers is not None
    assert len(found.newcomers.ids) == PIECE + 9


def test_a_list_is_diverse_by_what_items_are_made_of() -> None:
    cups = [
        Item(id=ItemId(id), title=title, category=("Cups",), brand="Forge")
        for id, title in (
            ("blue", "tall espresso cup of glazed porcelain, blue"),
            ("teal", "tall espresso cup of glazed porcelain, teal"),
            ("mug", "enamel camping mug with a steel rim"),
        )
    ]
    items, listed = catalogue_of(*cups), pipeline(diversity=0.5)
    said = {"blue": 1.0, "teal": 0.9, "mug": 0.8}
    plain = scripted(listed, [each.id for each in cups], [said])
    index = TrainedSource(CONTENT, ContentConfig(), content_index(cups, ContentConfig().weights))
    knowing = Trained(plain.manifest, 1, plain.ids, plain.sources, index)
    wanted = Wanted(count=3, now=NOW)
    for trained, order in ((plain, ["blue", "teal", "mug"]), (knowing, ["blue", "mug", "teal"])):
        ready = prepare(plan_of(listed), items, trained)
        assert ids_of(ready, rank(ready, wanted)) == order


def test_a_pipeline_is_judged_as_diverse_as_it_is_served() -> None:
    titles = {
        "pan": "iron pan",
        "blue": "tall espresso cup of glazed porcelain, blue",
        "teal": "tall espresso cup of glazed porcelain, teal",
        "mug": "enamel camping mug with a steel rim",
    }
    cups = [
        Item(id=ItemId(id), title=title, category=("Cups",), brand="Forge")
        for id, title in titles.items()
    ]
    lines = [("pan", "blue")] * 5 + [("pan", "teal")] * 5 + [("pan", "mug")] * 4
    rows = [(user, list(titles).index(id)) for user, line in enumerate(lines) for id in line]
    users = np.array([user for user, _ in rows], dtype=np.int32)
    train = Interactions(
        users=users,
        items=np.array([code for _, code in rows], dtype=np.int32),
        times=np.arange(len(rows), dtype=np.int64),
        sessions=users,
        actions=np.zeros(len(rows), dtype=np.uint8),
        ids=list(titles),
        user_count=len(lines),
    )
    case = Moment(NOW, (Touch("pan", Action.VIEWED, NOW - MINUTE),), ("mug",), {})
    for diversity, hits in ((0.0, 0.0), (0.6, 1.0)):
        plan = plan_of(document("cooccurrence", diversity=diversity))
        found = Bench(train, [case], catalogue_of(*cups), cuts=(2,)).asked(plan)
        assert found["recall@2"].tolist() == [hits]
