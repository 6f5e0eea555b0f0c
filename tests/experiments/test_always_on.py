"""The always-on lift: intervals that may be looked at daily, segments, targets, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.experiments.groups import Group
from persx.experiments.moments import Moments
from persx.experiments.readout import (
    Method,
    MetricPlan,
    Observed,
    Readout,
    ReadoutPlan,
    Standing,
    read_out,
)
from persx.experiments.statistics.shares import always_valid_lift
from persx.model.clock import DAY
from persx.model.target import Target

PLAN = ReadoutPlan(
    experiment="holdout",
    source="live",
    control="generic",
    comparator="generic: default content everywhere",
    weights={"generic": 0.5, "targeted": 0.5},
    metrics=[
        MetricPlan(name="signup", kind="conversion"),
        MetricPlan(name="signup.value", kind="mean"),
    ],
    method=Method.ALWAYS_VALID,
    default_target=0.15,
)


def group(arm: str, n: int, signups: int, segment: str = "", **more: Any) -> Group:
    sums = {
        "signup": Moments(n=n, sums=(signups,), products=(signups,)),
        "signup.value": Moments(n=n, sums=(signups * 10.0,), products=(signups * 150.0,)),
    }
    attribute = more.pop("attribute", "industry" if segment else "")
    return Group(arm=arm, n=n, metrics=sums, attribute=attribute, segment=segment, **more)


def observe(*groups: Group, **fields: Any) -> Observed:
    return Observed(groups=groups, as_of=30 * DAY, **{"first_exposure": 0, **fields})


def both(control: tuple[int, int], arm: tuple[int, int], segment: str = "") -> list[Group]:
    return [
        group("generic", control[1], control[0], segment),
        group("targeted", arm[1], arm[0], segment),
    ]


def change(plan: ReadoutPlan = PLAN, **fields: Any) -> ReadoutPlan:
    return msgspec.structs.replace(plan, **fields)


def every_interval(found: Any) -> Iterator[dict[str, Any]]:
    """Yield everything in a readout that has an interval and a p-value, however deep."""
    if isinstance(found, dict):
        if {"low", "high", "p"} <= found.keys():
            yield found
        for each in found.values():
            yield from every_interval(each)
    elif isinstance(found, list):
        for each in found:
            yield from every_interval(each)


counts = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda c: (min(c), max(c)))


@given(
    st.lists(st.tuples(counts, counts, counts, counts), min_size=1, max_size=4),
    st.sampled_from(Method),
    st.sampled_from([0.8, 0.95, 0.99]),
)
@settings(max_examples=40, deadline=None)
def test_p_and_interval_agree_everywhere(
    segments: list[Any], method: Method, confidence: float
) -> None:
    plan = change(
        method=method,
        confidence=confidence,
        weights={"generic": 1, "one": 1, "two": 1, "targeted": 1},
        layers=["generic", "one", "two", "targeted"],
        single=["generic", "one"],
        source="import",
    )
    groups = [
        group(arm, n, conversions, segment)
        for place, four in enumerate(segments)
        for segment in ("", f"s{place}")
        for arm, (conversions, n) in zip(plan.weights, four, strict=True)
    ]
    readout = read_out(plan, observe(*groups))
    found = list(every_interval(msgspec.to_builtins(readout)))
    assert found
    for each in found:
        if each["low"] is not None:
            excludes = each["low"] > 0 or (each["high"] is not None and each["high"] < 0)
            assert excludes == (each["p"] < 1 - confidence), each
        if "found" in each:
            assert each["found"] == (each["p"] < 1 - confidence)


def test_who_looks_every_day_gets_intervals_that_hold() -> None:
    groups = both((500, 10_000), (580, 10_000))
    daily, once = (
        read_out(change(method=method), observe(*groups)) for method in Method
    )  # fmt: skip
    expected = always_valid_lift(580, 10_000, 500, 10_000)
    found = daily.arms["targeted"].metrics["signup"]
    assert (found.lift, found.low, found.high, found.p) == (
        expected.lift, expected.low, expected.high, expected.p,
    )  # fmt: skip
    assert (daily.method, once.method) == (Method.ALWAYS_VALID, Method.FIXED)
    narrow = once.arms["targeted"].metrics["signup"]
    assert found.low is not None
    assert narrow.low is not None
    assert found.low < narrow.low
    assert (found.method, narrow.method) == ("share of conversions", "score")
    assert daily.arms["targeted"].metrics["signup.value"].method.startswith("always-valid")


def test_a_difference_agrees_with_the_lift_about_0() -> None:
    readout = read_out(PLAN, observe(*both((500, 10_000), (700, 10_000))))
    (pli,) = readout.pli
    assert pli.difference
    assert pli.difference.value == pytest.approx(0.02)
    assert pli.difference.low is not None
    assert pli.low is not None
    assert pli.difference.low == pytest.approx(pli.low * 0.05)
    assert (pli.as_of, pli.snapshot) == (readout.as_of, readout.snapshot)


def segmented() -> Readout:
    return read_out(
        PLAN,
        observe(
            *both((600, 12_000), (690, 12_000)),
            *both((500, 10_000), (560, 10_000), "large"),
            *both((60, 1_200), (66, 1_200), "middle"),
            *both((12, 300), (30, 300), "small"),
            *both((0, 0), (0, 3), "tiny"),
        ),
    )


def test_segments_are_raw_adjusted_and_pooled() -> None:
    found = segmented().segments["industry"]
    small = found["small"].arms["targeted"].metrics["signup"]
    assert small.adjusted
    assert small.pooled
    assert small.low is not None
    assert small.adjusted.low is not None
    assert small.pooled.lift is not None
    assert small.adjusted.low < small.low
    assert small.lift == pytest.approx(1.5)
    assert 0 < small.pooled.lift < small.lift / 2
    (pli,) = found["small"].pli
    assert (pli.lift, pli.adjusted, pli.pooled) == (small.lift, small.adjusted, small.pooled)
    assert (pli.total, pli.n, pli.control_total, pli.control_n) == (30, 300, 12, 300)
    tiny = found["tiny"].arms["targeted"].metrics["signup"]
    assert tiny.adjusted is tiny.pooled is None
    assert found["tiny"].pli[0].withheld


def test_one_segment_alone_has_nothing_to_learn_from() -> None:
    readout = read_out(PLAN, observe(*both((50, 900), (70, 900), "only")))
    assert readout.segments["industry"]["only"].arms["targeted"].metrics["signup"].pooled is None


def test_each_segment_is_checked_for_lost_visitors() -> None:
    """Phones lose an arm's visitors; the other device makes up for it in the sum."""
    devices = [
        group("generic", 5_000, 250, "phone", attribute="device"),
        group("targeted", 4_000, 230, "phone", attribute="device"),
        group("generic", 5_000, 250, "desktop", attribute="device"),
        group("targeted", 5_050, 260, "desktop", attribute="device"),
    ]
    for method in Method:
        readout = read_out(
            change(method=method), observe(*both((500, 10_000), (490, 9_950)), *devices)
        )
        assert not readout.srm.mismatch
        found = readout.segments["device"]
        assert found["phone"].srm.mismatch
        assert not found["desktop"].srm.mismatch
        assert "Among these visitors" in found["phone"].pli[0].withheld[0]
        assert not found["desktop"].pli[0].withheld
        assert [note for note in readout.notes if "'phone'" in note]
        assert not [note for note in readout.notes if "'desktop'" in note]


