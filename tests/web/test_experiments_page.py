"""All experiments in the studio: nobody waits, what is harmed stands first, names stay text."""

from __future__ import annotations

from typing import Any

import pytest

from persx.app.access import make_link
from persx.app.all_experiments import ExperimentsRequest, all_experiments
from persx.app.refreshing import Refreshing
from persx.experiments.guardrails import guardrails
from persx.experiments.overview import ExperimentLine, Listed, line
from persx.experiments.readout import (
    Guard,
    MetricPlan,
    Observed,
    Readout,
    ReadoutPlan,
    read_out,
)
from persx.model.clock import DAY
from persx.model.event import Event, EventType
from persx.web.admin.experiments import experiments_view
from persx.web.html import page
from persx.web.report_page import render_report, report_page
from tests.web.test_studio_figures import a_group

HOSTILE = '"><script>alert(1)</script>'


def a_readout(returned: int = 300, *, refused: str = "", days: int = 30) -> Readout:
    """1,000 of 10,000 bought in one arm and 1,200 in the other, and sent orders back."""
    groups = [
        a_group("old", 10_000, bought=1_000, returned=100, spent=2_000),
        a_group("new", 10_000, bought=1_200, returned=returned, spent=3_000),
    ]
    plan = ReadoutPlan(
        experiment="checkout",
        source="live",
        control="old",
        comparator="the arm “old”",
        weights={"old": 1, "new": 1},
        metrics=[
            MetricPlan(name="bought", kind="conversion", label="Bought"),
            MetricPlan(
                name="returned", kind="conversion", label="Sent back", better="less", margin=0.02
            ),
            MetricPlan(name="value", kind="ratio", label="Order value"),
        ],
    )
    refusals = {"value": refused} if refused else {}
    return read_out(
        plan,
        Observed(groups=groups, as_of=days * DAY, first_exposure=0, refused=refusals),
    )


def a_line(name: str = "checkout", readout: Readout | None = None, **more: Any) -> ExperimentLine:
    what: dict[str, Any] = {"kind": "experiment", "compares": "new against old"} | more
    return line(Listed(name=name, **{"status": "running", **what}), readout)


def test_what_is_harmed_is_said_first_and_in_words() -> None:
    harmed, fine = a_readout(returned=300), a_readout(returned=40)
    view = experiments_view("Site", [a_line("fine", fine), a_line("bad", harmed)])
    assert view.harmed == ("bad",)
    (group,) = view.groups
    bad, good = group.experiments
    assert (bad.name, good.name) == ("bad", "fine")
    assert bad.harmed[0].startswith("Sent back, new: +200.0%")
    assert good.watched == "1 guardrail watched, none harmed"
    (arm,) = good.arms
    assert (arm.lift, arm.verdict) == ("+20.0%", "better")
    assert arm.mark is not None


def test_what_has_no_figure_says_why() -> None:
    lines = [
        a_line("early", a_readout(days=2)),
        a_line("unread"),
        line(
            Listed(name="broken", kind="imported", compares="b against a", status="imported"),
            problem="The file is gone.",
        ),
    ]
    view = experiments_view("Site", lines)
    running, files = view.groups
    early, unread = running.experiments
    assert "A whole week has not passed" in early.arms[0].withheld
    assert (unread.reading, view.reading) == (True, 1)
    assert (files.experiments[0].note, files.experiments[0].reading) == ("The file is gone.", False)


def test_a_page_without_experiments_tells_how_to_begin() -> None:
    view = experiments_view("Site", [])
    shown = page("admin/experiments.html", view, 200, studio=None).body
    assert b"There are no experiments yet" in shown


def test_names_stay_text() -> None:
    found = a_line(HOSTILE, a_readout(), compares=HOSTILE, winner=HOSTILE, status="stopped")
    view = experiments_view("Site", [found])
    shown = bytes(page("admin/experiments.html", view, 200, studio=None).body).decode()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


def test_guardrails_stand_beside_the_headline_of_a_report() -> None:
    readout = a_readout(returned=300)
    assert [each.guard for each in guardrails(readout)] == [Guard.HARMED]
    found = report_page(readout)
    assert found.cards[0].harmed == ["Sent back +200.0% " + found.guardrails[0].figure[8:]]
    assert [each.state for each in found.guardrails] == ["harmed"]
    shown = render_report(readout)
    assert shown.index("Guardrail harmed") < shown.index('id="all"')
    assert [each.said for each in report_page(a_readout(returned=40)).guardrails] == [
        "safe (no loss of 2%)"
    ]


def test_a_ratio_shows_what_is_divided_and_a_refused_one_why() -> None:
    tables = {each.title: each for each in report_page(a_readout()).overall}
    new = tables["Order value"].rows[1]
    assert (new.rate, new.detail) == ("2.5", "3,000 by 1,200")
    reason = "Values in several currencies do not add up."
    refused = report_page(a_readout(refused=reason))
    new = {each.title: each for each in refused.overall}["Order value"].rows[1]
    assert (new.rate, new.detail, new.lift, new.reason) == ("–", "", "–", reason)
    assert reason in render_report(a_readout(refused=reason))


@pytest.mark.anyio
async def test_the_page_waits_for_no_reading(client: Any, services: Any) -> None:
    await client.get(await make_link(services))

    class Broken:
        def seen_by(self, _scope: Any) -> Any:
            raise OSError("the disk is gone")

    working, services.warehouse = services.warehouse, Broken()
    shown = await client.get("/admin/experiments")
    services.warehouse = working
    assert shown.status_code == 200
    assert "Being read." in shown.text
    assert "Look again" in shown.text
    assert "holdout" in services.readings.asked
    await Refreshing(services).look()
    shown = await client.get("/admin/experiments")
    assert "Being read." not in shown.text
    assert "/admin/report/holdout" in shown.text
    assert "As of 20" in shown.text
    assert not (await all_experiments(services, ExperimentsRequest())).unread


@pytest.mark.anyio
async def test_old_figures_are_shown_and_read_again(client: Any, services: Any) -> None:
    await client.get(await make_link(services))
    services.readings.asked["holdout"] = services.clock()
    await Refreshing(services).look()
    event = Event(
        type=EventType.TRACK,
        message_id="new",
        anonymous_id="somebody",
        name="Came",
        timestamp=services.clock(),
        received=services.clock(),
    )
    await services.stream.append([event])
    later = services.clock() + 3 * DAY
    services.clock = lambda: later
    listed = await all_experiments(services, ExperimentsRequest())
    assert "holdout" in listed.unread, "It is older than an hour, and something came since."
    listed = await all_experiments(services, ExperimentsRequest(oldest=None))
    assert "holdout" not in listed.unread
    await client.get(await make_link(services))
    assert (await client.get("/admin/experiments")).status_code == 200
    assert services.readings.asked["holdout"] == later
    await Refreshing(services).look()
    assert "holdout" not in (await all_experiments(services, ExperimentsRequest())).unread
