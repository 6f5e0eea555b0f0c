"""Needles: one rule, in memory and in SQL, which finds ids in every form and nobody else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.storage.needles import SHORTEST, Needles

SPACE = " \t\n\r\v\f"
JANE = "Jane.Döe+7@Example.com"
DEVICE = "5f1ce0de-aaaa-4bbb"
ADDRESS = hashlib.sha256(b"bob@example.com").hexdigest()
LOWER = JANE.lower().encode()
FORMS = [
    JANE, JANE.lower(), JANE.upper(), f"  {JANE} ", f"Mail of <{JANE}>.", f"mailto:{JANE}?x=1",
    f"Ask {JANE}. She knows", f'{{"userId":"{JANE}"}}', f"['{JANE}']", f"a,{JANE},b",
    f"\n{JANE}\n", DEVICE, f"id={DEVICE};", f"a:{DEVICE}", f"{DEVICE.upper()}/x",
    hashlib.md5(JANE.encode()).hexdigest(), hashlib.sha1(LOWER).hexdigest(),
    hashlib.sha256(LOWER).hexdigest(), f"em={hashlib.sha256(LOWER).hexdigest().upper()}",
    hashlib.sha512(DEVICE.encode()).hexdigest(), ADDRESS, "from Bob@example.com.",
    "bob@EXAMPLE.com",
]  # fmt: skip
OTHERS = [
    "", "jane", "Example.com", f"x{JANE}", f"not-{JANE}", f"my.{JANE}", f"{JANE}.at", f"{JANE}x",
    f"{JANE}-y.com", f"{DEVICE}0", f"0{DEVICE}", f"{DEVICE}_", "5f1ce0de", "abob@example.com",
    "bob@example.comx", hashlib.sha256(b"jane").hexdigest(), "42 times", "%", "_",
]  # fmt: skip
WANTED = Needles([JANE, DEVICE], [ADDRESS])


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def in_sql(database: duckdb.DuckDBPyConnection, wanted: Needles, text: str) -> bool:
    sql = f"SELECT coalesce({wanted.condition('it')}, false) FROM (SELECT $text::VARCHAR AS it)"
    ((found,),) = database.execute(sql, {"text": text}).fetchall()
    return bool(found)


@pytest.mark.parametrize("text", FORMS)
def test_every_form_is_found(database: duckdb.DuckDBPyConnection, text: str) -> None:
    assert WANTED.stand_in(text)
    assert WANTED.stand_in(json.dumps({"note": text})), "escaped, as JSON of other senders is"
    assert in_sql(database, WANTED, text)


@pytest.mark.parametrize("text", OTHERS)
def test_nobody_else_is_taken_for_the_visitor(
    database: duckdb.DuckDBPyConnection, text: str
) -> None:
    assert not WANTED.stand_in(text)
    assert not in_sql(database, WANTED, text)


def test_a_short_id_in_a_table_is_the_whole_value_or_introduced_as_one(
    database: duckdb.DuckDBPyConnection,
) -> None:
    wanted = Needles(["42"])
    assert len("42") < SHORTEST
    assert in_sql(database, wanted, " 42 ")
    for text in (
        "customer 42 called", "Customer #42.", '{"userId":"42"}', "x=1&user_id=42&y=2", "u:42",
        "from client no. 42", "{'visitor': 42, 'pairs': 1}", "Kundennummer: 42",
    ):  # fmt: skip
        assert in_sql(database, wanted, text), text
    for text in (
        "42 pairs of shoes", "customer 421", "customers: 42", "product 42", "user@42.example",
        "by customer 7 for 42",
    ):  # fmt: skip
        assert not in_sql(database, wanted, text), text
    assert wanted.stand_in('{"userId":"42"}'), "an event is about somebody"


@pytest.mark.parametrize("kind", ["BIGINT", "UTINYINT", "DOUBLE", "DECIMAL(18, 2)"])
def test_whole_numbers_are_ids(database: duckdb.DuckDBPyConnection, kind: str) -> None:
    wanted = Needles(["042", "1e3", "-7", "9007199254740993", "9" * 30])
    sql = f"""
        SELECT it FROM (VALUES (42::{kind}), (43), (7), (NULL)) AS rows(it)
        WHERE {wanted.number_condition("it")}
    """
    assert [float(found) for (found,) in database.execute(sql).fetchall()] == [42]
    assert Needles(["jane"]).number_condition("it") == "false"


def test_nested_values_and_nulls(database: duckdb.DuckDBPyConnection) -> None:
    sql = f"""
        SELECT coalesce({WANTED.condition("it")}, false) FROM (VALUES
            (['x', '{DEVICE}']), (NULL), ([NULL]), (['x'])) AS rows(it)
    """
    assert [found for (found,) in database.execute(sql).fetchall()] == [True, False, False, False]


def test_without_ids_nothing_is_found() -> None:
    for nobody in (Needles([]), Needles(["", "  "])):
        assert nobody.texts == ()
        assert not nobody.stand_in("anything")
        assert nobody.condition("it") == "false"


ALPHABET = "abZ09ÄßйΩ.*+?()[]{}|\\^$/'\"@-_:;,<>&%# \t\n"


@settings(max_examples=300, deadline=None)
@given(
    st.text(ALPHABET, min_size=1, max_size=12),
    st.sampled_from(["", " ", "(", '"', "x=", "\n"]),
    st.sampled_from(["", " ", ")", '"', "&y", "\n"]),
)
def test_any_id_is_found_as_it_stands(
    database: duckdb.DuckDBPyConnection, id: str, before: str, after: str
) -> None:
    """Whatever an id is made of, it is no pattern."""
    wanted = Needles([id])
    if not id.strip(SPACE):
        return
    assert in_sql(database, wanted, id)
    assert wanted.stand_in(f"{before}{id.strip(SPACE)}{after}")
    if len(id.strip(SPACE)) >= SHORTEST:
        assert in_sql(database, wanted, f"{before}{id.strip(SPACE)}{after}")