def test_nothing_is_quoted_where_consent_differs() -> None:
    groups = both((500, 10_000), (700, 10_000))
    alike = read_out(PLAN, observe(*groups, withdrawn={"generic": 50, "targeted": 60}))
    assert not alike.consent.differs
    assert not alike.pli[0].withheld
    assert any("took a consent back" in note for note in alike.notes)
    readout = read_out(PLAN, observe(*groups, withdrawn={"generic": 20, "targeted": 200}))
    assert readout.consent.differs
    assert "consent" in readout.pli[0].withheld[0]
    assert readout.pli[0].standing is Standing.OPEN
    assert readout.arms["targeted"].metrics["signup"].standing is Standing.OPEN


@pytest.mark.parametrize(
    ("arm", "standing"),
    [(900, Standing.REACHED), (650, Standing.OPEN), (420, Standing.NOT_REACHED)],
)
def test_a_target_is_reached_or_not_or_open(arm: int, standing: Standing) -> None:
    readout = read_out(PLAN, observe(*both((500, 10_000), (arm, 10_000))))
    assert (readout.pli[0].target, readout.pli[0].standing) == (0.15, standing)
    other = readout.arms["targeted"].metrics["signup.value"]
    assert (other.target, other.standing) == (None, None)


def test_targets_differ_by_metric_and_industry() -> None:
    plan = change(
        targets=[
            Target(name="all", lift=0.2),
            Target(name="slow", lift=0.02, industries=("large",)),
            Target(name="money", metric="signup.value", lift=0.5),
        ]
    )
    readout = read_out(
        plan,
        observe(
            *both((600, 12_000), (1_200, 12_000)),
            *both((500, 10_000), (1_100, 10_000), "large"),
            *both((100, 2_000), (100, 2_000), "small"),
        ),
    )
    industries = readout.segments["industry"]
    assert readout.pli[0].target == 0.2
    assert readout.arms["targeted"].metrics["signup.value"].target == 0.5
    assert (industries["large"].pli[0].target, industries["small"].pli[0].target) == (0.02, 0.2)
    assert industries["large"].pli[0].standing is Standing.REACHED
    assert industries["small"].pli[0].standing is Standing.OPEN


