"""Metrics that a workspace declares, from the log: times, cuts, covariates, money, guardrails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.app.services import Services
from persx.experiments.moments import Moments
from persx.experiments.readout import Guard, MetricReadout
from persx.experiments.statistics.ratios import Interval, mean_lift
from persx.experiments.statistics.sides import MomentPair
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.currency import Currency
from persx.model.event import EXPOSURE
from persx.model.metric import Metric
from persx.model.workspace import Arm, Experiment, Goal, HoldoutSettings, Settings, Workspace
from tests.experiments.test_live_report import Log, log, read, see

__all__ = ["log"]

Run = Callable[[Any], Any]

START = 1_672_527_600_000
"""Midnight of 2023-01-01 in Vienna."""

PURCHASE = Goal(name="purchase", event="Order Completed", value="revenue")


def workspace(*metrics: Metric, guardrails: tuple[str, ...] = (), **more: Any) -> Workspace:
    """A workspace whose holdout judges by these metrics, and by standard ones by name."""
    declared = {metric.name: metric for metric in metrics}
    names = tuple(name for name in declared if name not in guardrails)
    return Workspace(
        settings=Settings(
            holdout=HoldoutSettings(share=0.5, metrics=names, guardrails=guardrails),
            zone="Europe/Vienna",
            currency=more.pop("currency", ""),
        ),
        goals={"purchase": PURCHASE},
        metrics=declared,
        **more,
    )


def judged(services: Services, run: Run, log: Log, metric: str, served: Workspace) -> MetricReadout:
    log.publish(served)
    return read(services, run).arms["targeted"].metrics[metric]


def test_a_ratio_divides_sums_of_the_same_visitors(services: Services, run: Run, log: Log) -> None:
    for who, revenues in (("1", [10.0, 30.0]), ("2", [20.0]), ("3", [])):
        see(log, f"a:{who}", "targeted", START)
        for revenue in revenues:
            log("Order Completed", f"a:{who}", START + HOUR, revenue=revenue)
    value = Metric(name="order_value", kind="ratio", goal="purchase", per="purchase")
    found = judged(services, run, log, "order_value", workspace(value))
    assert (found.total, found.per, found.rate, found.n) == (60, 3, 20, 3)


def test_within_a_time_only_those_count_whose_time_is_over(
    services: Services, run: Run, log: Log
) -> None:
    now = services.clock()
    see(log, "a:old", "targeted", now - 10 * DAY)
    log("Order Completed", "a:old", now - 4 * DAY, revenue=1)
    log("Order Completed", "a:old", now - 2 * DAY, revenue=1)
    see(log, "a:new", "targeted", now - 6 * DAY)
    log("Order Completed", "a:new", now - 5 * DAY, revenue=1)
    week = Metric(name="orders_7d", kind="mean", goal="purchase", of="count", within="7d")
    found = judged(services, run, log, "orders_7d", workspace(week))
    assert (found.total, found.n) == (1, 1)
    assert read(services, run).arms["targeted"].n == 2


def test_standard_metrics_need_no_declaration(services: Services, run: Run, log: Log) -> None:
    served = workspace()
    holdout = HoldoutSettings(
        share=0.5,
        metrics=("bounce", "return_within_7_days", "time_on_page", "form_completion", "sign_up"),
    )
    log.publish(
        msgspec.structs.replace(
            served, settings=msgspec.structs.replace(served.settings, holdout=holdout)
        )
    )
    for who, pages in (
        ("gone", [0]),
        ("stays", [0, MINUTE]),
        ("returns", [0, 2 * DAY]),
        ("late", [0, HOUR, 8 * DAY]),
    ):
        see(log, f"a:{who}", "targeted", START)
        for after in pages:
            log("Home", f"a:{who}", START + after, type="page")
    log("Page Left", "a:gone", START + MINUTE, seconds=10)
    log("Page Left", "a:stays", START + MINUTE, seconds=20.5)
    log("Form Submitted", "a:stays", START + MINUTE, form="contact")
    log("Signed Up", "a:returns", START + 3 * DAY)
    found = read(services, run).arms["targeted"].metrics
    # Who comes back days later has bounced; an hour is no visit of half an hour either.
    assert (found["bounce"].total, found["bounce"].rate) == (3, 0.75)
    assert found["return_within_7_days"].total == 1
    assert (found["time_on_page"].rate, found["time_on_page"].per) == (15.25, 2)
    assert found["form_completion"].total == 1
    assert found["sign_up"].total == 1


def test_a_huge_order_is_cut_at_the_share_of_those_who_bought(
    services: Services, run: Run, log: Log
) -> None:
    for number in range(1, 21):
        see(log, f"a:{number}", "targeted" if number % 2 else "generic", START)
        revenue = 1e6 if number == 20 else float(number)
        log("Order Completed", f"a:{number}", START + 1, revenue=revenue)
    see(log, "a:none", "generic", START)
    cut = Metric(name="spent", kind="mean", goal="purchase", winsorise=0.9)
    log.publish(workspace(cut))
    arms = read(services, run).arms
    assert arms["targeted"].metrics["spent"].total == sum(range(1, 19, 2)) + 18
    assert arms["generic"].metrics["spent"].total == sum(range(2, 19, 2)) + 18
    assert arms["generic"].metrics["purchase.revenue"].total == sum(range(2, 19, 2)) + 1e6


def test_a_covariate_is_what_was_before_and_narrows_the_interval(
    services: Services, run: Run, log: Log
) -> None:
    random = np.random.default_rng(5)
    visitors: dict[str, list[tuple[float, float]]] = {"generic": [], "targeted": []}
    for number in range(120):
        arm = "targeted" if number % 2 else "generic"
        before = float(random.integers(5, 100))
        after = before + float(random.integers(0, 10)) + (5 if arm == "targeted" else 0)
        visitors[arm].append((after, before))
        log("Order Completed", f"a:{number}", START - 40 * DAY, revenue=1e4)
        log("Order Completed", f"a:{number}", START - DAY, revenue=before)
        see(log, f"a:{number}", arm, START)
        log("Order Completed", f"a:{number}", START + DAY, revenue=after)
    adjusted = Metric(name="adjusted", kind="mean", goal="purchase", covariate="28d")
    found = judged(services, run, log, "adjusted", workspace(adjusted))
    raw = judged(services, run, log, "purchase.revenue", workspace(adjusted))
    columns = {arm: Moments.of(*zip(*values, strict=True)) for arm, values in visitors.items()}
    expected = mean_lift(
        [MomentPair(columns["targeted"], columns["generic"])], interval=Interval.ALWAYS_VALID
    )
    assert (found.lift, found.low, found.high) == pytest.approx(
        (expected.lift, expected.low, expected.high), rel=1e-9
    )
    assert found.low is not None
    assert found.high is not None
    assert raw.low is not None
    assert raw.high is not None
    assert found.high - found.low < (raw.high - raw.low) / 4


def test_money_of_several_currencies_is_refused_or_converted_by_day(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", START - 10 * DAY)
    log("Order Completed", "a:1", START - 1, revenue=100, currency="USD")
    log("Order Completed", "a:1", START, revenue=100, currency="usd")
    log("Order Completed", "a:1", START, revenue=7, currency="EUR")
    log("Order Completed", "a:1", START, revenue=1)
    refused = judged(services, run, log, "purchase.revenue", workspace())
    assert (refused.total, refused.rate, refused.lift) == (None, None, None)
    assert "EUR" in refused.reason
    assert "USD" in refused.reason
    counted = judged(services, run, log, "purchase", workspace())
    assert counted.total == 1
    dollar = Currency(code="USD", rates={"2022-01-01": 0.5, "2023-01-01": 0.9})
    served = workspace(currency="EUR", currencies={"USD": dollar})
    found = judged(services, run, log, "purchase.revenue", served)
    assert found.total == 50 + 90 + 7 + 1
    unknown = Currency(code="USD", rates={"2023-01-01": 0.9})
    served = workspace(currency="EUR", currencies={"USD": unknown})
    found = judged(services, run, log, "purchase.revenue", served)
    assert found.total is None
    assert found.reason == "1 event in a currency of unknown worth on that day."


def test_one_currency_needs_no_table(services: Services, run: Run, log: Log) -> None:
    see(log, "a:1", "targeted", START)
    log("Order Completed", "a:1", START, revenue=100, currency="CHF")
    assert judged(services, run, log, "purchase.revenue", workspace()).total == 100


@pytest.mark.parametrize(
    ("targeted", "expected"), [(30, Guard.HARMED), (5, Guard.OPEN), (0, Guard.SAFE)]
)
def test_a_guardrail_says_whether_harm_is_done(
    services: Services, run: Run, log: Log, targeted: int, expected: Guard
) -> None:
    """Less is meant: of 200 visitors an arm, 5 unsubscribe with generic content."""
    for arm, reached in (("targeted", targeted), ("generic", 5 if targeted else 60)):
        for number in range(200):
            see(log, f"a:{arm}{number}", arm, START)
            if number < reached:
                log("Order Completed", f"a:{arm}{number}", START + 1)
    guard = Metric(name="complaints", goal="purchase", better="less", margin=0.1)
    found = judged(services, run, log, "complaints", workspace(guard, guardrails=("complaints",)))
    assert found.guard is expected


def test_a_goal_that_never_came_is_told_as_zeros_without_a_lift(
    services: Services, run: Run, log: Log
) -> None:
    for arm in ("targeted", "generic"):
        for number in range(20):
            see(log, f"a:{arm}{number}", arm, START)
    never = Metric(name="never", kind="ratio", goal="purchase", per="purchase", covariate="7d")
    found = judged(services, run, log, "never", workspace(never))
    assert (found.total, found.rate, found.lift, found.p) == (0, None, None, None)
    assert found.reason


def test_without_any_page_view_nobody_is_said_to_have_bounced(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", START)
    found = judged(services, run, log, "bounce", workspace(guardrails=("bounce",)))
    assert (found.total, found.rate, found.guard) == (None, None, None)
    assert "page_viewed" in found.reason


def test_where_nobody_saw_a_second_page_everybody_has_bounced(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", START)
    log("Home", "a:1", START, type="page")
    found = judged(services, run, log, "bounce", workspace(guardrails=("bounce",)))
    assert (found.total, found.rate) == (1, 1.0)
    assert "page_viewed" not in found.reason
    assert not [note for note in read(services, run).notes if "page_viewed" in note]


def test_an_outcome_that_arrives_late_is_counted_when_it_happened(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", START)
    log.join("1", "jane", START + DAY)
    assert judged(services, run, log, "purchase.revenue", workspace()).total == 0
    log("Order Completed", "u:jane", START + 30 * DAY, revenue=80)
    log("Order Completed", "u:jane", START - 30 * DAY, revenue=500)
    assert judged(services, run, log, "purchase.revenue", workspace()).total == 80


def test_what_is_planned_for_one_look_says_nothing_before_it(
    services: Services, run: Run, log: Log
) -> None:
    now = services.clock()
    for days, method, early in ((10, "always_valid", True), (30, "fixed", False)):
        key = f"planned-{days}"
        served = Workspace(
            goals={"purchase": PURCHASE},
            experiments={
                key: Experiment(
                    key=key, arms=(Arm(name="a"), Arm(name="b")), goals=("purchase",), horizon="28d"
                )
            },
        )
        log.publish(served)
        for number in range(400):
            arm = "ab"[number % 2]
            properties = {"experiment_id": key, "variation_id": arm}
            log(EXPOSURE, f"a:{key}-{number}", now - days * DAY, **properties)
            if number % 5 < 2:
                log("Order Completed", f"a:{key}-{number}", now - DAY)
        readout = read(services, run, key)
        assert readout.method.value == method
        assert readout.arms["b"].metrics["purchase"].low is not None
        assert bool(readout.pli[0].withheld) == early
        assert ("looked at once, 28 days after" in " ".join(readout.pli[0].withheld)) == early


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["see", "buy", "page", "seal"]),
        st.sampled_from("abc"),
        st.integers(0, 20),
        st.sampled_from(["targeted", "generic", "strange"]),
        st.integers(1, 2),
    ),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(EVENTS)
def test_sealing_changes_no_figure(
    make: Callable[[], Services], run: Run, events: list[tuple[Any, ...]]
) -> None:
    """What lies beside segments says the same as the events that it was drawn from."""
    told = []
    for sealed in (False, True):
        services = make()
        log = Log(services, run)
        log.publish(workspace(Metric(name="m", kind="mean", goal="purchase", covariate="1d")))
        for kind, who, at, arm, epoch in events:
            if kind == "see":
                see(log, f"a:{who}", arm, at, epoch=epoch, page=f"/{at}")
            elif kind == "seal" and sealed:
                run(services.warehouse.seal(segment_rows=3))
            elif kind != "seal":
                name = "Order Completed" if kind == "buy" else "Home"
                log(name, f"a:{who}", at, type="track" if kind == "buy" else "page", revenue=at)
        readout = read(services, run)
        told.append(msgspec.structs.replace(readout, as_of="", pli=[], segments={}))
        told.append({a: set(s) for a, s in readout.segments.items()})
    assert told[:2] == told[2:]
