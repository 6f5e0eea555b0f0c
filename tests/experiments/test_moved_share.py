"""A moved share of the holdout: another epoch, whose visitor counts fit, and nobody is let go."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.experiments.live import live_epoch, live_experiments
from persx.experiments.readout import Readout
from persx.model.attribute import Attribute
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.experiment import Arm, Experiment
from persx.model.learning import LearnSettings, learning_key
from persx.model.visitor import Profile
from persx.model.workspace import (
    HOLDOUT,
    Block,
    Goal,
    HoldoutSettings,
    Page,
    Policy,
    Settings,
    Snapshot,
    Variant,
    Workspace,
)
from persx.testing import see
from persx.web.collect import routes

Run = Callable[[Any], Any]
DAY = 86_400_000
NOW = 1_700_000_000_000


def workspace(share: float) -> Workspace:
    def block(name: str, **fields: Any) -> Block:
        return Block(
            name=name,
            type="cta",
            content={"headline": "Default", "label": "Go", "href": "/"},
            variants=(Variant(name="own", content={"headline": name}),),
            **fields,
        )

    learn = LearnSettings(goal="order", epoch=4)
    return Workspace(
        settings=Settings(holdout=HoldoutSettings(share=share)),
        attributes={"industry": Attribute(name="industry")},
        goals={"order": Goal(name="order", event="Order Completed")},
        blocks={
            "hero": block("hero", holdout=0.2),
            "side": block("side", policy=Policy.LEARN, learn=learn),
        },
        pages={"home": Page(name="home", path="/", title="Home", blocks=("hero", "side"))},
        experiments={
            "test": Experiment(key="test", arms=(Arm(name="a"), Arm(name="b")), epoch=3),
            "done": Experiment(
                key="done", arms=(Arm(name="a"), Arm(name="b")), epoch=2, status="stopped"
            ),
        },
    )


class Site:
    """Publishes a share, and lets visitors come as the engine decides for them."""

    def __init__(self, services: Services, run: Run) -> None:
        self.services, self.run = services, run
        self.messages = count(1)

    def publish(self, share: float) -> None:
        made = Snapshot(
            number=0, digest="", published=0, author="", message="", workspace=workspace(share)
        )
        self.run(self.services.store.publish(made))
        self.plan = compile_snapshot(made)

    def come(self, visitors: range, at: int) -> set[str]:
        """Return who of them is held out."""
        held, events = set(), []
        for number in visitors:
            who = f"a:{number}"
            page = self.plan.pages["home"]
            found = decide(self.plan, page, Profile(bucketing_id=who), {}, at)
            assigned = next(each for each in found.assignments if each.experiment == HOLDOUT)
            assert assigned.eligible
            if assigned.arm == "generic":
                held.add(who)
            told = {"variation_id": assigned.arm, "epoch": assigned.epoch, "unit": who}
            events.append(self.event(EXPOSURE, number, at, experiment_id=HOLDOUT, **told))
            if number % 5 == 0:
                events.append(self.event("Order Completed", number, at + 1))
        self.run(self.services.stream.append(events))
        return held

    def event(self, name: str, number: int, at: int, **properties: Any) -> Event:
        return Event(
            type=EventType.TRACK,
            name=name,
            message_id=str(next(self.messages)),
            anonymous_id=str(number),
            timestamp=at,
            received=NOW,
            properties=properties,
        )

    def report(self, *, fixed: bool = False) -> Readout:
        found = self.run(report(self.services, ReportRequest(name=HOLDOUT, fixed=fixed)))
        assert isinstance(found, Readout)
        return found


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(("before", "after"), [(0.1, 0.5), (0.5, 0.1)])
def test_visitor_counts_fit_the_share_that_holds(
    services: Services, run: Run, before: float, after: float, fixed: bool
) -> None:
    site = Site(services, run)
    site.publish(before)
    site.come(range(3_000), NOW - 20 * DAY)
    assert not site.report(fixed=fixed).srm.mismatch
    site.publish(after)
    # Nobody has come since: nothing to compare, and nothing that does not fit.
    assert not site.report(fixed=fixed).srm.mismatch
    site.come(range(3_000, 6_000), NOW - 10 * DAY)
    found = site.report(fixed=fixed)
    assert not found.srm.mismatch
    assert sum(found.srm.expected.values()) == pytest.approx(3_000)
    assert len(found.epochs) == 2
    assert [each.withheld for each in found.pli] == [[]]
    assert found.pli[0].lift == pytest.approx(0, abs=0.2)


def test_who_was_moved_by_the_share_is_no_contamination(services: Services, run: Run) -> None:
    site = Site(services, run)
    for share, at in ((0.1, 20), (0.5, 10)):
        site.publish(share)
        site.come(range(3_000), NOW - at * DAY)
    found = site.report()
    assert (found.visitors, found.contaminated) == (3_000, 0)
    assert found.pli[0].lift is not None


def test_moved_back_the_old_epoch_goes_on(services: Services, run: Run) -> None:
    site = Site(services, run)
    for share, who in ((0.1, range(500)), (0.4, range(500, 900)), (0.1, range(900, 2_000))):
        site.publish(share)
        site.come(who, NOW - 10 * DAY)
    found = site.report()
    assert len(found.epochs) == 2
    assert sum(found.srm.expected.values()) == pytest.approx(1_600)


def test_a_larger_share_lets_nobody_go(services: Services, run: Run) -> None:
    site = Site(services, run)
    held = []
    for share in (0.05, 0.1, 0.35, 0.9):
        site.publish(share)
        held.append(site.come(range(1_000), NOW))
    assert held == sorted(held, key=len)
    assert all(few < many for few, many in pairwise(held))


def test_what_decisions_log_is_what_reports_call_the_current_epoch() -> None:
    made = Snapshot(
        number=1, digest="", published=0, author="", message="", workspace=workspace(0.3)
    )
    plan = compile_snapshot(made)
    assert plan.holdout is not None
    assert plan.holdout.epoch == live_epoch(made.workspace, HOLDOUT)
    assert plan.experiments["holdout:hero"].epoch == live_epoch(made.workspace, "holdout:hero")


def test_an_exposure_without_an_epoch_gets_the_one_that_runs(services: Services, run: Run) -> None:
    Site(services, run).publish(0.3)
    run(services.refresh())
    current = services.publication.plan
    assert current is not None
    keys = [*live_experiments(current.workspace), "nothing"]
    batch = [
        {
            "type": "track",
            "event": EXPOSURE,
            "anonymousId": "v",
            "messageId": f"{key}{more}",
            "properties": {"experiment_id": key, "variation_id": "a", **more},
        }
        for key in keys
        for more in ({}, {"epoch": 7})
    ]
    app = Starlette(routes=routes())
    app.state.services = services

    async def post() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            sent = await client.post("/v1/batch", json={"batch": batch}, auth=("w", ""))
            return sent.status_code

    assert run(post()) == 200
    found: dict[str, list[Any]] = {}
    for event in run(see(services.stream).read(limit=100)):
        properties = event.properties
        found.setdefault(properties["experiment_id"], []).append(properties.get("epoch"))
    assert found == {
        HOLDOUT: [300_000, 7],
        "holdout:hero": [200_000, 7],
        "test": [3, 7],
        "done": [2, 7],
        learning_key("side"): [4, 7],
        "nothing": [None, 7],
    }