LAYERED = change(
    control="generic",
    weights={"generic": 1, "industry": 1, "behaviour": 1},
    layers=["generic", "industry", "behaviour"],
)


def test_each_layer_is_compared_with_the_one_before() -> None:
    readout = read_out(
        LAYERED,
        observe(
            group("generic", 10_000, 500),
            group("industry", 10_000, 800),
            group("behaviour", 10_000, 820),
        ),
    )
    first, second = readout.layers
    assert (first.arm, first.over) == ("industry", "generic")
    assert (second.arm, second.over) == ("behaviour", "industry")
    assert second.metrics["signup"].lift == pytest.approx(0.025)
    assert second.metrics["signup"].p == always_valid_lift(820, 10_000, 800, 10_000).p
    few = read_out(LAYERED, observe(group("generic", 10, 5), group("industry", 10, 8)))
    assert all(layer.withheld and not layer.metrics for layer in few.layers)


def test_the_best_single_content_must_be_beaten() -> None:
    plan = change(
        control="none",
        weights={"none": 1, "mens": 1, "womens": 1, "targeted": 1},
        single=["none", "mens", "womens"],
    )
    groups = [
        group("none", 10_000, 500), group("mens", 10_000, 900),
        group("womens", 10_000, 700), group("targeted", 10_000, 905),
    ]  # fmt: skip
    readout = read_out(plan, observe(*groups))
    (found,) = readout.best_single
    assert (found.arm, found.best, found.among) == ("targeted", "mens", ["none", "mens", "womens"])
    assert found.lift == pytest.approx(905 / 900 - 1)
    assert found.p is not None
    assert found.p > 0.05
    assert readout.pli[-1].lift == pytest.approx(0.81)
    better = read_out(plan, observe(*groups[:3], group("targeted", 10_000, 1_300)))
    assert better.best_single[0].low is not None
    assert better.best_single[0].low > 0
    worse = read_out(plan, observe(*groups[:3], group("targeted", 10_000, 600)))
    assert worse.best_single[0].high is not None
    assert worse.best_single[0].high < 0
    mixed = read_out(change(plan, single=["none", "mens"]), observe(*groups))
    assert [each.arm for each in mixed.best_single] == ["womens", "targeted"]


def test_no_best_single_while_one_of_them_has_too_few() -> None:
    plan = change(weights={"generic": 1, "b": 1, "targeted": 1}, single=["generic", "b"])
    readout = read_out(
        plan,
        observe(group("generic", 900, 90), group("b", 900, 90), group("targeted", 900, 0)),
    )
    assert readout.best_single[0].lift is not None
    lost = read_out(plan, observe(group("generic", 900, 90), group("targeted", 900, 100)))
    assert any("planned shares" in each or "“b”" in each for each in lost.best_single[0].withheld)
