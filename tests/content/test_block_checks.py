"""Checking content finds every fault at once, says where, and says what to do."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.content.blocks import BLOCK_TYPES
from persx.content.icons import ICON_NAMES
from persx.model.errors import Fault


def only(faults: list[Fault], path: str) -> Fault:
    """Return the one fault, which must be at this path."""
    assert [fault.path for fault in faults] == [path], [str(fault) for fault in faults]
    return faults[0]


def test_the_samples_cover_every_builtin_type(samples: dict[str, Any]) -> None:
    assert set(samples) == set(BLOCK_TYPES.names)


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_good_content_has_no_fault(name: str, samples: dict[str, Any]) -> None:
    assert BLOCK_TYPES[name].check(samples[name], "content") == []


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_each_required_field_is_missed(name: str) -> None:
    type_ = BLOCK_TYPES[name]
    faults = type_.check({}, "content")
    schema = type_.json_schema()
    required = schema["$defs"][schema["$ref"].rpartition("/")[2]]["required"]
    assert {fault.path for fault in faults} == {f"content.{field}" for field in required}
    assert all("missing" in fault.message for fault in faults)


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_unknown_fields_get_a_suggestion(name: str, samples: dict[str, Any]) -> None:
    field = next(iter(samples[name]))
    fault = only(BLOCK_TYPES[name].check({**samples[name], field + "x": "?"}), field + "x")
    assert fault.hint == f"Did you mean '{field}'?"


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_every_field_refuses_a_wrong_type(name: str, samples: dict[str, Any]) -> None:
    for field in samples[name]:
        faults = BLOCK_TYPES[name].check({**samples[name], field: {"a": 1}}, "c")
        assert any(fault.path.startswith(f"c.{field}") for fault in faults), field


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_schemas_are_json(name: str) -> None:
    assert json.loads(json.dumps(BLOCK_TYPES[name].json_schema()))["$defs"]


def test_all_faults_come_at_once() -> None:
    faults = BLOCK_TYPES["hero"].check(
        {
            "headlin": "x",
            "eyebrow": "   ",
            "text": "x" * 3_000,
            "primary_href": "javascript:alert(1)",
            "secondary_label": "More",
            "proof": [{"value": 3, "label": "n"}] * 5,
        },
        "variants.saas.content",
    )
    at = "variants.saas.content"
    assert {fault.path for fault in faults} == {
        f"{at}.headline",
        f"{at}.headlin",
        f"{at}.eyebrow",
        f"{at}.text",
        f"{at}.primary_label",
        f"{at}.primary_href",
        f"{at}.secondary_href",
        f"{at}.proof",
        *(f"{at}.proof.{n}.value" for n in range(5)),
    }


@pytest.mark.parametrize(("n", "words"), [(2, "Too few"), (8, "Too many")])
def test_a_contact_form_has_three_to_seven_reasons(
    n: int, words: str, samples: dict[str, Any]
) -> None:
    content = samples["contact_form"]
    content["reasons"] = [{"title": "t", "description": "d"}] * n
    fault = only(BLOCK_TYPES["contact_form"].check(content), "reasons")
    assert words in fault.message
    assert fault.value == str(n)


@pytest.mark.parametrize("n", [3, 7])
def test_three_and_seven_reasons_are_fine(n: int, samples: dict[str, Any]) -> None:
    content = {**samples["contact_form"], "reasons": [{"title": "t", "description": "d"}] * n}
    assert BLOCK_TYPES["contact_form"].check(content) == []


@pytest.mark.parametrize(
    ("type", "field", "bad"),
    [
        ("feature_grid", "features", [{"title": "t", "text": "x"}] * 2),
        ("feature_grid", "features", [{"title": "t", "text": "x"}] * 10),
        ("collection", "items", []),
        ("collection", "items", [{"title": "t", "text": "x", "href": "/"}] * 61),
        ("collection", "layout", "grid"),
        ("collection", "limit", -1),
        ("progress_bar", "goal", 0),
        ("progress_bar", "message", "{remainig} to go"),
        ("contact_form", "form", "../admin"),
    ],
)
def test_bounds_of_single_fields(
    type: str, field: str, bad: object, samples: dict[str, Any]
) -> None:
    only(BLOCK_TYPES[type].check({**samples[type], field: bad}), field)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"name": "website", "label": "Site"}, "fields.1.name"),
        ({"name": "name", "label": "Again"}, "fields.1.name"),
        ({"name": "Full name", "label": "x"}, "fields.1.name"),
        ({"name": "size", "label": "x", "type": "select"}, "fields.1.options"),
        ({"name": "size", "label": "x", "options": ["a"]}, "fields.1.options"),
        ({"name": "size", "label": "x", "type": "passwort"}, "fields.1.type"),
    ],
)
def test_form_fields_that_cannot_work(
    field: dict[str, Any], path: str, samples: dict[str, Any]
) -> None:
    content = {**samples["contact_form"], "fields": [{"name": "name", "label": "Name"}, field]}
    only(BLOCK_TYPES["contact_form"].check(content), path)


def test_an_unknown_icon_is_a_warning_with_a_suggestion(samples: dict[str, Any]) -> None:
    samples["feature_grid"]["features"][0]["icon"] = "shoping-cart"
    fault = only(BLOCK_TYPES["feature_grid"].check(samples["feature_grid"]), "features.0.icon")
    assert fault.severity == "warning"
    assert fault.hint == "Did you mean 'shopping-cart'?"
    assert "shopping-cart" in ICON_NAMES


def test_html_that_is_dropped_is_named_in_a_warning() -> None:
    html = "<h2>Hi</h2><p onclick='x()'>a</p><script>alert(1)</script><a href='javascript:x'>b</a>"
    fault = only(BLOCK_TYPES["rich_text"].check({"html": html}, "content"), "content.html")
    assert fault.severity == "warning"
    for part in ("'onclick' of <p>", "<script>", "'javascript:x' of <a>"):
        assert part in fault.message


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "text",
        {"html": datetime.date(2026, 1, 1)},
        {"html": float("nan")},
        {"html": 10**400},
        {"html": "a\x00b"},
        {"html": "\ud800"},
        {"html": "x", 3: "y"},
        {"html": "x", "a\x00": "y"},
        {"html": b"bytes"},
        {"html": "x" * 400_000},
    ],
)
def test_what_is_not_plain_content_is_a_fault_not_a_crash(content: Any) -> None:
    faults = BLOCK_TYPES["rich_text"].check(content, "content")
    assert faults
    assert all(fault.severity == "error" for fault in faults)


def test_yaml_aliases_cannot_blow_up_the_check() -> None:
    bomb: Any = "lol"
    for _ in range(10):
        bomb = [bomb] * 10
    faults = BLOCK_TYPES["rich_text"].check({"html": bomb})
    assert faults
    assert len(faults) < 5_000


def test_endless_nesting_is_a_fault() -> None:
    loop: dict[str, Any] = {}
    loop["html"] = loop
    assert BLOCK_TYPES["rich_text"].check(loop)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(BLOCK_TYPES.names), st.data())
def test_checking_never_raises(name: str, data: st.DataObject) -> None:
    type_ = BLOCK_TYPES[name]
    fields = type_.json_schema()["$defs"][type_.json_schema()["$ref"].rpartition("/")[2]]
    names = st.sampled_from(list(fields["properties"])) | st.text(max_size=5)
    content = data.draw(st.dictionaries(names, json_like, max_size=6))
    for fault in type_.check(content, "content"):
        assert fault.path.startswith("content")
        assert fault.message
