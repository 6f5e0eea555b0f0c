"""Feeds: whatever columns are called, and whatever stands in them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.model.errors import BadInput
from persx.model.item import Item
from persx.recommend.feed_values import available, moment, path, price
from persx.recommend.feeds import LONGEST_TEXT, LONGEST_TITLE, NAMES, feed_of, said


def told(row: dict[str, Any], mapping: dict[str, str] | None = None) -> dict[str, Any]:
    found = said(row, feed_of(row, mapping))
    return {"id": found.id, **found.facts}


def test_a_google_merchant_row() -> None:
    row = {
        "id": "W1", "title": "Wren First", "description": "<p>Soft &amp; wide</p>",
        "link": "https://shop.example/p/wren#red", "image_link": "https://cdn.example/w.jpg",
        "availability": "in_stock", "price": "99.00 EUR", "sale_price": "89,90 EUR",
        "brand": "Wren", "google_product_category": "187", "product_type": "Running > Shoes",
        "gtin": "0012345678905", "condition": "new",
    }  # fmt: skip
    assert told(row) == {
        "id": "W1", "title": "Wren First", "text": "Soft & wide", "brand": "Wren",
        "category": ("Running", "Shoes"), "url": "https://shop.example/p/wren",
        "image": "https://cdn.example/w.jpg", "available": True, "price": 89.9, "was": 99.0,
        "attributes": {
            "currency": "EUR", "google_product_category": 187, "gtin": "0012345678905",
            "condition": "new",
        },
    }  # fmt: skip


def test_a_shopify_row_whose_stock_is_gone() -> None:
    row = {
        "Handle": "wren", "Title": "Wren", "Body (HTML)": "<b>x</b>", "Vendor": "W",
        "Type": "Shoes", "Tags": "road, soft", "Published": "TRUE", "Variant SKU": "W-1",
        "Variant Inventory Qty": "0", "Variant Price": "89.9", "Variant Compare At Price": "",
        "Image Src": "", "Status": "active",
    }  # fmt: skip
    found = told(row)
    assert found["id"] == "W-1"
    assert found["available"] is False, "published and active, but none is there"
    assert (found["price"], found["was"], found["tags"]) == (89.9, None, ("road", "soft"))
    assert found["attributes"] == {"handle": "wren"}


def test_our_own_names_are_taken_as_they_are() -> None:
    item = {
        "id": "a", "title": "A", "text": "t", "category": ["X", "Y"], "price": 1.5, "was": 2,
        "available": False, "hidden": True, "tags": ["p"], "image": "/i.png", "art": "shoe",
        "url": "/a", "added": 1_772_323_200_000, "brand": "B", "attributes": {"colour": "red"},
    }  # fmt: skip
    found = msgspec.convert(told(item), Item)
    assert found == msgspec.convert(item, Item)


def test_what_is_said_to_be_empty_is_said() -> None:
    found = told({"id": "a", "price": "", "tags": "", "category": None, "availability": ""})
    assert found == {"id": "a", "price": None, "tags": (), "category": (), "available": True}


def test_what_is_not_said_is_not_there() -> None:
    assert told({"id": "a", "available": False}) == {"id": "a", "available": False}
    assert "added" not in told({"id": "a", "created_at": ""})


def test_a_mapping_says_which_column_is_meant() -> None:
    row = {"sku": "S", "id": "I", "colour": "red", "gross": "3,50", "price": "1", "note": "x"}
    mapping = {"sku": "id", "gross": "price", "note": "-"}
    assert told(row, mapping) == {
        "id": "S", "price": 3.5, "attributes": {"id": "I", "colour": "red", "price": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"skuu": "id"}, "There is no column 'skuu'. Did you mean 'sku'?"),
        ({"sku": "prise"}, "Did you mean 'price'?"),
    ],
)
def test_a_mapping_that_is_wrong_is_told(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        feed_of(["sku", "title"], mapping)
    assert message in str(caught.value)


def test_columns_without_ids_are_refused() -> None:
    with pytest.raises(BadInput, match="No column says the items' ids"):
        feed_of(["name", "cost"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": ""}, "It has no id."),
        ({"id": "a", "price": "call us"}, "Column 'price': 'call us' is no price."),
        ({"id": "a", "price": "-3"}, "a price of -3 is not possible"),
        ({"id": "a", "price": "1e999"}, "is no price"),
        ({"id": "a", "price": "10-20 EUR"}, "is no price"),
        ({"id": "a", "availability": "perhaps"}, "does not say whether it can be had"),
        ({"id": "a", "link": "javascript:alert(1)"}, "is no address"),
        ({"id": "a", "image": "//evil.example/x.png"}, "is no address"),
        ({"id": "a", "url": "/\\evil.example"}, "is no address"),
        ({"id": "a", "added": "soon"}, "is no date"),
        ({"id": "a", "attributes": "x"}, "is no object"),
        ({"id": "a", "title": {"en": "x"}}, "it is no text"),
        ({"id": "x" * 400}, "it has 400 characters"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_column(row: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        told(row)
    assert message in str(caught.value)


def test_a_description_of_ten_megabytes_is_cut_and_told() -> None:
    found = said({"id": "a", "description": "word " * 2_000_000}, feed_of(["id", "description"]))
    assert found.cut
    assert len(found.facts["text"]) <= LONGEST_TEXT
    assert found.facts["text"].endswith("…")
    markup = said({"id": "a", "text": "<p>" + "x" * 99 + "</p>", "title": "t" * 999},
                  feed_of(["id", "text", "title"]))  # fmt: skip
    assert markup.facts["text"] == "x" * 99
    assert markup.cut, "the title"
    assert len(markup.facts["title"]) == LONGEST_TITLE


def test_markup_is_taken_out_and_scripts_with_it() -> None:
    row = {"id": "a", "text": "a<script>alert('x')</script> b <!-- c > d --> &lt;e&gt;<br/>f<"}
    assert told(row)["text"] == "a b <e> f<"


def test_prices_of_many_shops() -> None:
    for text, amount in {
        "12.90": 12.9, "12,90 €": 12.9, "USD 1,299.00": 1299.0, "1.299,00 EUR": 1299.0,
        "1,299": 1299.0, "1 299,50 kr": 1299.5, "CHF 1'299.50": 1299.5, "1.234.567": 1234567.0,
        "0": 0.0, " ": None, "0,5": 0.5,
    }.items():  # fmt: skip
        assert price(text) == amount, text


def test_categories_of_many_shops() -> None:
    assert path("Home & Garden > Tools/Saws") == ("Home & Garden", "Tools/Saws")
    assert path("A / B/ /C") == ("A", "B", "C")
    assert path("A») B") == ("A", ") B")
    assert len(path("/".join("abcdefghijklmnop"))) == 10


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.booleans(),
                 st.lists(st.text()), st.dictionaries(st.text(), st.text())))  # fmt: skip
def test_any_value_is_read_or_refused_with_a_sentence(value: Any) -> None:
    for field in NAMES:
        row = {"id": "a", field: value}
        try:
            found = told(row)
        except BadInput as error:
            found = {"id": error.message}
        assert msgspec.convert(found, Item).id


@given(st.floats(0, 1e9).map(lambda amount: round(amount, 2)))
def test_a_price_is_the_same_in_english_and_in_german(amount: float) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert price(english) == price(german) == amount


def test_moments() -> None:
    assert moment("2026-03-01T01:00:00+01:00") == moment("2026-03-01") == 1_772_323_200_000
    assert moment("1772323200") == moment(1772323200000) == 1_772_323_200_000


def test_schema_org_says_what_can_be_had() -> None:
    assert available("https://schema.org/InStock") is True
    assert available("http://schema.org/OutOfStock") is False
