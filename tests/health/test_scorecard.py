"""The scorecard: what can be known is known, and what cannot says why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from persx.app.health_gathering import behaviour_layers
from persx.app.health_record import note_review
from persx.app.looking import look
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.health.counts import Counts, Visitors
from persx.health.indicator import Known, Lift
from persx.health.review.figures import Figure, change
from persx.health.review.periods import read_period
from persx.health.review.review import Review
from persx.health.scorecard import Criterion, Evidence, LayerLift, Verdict, scorecard
from persx.health.timeline import PageLife, Timeline
from persx.model.attribute import Attribute, Source, ValueType
from persx.model.clock import DAY, HOUR
from persx.model.experiment import Arm, Experiment, Strategy
from persx.model.probe import ProbeCell, ProbeCheck, ProbeReport
from persx.model.workspace import Industry, Workspace
from tests.health.conftest import Place

NOW = 400 * DAY
MET, MISSED, UNKNOWN = Verdict.MET, Verdict.MISSED, Verdict.UNKNOWN


def card(number: int, **told: Any) -> Criterion:
    given = {"known": Known(now=NOW), "month": Counts(), "snapshot": 3, **told}
    return scorecard(Evidence(**given))[number - 1]


def walk(*faults: str, **told: Any) -> ProbeReport:
    cells = [
        ProbeCell(visitor="SaaS", page=f"p{n}", path=f"/p{n}", status=200, milliseconds=1.0,
                  faults=(fault,) if fault else ())
        for n, fault in enumerate(faults)
    ]  # fmt: skip
    given = {"at": NOW - HOUR, "url": "http://x", "snapshot": 3, "cells": tuple(cells), **told}
    return ProbeReport(**given)


def test_every_criterion_has_a_formula_and_a_window_and_none_is_met_without_data() -> None:
    cards = scorecard(Evidence(known=Known(now=NOW), month=Counts()))
    assert [each.number for each in cards] == list(range(1, 13))
    assert all(each.formula and each.window and each.found for each in cards)
    assert {each.verdict for each in cards} == {UNKNOWN}


def test_a_few_visitors_are_no_rate() -> None:
    def month(n: int) -> Counts:
        return Counts(visitors=Visitors(known={"SaaS": n}, reached={"SaaS": n}))

    assert card(1, month=month(19)).verdict is UNKNOWN
    assert card(1, month=month(20)).verdict is MET
    missed = Counts(visitors=Visitors(known={"SaaS": 100}, reached={"SaaS": 79}))
    assert card(1, month=missed).verdict is MISSED


def test_an_industry_that_nobody_came_from_is_not_above_15_percent() -> None:
    good = Lift(lift=0.4, low=0.2, high=0.6)
    both = Workspace(industries={name: Industry(name=name) for name in ("a", "b")})
    found = card(2, known=Known(now=NOW, workspace=both, lifts={"a": good}))
    assert (found.verdict, found.found) == (UNKNOWN, "No figure yet: b.")
    every = Known(now=NOW, workspace=both, lifts={"a": good, "b": good})
    assert card(2, known=every).verdict is MET


@pytest.mark.parametrize(
    ("report", "verdict", "told"),
    [
        (None, UNKNOWN, "not walked the site yet"),
        (walk("", ""), MET, "All 2: 2 visits and 0 requests"),
        (walk("", "It is broken."), MISSED, "1 of 2 failed, the first: SaaS × p1"),
        (walk("", checks=(ProbeCheck(asked="/none", promised="404", fault="200."),)), MISSED,
         "1 of 2 failed, the first: /none"),
        (walk("", snapshot=2), UNKNOWN, "saw snapshot 2, snapshot 3 is served"),
        (walk("", at=NOW - 8 * DAY), UNKNOWN, "was 8 days ago"),
        (walk(problem="Nobody answers."), UNKNOWN, "could not walk the site: Nobody answers."),
        (walk(), UNKNOWN, "no page"),
    ],
)  # fmt: skip
def test_the_probes_are_the_tests(report: ProbeReport | None, verdict: Verdict, told: str) -> None:
    found = card(6, walk=report)
    assert found.verdict is verdict
    assert told in found.found


def month(now: Figure, earlier: Figure) -> Review:
    return Review(
        site="x", period=read_period("2026-10", "UTC"), made=NOW, over=True, snapshot=1,
        metric="m", recent="", everybody=now, earlier=earlier, change=change(now, earlier),
    )  # fmt: skip


def test_months_are_compared_by_who_entered_in_them_and_chance_is_no_rise() -> None:
    high, low = Figure(lift=0.5, low=0.4, high=0.6), Figure(lift=0.1, low=0.0, high=0.2)
    wide = Figure(lift=0.45, low=0.0, high=1.0)
    assert card(8, review=None).verdict is UNKNOWN
    assert card(8, review=month(high, low)).verdict is MET
    assert card(8, review=month(low, high)).verdict is MISSED
    assert card(8, review=month(high, wide)).verdict is UNKNOWN
    assert (
        "+45.0% → +50.0% (October 2026). May be chance" in card(8, review=month(high, wide)).found
    )
    early = card(8, review=month(high, Figure(why=("Too few conversions.",))))
    assert (early.verdict, "no figure before. Too few" in early.found) == (UNKNOWN, True)


def test_behaviour_is_better_where_an_interval_says_so() -> None:
    def layer(low: float, high: float) -> LayerLift:
        return LayerLift(
            experiment="e", arm="b", over="i", lift=(low + high) / 2, low=low, high=high
        )

    assert card(11, layers=[layer(0.01, 0.2)]).verdict is MET
    assert card(11, layers=[layer(-0.01, 0.2)]).verdict is UNKNOWN
    assert card(11, layers=[layer(0.01, 0.2), layer(-0.3, -0.1)]).verdict is MISSED
    few = LayerLift(experiment="e", arm="b", over="i", withheld="Too few conversions.")
    assert card(11, layers=[few]).found == "e: Too few conversions."


def test_a_page_without_has_waited_so_far() -> None:
    def known(*lives: PageLife) -> Known:
        pages = {str(n): life for n, life in enumerate(lives)}
        return Known(now=NOW, timeline=Timeline(began=1, pages=pages))

    slow = PageLife(NOW - 200 * DAY, NOW - 190 * DAY)
    assert card(12, known=known(slow, PageLife(NOW - 50 * DAY, NOW - 48 * DAY))).verdict is MET
    waits = card(12, known=known(slow, PageLife(NOW - 50 * DAY, 0)))
    assert (waits.verdict, waits.found) == (MISSED, "10.0 days → 50.0 days.")


def test_experiments_whose_arms_differ_by_behaviour_are_found() -> None:
    attributes = {
        name: Attribute(name=name, type=ValueType.STRING, source=source)
        for name, source in (
            ("industry", Source.DECLARED), ("goals", Source.DECLARED), ("visits", Source.COMPUTED),
        )
    }  # fmt: skip
    strategies = {
        name: Strategy(name=name, attributes=attributes)
        for name, attributes in (
            ("who", ("industry",)),
            ("wants", ("industry", "goals")),
            ("does", ("industry", "visits")),
        )
    }  # fmt: skip

    def arms(*shown: str) -> Experiment:
        return Experiment(arms=tuple(Arm(name=f"arm-{show}", show=show) for show in shown))

    workspace = Workspace(
        attributes=attributes,
        strategies=strategies,
        experiments={
            "layers": arms("default", "who", "does"),
            "wishes": arms("default", "who", "wants"),
            "all": arms("who", "targeted"),
        },
    )
    assert behaviour_layers(workspace) == [("layers", "arm-does", "arm-who")]


@pytest.mark.anyio
async def test_weeks_are_the_sites_and_this_one_is_not_over(
    services: Services, place: Place
) -> None:
    """Somebody looks on Mondays at half past midnight in Tokyo, which is Sunday elsewhere."""
    drafts = await services.store.drafts()
    files = {path: each.text for path, each in drafts.items()}
    base = {path: each.digest for path, each in drafts.items()}
    (path,) = (each for each in files if each.endswith("settings.yaml"))
    lines = [line for line in files[path].splitlines() if not line.startswith("zone:")]
    text = "\n".join(["zone: Asia/Tokyo", *lines]) + "\n"
    await push(services, PushRequest(files={**files, path: text}, base=base))
    await publish(services, PublishRequest())
    await services.refresh()
    monday = 1_795_359_600_000 + HOUR // 2
    """2026-11-23 00:30 in Tokyo."""
    verdicts = []
    for week in range(6):
        place.now = monday + week * 7 * DAY
        await note_review(services)
        verdicts.append((await look(services)).criteria[6].verdict)
    assert verdicts == [UNKNOWN] * 4 + [MET] * 2
    place.later(7 * DAY)
    assert (await look(services)).criteria[6].verdict is MET, "this week has only begun"
    place.later(7 * DAY)
    missed = (await look(services)).criteria[6]
    assert (missed.verdict, "3 of the last 4" in missed.found) == (MISSED, True)


@pytest.mark.anyio
async def test_the_walk_of_the_probes_is_read_from_the_home(
    services: Services, place: Place
) -> None:
    report = walk("", "", at=place.now, snapshot=services.publication.number)
    await services.store.set_value("probe:last", msgspec.json.encode(report))
    found = (await look(services)).criteria[5]
    assert (found.verdict, found.found) == (
        MET, "All 2: 2 visits and 0 requests for what is missing."
    )  # fmt: skip
