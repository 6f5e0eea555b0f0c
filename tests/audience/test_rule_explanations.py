"""Explanations say which clause decided, with which value, in words for people."""

from __future__ import annotations

import time
from typing import Any

import pytest

from persx.audience.explain import Explanation, explain
from persx.audience.program import Program
from persx.audience.schema import Schema
from persx.model.attribute import Attribute, ValueType
from persx.model.clock import DAY
from persx.model.errors import BadInput

ATTRIBUTES = {
    name: Attribute(name=name, type=type)
    for name, type in {
        "industry": ValueType.STRING,
        "sessions": ValueType.NUMBER,
        "returning": ValueType.BOOLEAN,
        "tools": ValueType.STRINGS,
        "last_order": ValueType.TIME,
    }.items()
}
AUDIENCES = {"loyal": "sessions > 3 or returning", "unlucky": 'not in_audience("loyal")'}
SCHEMA = Schema(ATTRIBUTES, AUDIENCES)


def said(text: str, **attributes: Any) -> Explanation:
    found = explain(text, SCHEMA, AUDIENCES, attributes, 100 * DAY)
    compiled = Program(SCHEMA, AUDIENCES).predicate(text)
    assert found.result is compiled(attributes, 100 * DAY, {})
    return found


def deciding(found: Explanation) -> list[tuple[str, str]]:
    return [(clause.text, clause.value) for clause in found.deciding_clauses()]


def test_a_single_clause_says_its_value() -> None:
    found = said('industry == "SaaS"', industry="Healthcare")
    assert not found.result
    assert found.value == 'industry is "Healthcare"'
    assert found.values == {"industry": "Healthcare"}
    assert said('industry == "SaaS"').value == "industry is not known"
    assert said('industry == "SaaS"', industry=3).value == "industry is not known"


def test_the_false_part_of_an_and_decides() -> None:
    found = said('industry == "SaaS" and sessions > 3', industry="SaaS", sessions=2)
    assert deciding(found) == [("sessions > 3", "sessions is 2")]
    assert found.render().splitlines() == [
        '* false  industry == "SaaS" and sessions > 3',
        '    true   industry == "SaaS"  (industry is "SaaS")',
        "*   false  sessions > 3  (sessions is 2)",
    ]


def test_the_true_part_of_an_or_decides_and_all_of_them_otherwise() -> None:
    text = 'industry == "SaaS" or sessions > 3'
    assert deciding(said(text, industry="SaaS", sessions=2)) == [
        ('industry == "SaaS"', 'industry is "SaaS"')
    ]
    assert len(deciding(said(text))) == 2
    both = said('industry == "SaaS" and sessions > 3', industry="SaaS", sessions=4)
    assert len(deciding(both)) == 2


def test_chains_nots_functions_and_lists_are_told() -> None:
    found = said("1 <= sessions < 5 and not returning", sessions=7, returning=False)
    assert deciding(found) == [("sessions < 5", "sessions is 7")]
    found = said('"Epic" in tools', tools=["Shopify", "Klaviyo"])
    assert found.value == 'tools is ["Shopify", "Klaviyo"]'
    found = said("days_since(last_order) > 45", last_order=40 * DAY)
    assert (found.result, found.value) == (True, "last_order is 1970-02-10T00:00:00.000Z")
    assert said("").text == "always"
    assert said("").result


def test_audiences_are_taken_apart_once() -> None:
    found = said('in_audience("unlucky") and in_audience("loyal")', sessions=9)
    text = found.render()
    assert 'in_audience("unlucky")  (not in audience "unlucky")' in text
    assert text.count("sessions > 3 or returning") == 1
    assert ("sessions > 3", "sessions is 9") in deciding(found)


def test_long_values_and_strange_ones_are_cut() -> None:
    assert len(said('industry == "SaaS"', industry="x" * 50_000).render()) < 200
    assert len(said('"a" in tools', tools=["y" * 99] * 500).render()) < 200
    assert "very large" in said("sessions > 1", sessions=10**6000).value
    assert "\\n" in said('industry == "SaaS"', industry="a\nb").value


def test_audiences_built_on_each_other_stay_cheap() -> None:
    audiences = {"a0": "sessions > 3"} | {
        f"a{n}": f'in_audience("a{n - 1}") and in_audience("a{n - 1}")' for n in range(1, 31)
    }
    started = time.perf_counter()
    found = explain('in_audience("a30")', Schema(ATTRIBUTES, audiences), audiences, {}, 0)
    assert time.perf_counter() - started < 1
    assert not found.result


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(BadInput, match="Did you mean 'industry'"):
        said('industri == "SaaS"')
    circle = {"a": 'in_audience("b")', "b": 'in_audience("a")'}
    with pytest.raises(BadInput, match="builds on itself"):
        explain('in_audience("a")', Schema(ATTRIBUTES, circle), circle, {}, 0)
