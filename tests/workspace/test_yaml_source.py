"""YAML is read as YAML 1.2 means it, with lines, and hostile YAML is refused quickly."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from persx.workspace.source import MAX_CHARACTERS, MAX_DEPTH, load


def value_of(text: str) -> Any:
    """The value of a document without faults."""
    source, faults = load(text, "x.yaml")
    assert faults == []
    assert source is not None
    return source.value


@pytest.mark.parametrize("word", ["yes", "No", "on", "OFF", "y", "NO", "TRUe"])
def test_words_stay_text(word: str) -> None:
    assert value_of(f"{word}: {word}") == {word: word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("0123", "0123"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-11-27", "2026-11-27"),
        ("2026-11-27 00:00:00", "2026-11-27 00:00:00"),
        (".inf", ".inf"),
        ("'12'", "12"),
        ("|\n    12", "12\n"),
        ("=", "="),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    found = value_of(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text() -> None:
    assert value_of("1: a\ntrue: b\n~: c\n2026-01-01: d\n") == {
        "1": "a",
        "true": "b",
        "~": "c",
        "2026-01-01": "d",
    }


def test_lines_are_those_of_the_keys_and_list_entries() -> None:
    source, _ = load("a:\n  b: 1\n  c:\n    - x\n    - y: 2\nd: {e: 3}\n", "x.yaml")
    assert source is not None
    lines = {".".join(keys): line for keys, line in source.lines.items()}
    assert lines == {"": 1, "a": 1, "a.b": 2, "a.c": 3, "a.c.0": 4, "a.c.1": 5, "a.c.1.y": 5,
                     "d": 6, "d.e": 6}  # fmt: skip
    assert source.line(("a", "c", "7", "z")) == 3


def test_text_is_brought_to_one_form() -> None:
    assert value_of("Cafe\u0301: Cafe\u0301") == {"Café": "Café"}


def test_aliases_are_followed() -> None:
    assert value_of("a: &x [1, 2]\nb: *x\nc: &s text\nd: *s\n") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": "text",
        "d": "text",
    }


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "more than 100,000 values"),
        ("[" * 100_000, "deeper"),
        ("- " * 1_000 + "x", "deeper"),
        ("a: &a [*a]", "anchor that is not before"),
        ("x" * (MAX_CHARACTERS + 1), "larger than"),
        ("? [a, b]\n: c\n", "keys are text"),
        ("? {a: b}\n: c\n", "keys are text"),
        ("a: &k b\n*k : c\n", "keys are text"),
        ("a: \ud800", "UTF-8"),
        ("a: \x00", "Not YAML"),
        ("a: '", "Not YAML"),
        ("@", "Not YAML"),
        ("%YAML 9.9\n---\na", "Not YAML"),
    ],
)
def test_hostile_documents_are_refused_quickly(text: str, said: str) -> None:
    began = time.perf_counter()
    source, faults = load(text, "x.yaml")
    assert source is None
    assert said in faults[-1].message
    assert time.perf_counter() - began < 2


def test_aliases_cannot_nest_beyond_the_depth() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, MAX_DEPTH + 5))
    source, faults = load(chain, "x.yaml")
    assert source is None
    assert "deeper" in faults[-1].message


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)
    # What YAML 1.1 writes bare because it is no number there may be one in YAML 1.2, as 0E0 is.
    | st.text(st.characters(codec="ascii", exclude_categories=("Cc",))).filter(
        lambda text: not re.match(r"[-+.]?[0-9]", text)
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefgh. -", min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(plain)
def test_what_yaml_writes_is_read_back(value: Any) -> None:
    found, faults = load(yaml.safe_dump({"top": value}), "x.yaml")
    assert faults == []
    assert found is not None
    assert found.value == {"top": value}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_never_raised(text: str) -> None:
    source, faults = load(text, "x.yaml")
    assert source is not None or faults
