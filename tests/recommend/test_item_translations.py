"""Items in several languages: read from feeds, kept field by field, shown in the reader's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.item_keeping import PutItems, merged, put_items, translated
from persx.app.item_language import chain_of
from persx.app.item_listing import ListItems, list_items
from persx.model.errors import BadInput
from persx.model.item import Item, ItemId, ItemTexts, in_language
from persx.recommend.catalogue import NO_CATALOGUE, Catalogue, laid
from persx.recommend.feed_translations import locale_code
from persx.recommend.feeds import feed_of, said
from tests.recommend.shop import have, shop

pytestmark = pytest.mark.anyio

CAP = Item(
    id=ItemId("cap"),
    title="Winter Cap",
    text="Warm.",
    category=("Apparel", "Caps"),
    url="/cap",
    translations={
        "de": ItemTexts(title="Wintermütze", category=("Bekleidung", "Mützen"), url="/de/muetze"),
        "de-AT": ItemTexts(title="Winterhaube"),
    },
)


def told(row: dict[str, Any], mapping: dict[str, str] | None = None) -> dict[str, Any]:
    return said(row, feed_of(row, mapping)).facts


@pytest.mark.parametrize(
    "column", ["title_de", "Title:DE", "name_de", "title[de]", "title (de)", "title.de", "title-de"]
)
def test_a_column_says_a_field_in_a_language(column: str) -> None:
    facts = told({"id": "cap", "title": "Cap", column: "<b>M&uuml;tze</b>"})
    assert facts == {"title": "Cap", "translations": {"de": {"title": "Mütze"}}}


def test_objects_and_columns_of_languages_and_regions_go_together() -> None:
    row = {
        "id": "cap", "link_de": "https://shop.example/de/cap#red", "product_type:de-at": "A > B",
        "translations": {"fr": {"title": "Bonnet", "text": "<p>Chaud</p>"}, "IT": None},
    }  # fmt: skip
    assert told(row)["translations"] == {
        "de": {"url": "https://shop.example/de/cap"},
        "de-AT": {"category": ("A", "B")},
        "fr": {"title": "Bonnet", "text": "Chaud"},
        "it": None,
    }


def test_columns_that_only_look_so_stay_what_they_are() -> None:
    row = {"id": "a", "category_id": 7, "title_tag": "x", "price_de": "9,90", "text_no": "n"}
    facts = told(row)
    assert "translations" not in facts
    assert facts["attributes"] == {
        "category_id": 7, "title_tag": "x", "price_de": "9,90", "text_no": "n",
    }  # fmt: skip
    assert told({"id": "a", "Titel": "Mütze"}, {"Titel": "title:de"}) == {
        "translations": {"de": {"title": "Mütze"}}
    }


@pytest.mark.parametrize(
    "bad",
    ["de", ["de"], {"german": {}}, {"de": "Mütze"}, {"de": {"price": 1}}, {"de": {"url": "x:y"}},
     {"de": {"title": {}}}, {f"a{a}{b}": {} for a in "abcdefg" for b in "abcdefg"}],
    ids=lambda each: repr(each)[:40],
)  # fmt: skip
def test_what_is_no_translation_is_refused_with_its_column(bad: Any) -> None:
    with pytest.raises(BadInput, match="translations"):
        told({"id": "a", "translations": bad})


_WORDS = st.fixed_dictionaries({}, optional={"title": st.sampled_from(["", "T", "U"]),
                                             "text": st.sampled_from(["", "x"])})  # fmt: skip
_SAID = st.dictionaries(st.sampled_from(["de", "de-AT", "fr"]), st.none() | _WORDS)


@given(_SAID, _SAID)
def test_what_is_not_said_stays_and_nothing_empty_is_kept(first: Any, second: Any) -> None:
    before = translated({}, first)
    after = translated(before, second)
    assert ItemTexts() not in after.values()
    for locale, words in before.items():
        if locale not in second:
            assert after[locale] == words
    for locale, words in second.items():
        kept = after.get(locale, ItemTexts())
        if words is None:
            assert kept == ItemTexts()
        else:
            old = before.get(locale, ItemTexts())
            assert kept.title == words.get("title", old.title)
            assert kept.text == words.get("text", old.text)
    assert translated(after, second) == after


async def test_a_language_is_changed_found_and_taken_away_like_any_fact() -> None:
    async with shop() as services:
        await have(services, "cap")
        for words in ({"de": {"title": "Mütze"}}, {"de": {"text": "Warm"}, "fr": {"title": "B"}}):
            done = await put_items(
                services, PutItems(items=({"id": "cap", "translations": words},))
            )
            assert not done.refused
        item = (await services.items.get(["cap"]))[ItemId("cap")]
        assert item.translations == {
            "de": ItemTexts(title="Mütze", text="Warm"), "fr": ItemTexts(title="B"),
        }  # fmt: skip
        found = await list_items(services, ListItems(search="mütze"))
        assert [each.item.id for each in found.items] == ["cap"]
        gone = {"id": "cap", "translations": {"de": None, "fr": {"title": ""}}}
        await put_items(services, PutItems(items=(gone,)))
        assert (await services.items.get(["cap"]))[ItemId("cap")].translations == {}
        for words in ({"xx!": {"title": "a"}}, {"de": {"url": "javascript:1"}}):
            done = await put_items(
                services, PutItems(items=({"id": "cap", "translations": words},))
            )
            assert len(done.refused) == 1


def test_a_whole_feed_says_all_languages() -> None:
    after = merged(CAP.id, CAP, {"title": "Cap"}, whole=True, now=1)
    assert after is not None
    assert after.translations == {}
    over = laid(CAP, Item(id=CAP.id, translations={"de": ItemTexts(text="Warm.")}))
    assert over is not None
    assert over.translations["de"].title == "Wintermütze"
    assert over.translations["de"].text == "Warm."


def test_a_page_in_any_language_is_the_items_page() -> None:
    first = NO_CATALOGUE.changed({CAP.id: CAP})
    assert first.at("/cap") == first.at("/de/muetze") == CAP
    moved = Item(id=CAP.id, title="Cap", url="/cap", translations={"de": ItemTexts(url="/de/c")})
    second = first.changed({CAP.id: moved})
    assert second.at("/de/muetze") is None
    assert second.at("/de/c") == second.at("/cap") == moved
    assert second.changed({CAP.id: None}).at("/de/c") is None


_PATHS = st.sampled_from(["", "/1", "/2", "/3"])
_STEPS = st.tuples(st.sampled_from("abc"), _PATHS, _PATHS, st.booleans())


@given(st.lists(_STEPS, max_size=12))
def test_owners_of_pages_are_those_that_a_new_catalogue_would_have(steps: Any) -> None:
    now: dict[ItemId, Item] = {}
    found: Catalogue = NO_CATALOGUE
    for id, url, other, there in steps:
        texts = {"de": ItemTexts(url=other)} if other else {}
        item = Item(id=ItemId(id), title="x", url=url, translations=texts) if there else None
        found = found.changed({ItemId(id): item})
        now = {**now, ItemId(id): item} if item else {k: v for k, v in now.items() if k != id}
    fresh = NO_CATALOGUE.changed(dict(now))
    for path in ("/1", "/2", "/3"):
        assert found.at(path) == fresh.at(path), path


def test_words_fall_back_as_those_of_blocks_do() -> None:
    assert in_language(CAP, ["de", "de-AT"]).title == "Winterhaube"
    assert in_language(CAP, ["de", "de-AT"]).category == ("Bekleidung", "Mützen")
    assert in_language(CAP, ["en"]) is CAP
    assert in_language(CAP, ["de"]).text == "Warm."


async def test_locales_follow_the_workspace_and_others_their_language() -> None:
    async with shop() as services:
        plan = services.publication.plan
        assert plan is not None
        # The workspace declares none: a catalogue may know more than the site's pages.
        assert tuple(chain_of(plan, "de-AT")) == ("de", "de-AT")


@given(st.text(max_size=20))
def test_a_locale_is_read_the_same_again(text: str) -> None:
    assert locale_code(locale_code(text)) == locale_code(text)
