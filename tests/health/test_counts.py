"""Counts add up in any order; indicators read them, and say nothing where there is nothing."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.health_record import back, bounds, day_of
from persx.health.counts import Counts, Visitors, add
from persx.health.indicator import Evidence, Known
from persx.health.indicators import INDICATORS
from persx.health.objectives import DEFAULT_OBJECTIVES, objectives
from persx.health.timeline import Timeline
from persx.model.clock import HOUR
from persx.model.health import Measure, Objective
from persx.model.pipeline import Pipeline, PipelineSource
from persx.model.workspace import Block, Industry, Workspace

NAMES = st.sampled_from(["", "a", "b"])
NUMBERS = st.integers(0, 1_000)
COUNTS = st.builds(
    Counts,
    decisions=st.dictionaries(st.tuples(NAMES, NAMES, NAMES), NUMBERS, max_size=4),
    pages=NUMBERS,
    errors=st.dictionaries(NAMES, NUMBERS, max_size=3),
    answered=NUMBERS,
    visitors=st.builds(Visitors, all=NUMBERS, known=st.dictionaries(NAMES, NUMBERS, max_size=3)),
)
SITE = Workspace(
    industries={"SaaS": Industry(), "Retail": Industry()},
    blocks={"hero": Block(name="hero", type="hero", content={})},
)


@given(COUNTS, COUNTS, COUNTS)
def test_counts_add_up_in_any_order(one: Counts, two: Counts, three: Counts) -> None:
    assert add([one, two]) == add([two, one])
    assert add([add([one, two]), three]) == add([one, add([two, three])]) == add([one, two, three])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Counts) == one


def test_every_measure_has_an_indicator_that_says_what_it_is() -> None:
    assert set(INDICATORS.names) == {each.value for each in Measure}
    for each in INDICATORS:
        assert each.title
        assert each.formula.endswith(".")
        assert each.numerator
        assert each.denominator


@pytest.mark.parametrize("name", INDICATORS.names)
def test_nothing_that_was_counted_is_nothing_that_is_told(name: str) -> None:
    for ratio in INDICATORS[name].read(Counts(), Known(now=0)).values():
        assert ratio.value is None


def reads(name: Measure, decisions: dict[tuple[str, str, str], int], **known: Any) -> Any:
    found = Known(now=0, workspace=SITE, **known)
    ratios = INDICATORS[name.value].read(Counts(decisions=decisions), found)
    return {subject: (each.numerator, each.denominator) for subject, each in ratios.items()}


def test_failures_are_told_by_block_and_industry_without_the_held_out() -> None:
    decisions = {
        ("hero", "SaaS", "targeted"): 90,
        ("hero", "SaaS", "error"): 6,
        ("hero", "SaaS", "invalid"): 4,
        ("hero", "SaaS", "holdout"): 10,
        ("hero", "", "unknown_visitor"): 50,
        ("gone", "SaaS", "error"): 5,
    }
    assert reads(Measure.VARIANT_FAILURES, decisions) == {
        "hero · SaaS": (10, 100), "hero · industry not known": (0, 50),
    }  # fmt: skip
    apart = INDICATORS["variant-failures"].apart(Counts(decisions=decisions))
    assert apart["held out"] == 10


def test_an_industry_falls_to_default_only_where_it_has_content() -> None:
    decisions = {
        ("hero", "SaaS", "targeted"): 3,
        ("hero", "SaaS", "no_match"): 7,
        ("hero", "SaaS", "holdout"): 9,
        ("hero", "SaaS", "no_consent"): 9,
        ("hero", "SaaS", "arm"): 9,
        ("hero", "Retail", "no_match"): 50,
    }
    timeline = Timeline(covered=(("hero", "SaaS"),))
    found = reads(Measure.INDUSTRY_FALLBACKS, decisions, timeline=timeline)
    assert found == {"hero · SaaS": (7, 10)}


def test_fallbacks_are_told_by_reason() -> None:
    decisions = {
        ("hero", "SaaS", "targeted"): 60,
        ("hero", "SaaS", "no_consent"): 10,
        ("hero", "", "unknown_visitor"): 30,
        ("hero", "", "holdout"): 100,
    }
    assert reads(Measure.FALLBACK_RATE, decisions) == {"": (40, 100)}
    apart = INDICATORS["fallback-rate"].apart(Counts(decisions=decisions))
    assert (apart["reason no_consent"], apart["reason unknown_visitor"]) == (10, 30)


def test_the_defaults_hold_and_a_workspace_changes_them_by_name() -> None:
    names = [each.name for each in objectives(None)]
    # Where nothing is recommended, nothing of it can be stale.
    assert len(names) == len(set(names)) == len(DEFAULT_OBJECTIVES) - 1
    popular = Pipeline(name="popular", sources=(PipelineSource(recommender="popularity"),))
    recommending = objectives(Workspace(pipelines={"popular": popular}))
    assert recommending == DEFAULT_OBJECTIVES
    own = {
        "latency": Objective(name="latency", measure=Measure.LATENCY, at_most=0.2),
        "lift": Objective(name="lift", measure=Measure.LIFT, off=True),
        "visitors": Objective(name="visitors", measure=Measure.VISITOR_RATE, at_least=0.5),
    }
    found = {each.name: each for each in objectives(Workspace(objectives=own))}
    assert found["latency"].target == 0.2
    assert "lift" not in found
    assert found["visitors"].measure is Measure.VISITOR_RATE
    assert all(INDICATORS[each.measure.value].evidence in Evidence for each in found.values())


@given(
    st.dates(date(2020, 1, 1), date(2035, 1, 1)),
    st.sampled_from(["UTC", "Europe/Vienna", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_days_leave_no_gap_where_clocks_change(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    begin, end = bounds(day.isoformat(), zone)
    assert bounds(back(day.isoformat(), -1), zone)[0] == end
    assert {day_of(begin, zone), day_of(end - 1, zone)} == {day.isoformat()}
    assert 23 * HOUR <= end - begin <= 25 * HOUR


def test_the_day_on_which_clocks_go_forward_has_23_hours_and_the_other_25() -> None:
    vienna = ZoneInfo("Europe/Vienna")
    lengths = {
        day: (bounds(day, vienna)[1] - bounds(day, vienna)[0]) // HOUR
        for day in ("2026-03-28", "2026-03-29", "2026-10-25")
    }
    assert lengths == {"2026-03-28": 24, "2026-03-29": 23, "2026-10-25": 25}
    # Half past two in the night of the change to winter comes twice, on one day.
    twice = [1_792_888_200_000 + n * HOUR for n in range(2)]
    assert {day_of(each, vienna) for each in twice} == {"2026-10-25"}
