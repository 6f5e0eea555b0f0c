"""Bad data of experiments, sent over HTTP: a stated result, or a refusal that says why."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import msgspec
import pytest

from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.experiments.readout import Readout
from persx.model.errors import InvalidWorkspace
from persx.model.event import EXPOSURE
from persx.testing import see
from persx.web.server import create_app
from tests.staff import enter

Run = Callable[[Any], Any]
NOW = 1_700_000_000_000
SECOND, DAY = 1_000, 86_400_000
YEAR = 365 * DAY
START = NOW - 20 * DAY

FILES = {
    "settings.yaml": "{name: Edges, holdout: {share: 0.5, goals: [purchase, spend, never]}}",
    "goals.yaml": (
        "purchase: {event: Order Completed, value: revenue}\n"
        "spend: {event: Spent, value: amount}\n"
        "never: {event: Never Happened, value: amount}\n"
    ),
    "blocks/hero.yaml": (
        "type: cta\n"
        "content: {headline: Default, label: Go, href: /}\n"
        "variants: {own: {content: {headline: Own}}}\n"
    ),
    "pages/home.yaml": "{path: /, title: Home, blocks: [hero]}",
    "experiments/test.yaml": (
        "blocks: [hero]\n"
        "goals: [purchase]\n"
        "arms:\n"
        "  control: {show: default}\n"
        "  treatment: {show: targeted}\n"
        "  closed: {show: own, weight: 0}\n"
    ),
}


class Edge:
    """A site on which visitors of an experiment behave badly; all of it goes over HTTP."""

    def __init__(self, services: Services, run: Run) -> None:
        self.services, self.run = services, run
        self.messages = count(1)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(services, command_token="for-tests")),
            base_url="http://site.test",
        )
        self.publish(FILES)

    def publish(self, files: dict[str, str]) -> None:
        drafts = self.run(self.services.store.drafts())
        base = {path: draft.digest for path, draft in drafts.items()}
        self.run(push(self.services, PushRequest(files=files, base=base)))
        self.run(publish(self.services, PublishRequest()))
        self.run(self.services.refresh())

    def event(self, name: str, who: str, at: int, **properties: Any) -> dict[str, Any]:
        return {
            "type": "track",
            "event": name,
            "anonymousId": who,
            "messageId": f"m{next(self.messages)}",
            "timestamp": iso(at),
            "properties": properties,
        }

    def seen(self, arm: str, who: str, at: int, experiment: str = "holdout") -> dict[str, Any]:
        return self.event(EXPOSURE, who, at, experiment_id=experiment, variation_id=arm)

    def send(
        self, *events: dict[str, Any], key: str = "s", agent: str = "", **envelope: Any
    ) -> None:
        answer = self.run(
            self.client.post(
                "/v1/batch",
                json={"batch": list(events), **envelope},
                auth=(key, ""),
                headers={"User-Agent": agent or "Mozilla/5.0 (X11; Linux) Firefox/130"},
            )
        )
        assert answer.json() == {"success": True}

    def two_arms(self, n: int, *goals: tuple[str, float], experiment: str = "holdout") -> None:
        """Let `n` visitors enter each arm; of each (event, value) a tenth does it, or a fifth."""
        arms = ("generic", "targeted") if experiment == "holdout" else ("control", "treatment")
        chance, events = random.Random(7), []
        for number in range(2 * n):
            arm, who, at = arms[number % 2], f"v{number}", START + number * SECOND
            events.append(self.seen(arm, who, at, experiment))
            for name, value in goals:
                if chance.random() < (0.1, 0.2)[number % 2]:
                    size = value * (1 + chance.random())
                    events.append(self.event(name, who, at + 1, revenue=size, amount=size))
        for place in range(0, len(events), 2_000):
            self.send(*events[place : place + 2_000])

    def report(self, name: str = "holdout") -> Readout:
        found = self.run(report(self.services, ReportRequest(name=name)))
        assert isinstance(found, Readout)
        # What is not a number is not JSON either.
        assert b"NaN" not in msgspec.json.encode(found)
        return found

    def page(self, name: str = "holdout") -> str:
        """The studio's page of a report."""
        self.run(enter(self.client, self.services))
        answer = self.run(self.client.get(f"/admin/report/{name}"))
        assert answer.status_code == 200
        return str(answer.text)

    def bots(self, found: str) -> float:
        name, registry = "persx_bots_total", self.services.metrics.registry
        return registry.get_sample_value(name, {"found": found}) or 0.0


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).isoformat()


@pytest.fixture
def edge(services: Services, run: Run) -> Iterator[Edge]:
    made = Edge(services, run)
    yield made
    run(made.client.aclose())


def test_an_arm_of_weight_0_is_not_missed_and_its_earlier_visitors_are_named(edge: Edge) -> None:
    edge.two_arms(600, ("Order Completed", 10), experiment="test")
    quiet = edge.report("test")
    assert not quiet.srm.mismatch
    assert quiet.arms["closed"].metrics["purchase"].lift is None
    assert quiet.arms["closed"].metrics["purchase"].reason == "The arm has no visitors."
    edge.send(*(edge.seen("closed", f"c{n}", START, "test") for n in range(30)))
    found = edge.report("test")
    assert not found.srm.mismatch
    assert "Arm 'closed' has weight 0 but 30 visitors from earlier." in found.notes
    treatment, closed = found.pli
    assert treatment.lift == quiet.pli[0].lift
    assert (closed.lift, bool(closed.withheld)) == (None, True)
    assert "30 visitors from earlier" in edge.page("test")


def test_an_arm_that_should_have_visitors_and_has_none_is_no_result(edge: Edge) -> None:
    edge.send(*(edge.seen("targeted", f"v{n}", START) for n in range(200)))
    edge.send(*(edge.event("Order Completed", f"v{n}", START + 1, revenue=1) for n in range(50)))
    found = edge.report()
    assert found.srm.mismatch
    assert found.pli[0].lift is None
    assert found.arms["targeted"].metrics["purchase"].lift is None
    assert found.arms["targeted"].metrics["purchase"].reason
    assert "do not fit their planned shares" in edge.page()


@pytest.mark.parametrize("value", [-10.0, 0.0])
def test_a_mean_of_0_or_less_has_no_lift_and_says_so(edge: Edge, value: float) -> None:
    edge.two_arms(400, ("Spent", value))
    found = edge.report().arms
    assert found["generic"].metrics["spend.amount"].total <= 0
    arm = found["targeted"].metrics["spend.amount"]
    assert (arm.lift, arm.low, arm.high, arm.p) == (None, None, None, None)
    assert "nothing to compare with" in arm.reason
    assert "nothing to compare with" in edge.page()


def test_refunds_are_taken_off(edge: Edge) -> None:
    for number, (arm, who) in enumerate((("generic", "a"), ("targeted", "b"), ("targeted", "c"))):
        edge.send(edge.seen(arm, who, START + number))
    edge.send(
        edge.event("Order Completed", "b", START + 10, revenue=100),
        edge.event("Order Completed", "b", START + 20, revenue=-30),
        edge.event("Order Completed", "c", START + 10, revenue=20.5),
    )
    found = edge.report().arms["targeted"].metrics
    assert found["purchase.revenue"].total == 90.5
    assert found["purchase"].total == 2


def test_a_goal_whose_event_never_came_is_no_lift_of_0(edge: Edge) -> None:
    edge.two_arms(400, ("Order Completed", 10))
    found = edge.report()
    arm = found.arms["targeted"].metrics
    assert arm["purchase"].lift is not None
    for name, words in (("never", "Nobody has converted"), ("never.amount", "nothing to compare")):
        assert (arm[name].total, arm[name].lift, arm[name].p) == (0, None, None)
        assert words in arm[name].reason
    assert "Nobody has converted in either arm." in edge.page()


def test_an_exposure_that_comes_again_is_one_visitor_with_the_first_arm(edge: Edge) -> None:
    first = edge.seen("targeted", "twice", START)
    edge.send(first, first)
    edge.send(first)
    edge.send(*(edge.seen("targeted", "twice", START + n) for n in range(1, 6)))
    edge.send(edge.event("Order Completed", "twice", START + 10, revenue=7))
    found = edge.report()
    assert found.visitors == 1
    assert found.contaminated == 0
    assert found.arms["targeted"].metrics["purchase.revenue"].total == 7


def test_a_visitor_in_two_arms_counts_once_is_named_and_many_withhold_the_lift(edge: Edge) -> None:
    edge.two_arms(600, ("Order Completed", 10))
    edge.send(edge.seen("targeted", "v0", START + DAY))
    found = edge.report()
    assert (found.visitors, found.contaminated) == (1_200, 1)
    assert found.arms["generic"].n == 600
    assert found.pli[0].lift is not None
    assert any("seen in more than one arm" in note for note in found.notes)
    edge.send(*(edge.seen("targeted", f"v{n}", START + DAY) for n in range(2, 40, 2)))
    assert edge.report().pli[0].lift is None
    assert "20 of 1,200 visitors seen in more than one arm." in edge.page()


@pytest.mark.parametrize("off", [-YEAR, YEAR])
def test_a_clock_that_is_a_year_wrong_is_set_right_by_when_it_sent(edge: Edge, off: int) -> None:
    edge.send(edge.seen("targeted", "mixed", NOW - 90 * SECOND), key="w")
    edge.send(
        edge.seen("targeted", "skewed", NOW + off - 100 * SECOND),
        edge.event("Order Completed", "skewed", NOW + off - 50 * SECOND, revenue=3),
        edge.event("Order Completed", "mixed", NOW + off - 50 * SECOND, revenue=4),
        edge.event("Order Completed", "skewed", NOW + off - 150 * SECOND, revenue=1_000),
        key="w",
        sentAt=iso(NOW + off),
    )
    found = edge.report()
    # What came before the exposure does not count, whatever the client's calendar says.
    assert found.arms["targeted"].metrics["purchase.revenue"].total == 7
    assert found.first_exposure is not None
    assert found.first_exposure.startswith(iso(NOW)[:13])


def test_nothing_is_dated_after_it_arrived(edge: Edge) -> None:
    edge.send(edge.seen("targeted", "ahead", NOW + YEAR), key="w")
    edge.send(edge.event("Order Completed", "ahead", NOW + YEAR, revenue=2), key="w")
    found = edge.report()
    assert found.arms["targeted"].metrics["purchase.revenue"].total == 2
    assert found.first_exposure == found.as_of


@pytest.mark.parametrize("agent", ["Googlebot/2.1", "Mozilla/5.0 (compatible; bingbot/2.0)"])
def test_known_bots_are_in_no_report_and_counted(edge: Edge, agent: str) -> None:
    edge.send(edge.seen("targeted", "bot", START), key="w", agent=agent)
    edge.send({**edge.seen("targeted", "bot", START), "context": {"userAgent": agent}})
    assert edge.bots("agent") == 2
    assert edge.report().visitors == 0
    assert edge.run(see(edge.services.stream).read(limit=10)) == []
    # An order is the owner's word, whoever placed it.
    edge.send({**edge.event("Order Completed", "bot", START), "context": {"userAgent": agent}})
    # Phones of this make are people's.
    phone = "Mozilla/5.0 (Linux; Android 10; CUBOT X30) Chrome/100 Mobile"
    edge.send(edge.seen("targeted", "phone", START), key="w", agent=phone)
    assert edge.report().visitors == 1
    assert edge.bots("agent") == 2


def test_a_device_that_is_too_fast_is_marked_once_and_counts_no_further(edge: Edge) -> None:
    def pages(who: str, n: int, at: int, apart: int) -> None:
        for place in range(n):
            view = edge.event("", who, at + place * apart)
            edge.send({**view, "type": "page"}, key="w")

    pages("fast", 100, START, 500)
    assert edge.bots("rate") == 40
    names = [each.name for each in edge.run(see(edge.services.stream).read(limit=1_000))]
    assert (len(names), names.count("Bot Detected")) == (61, 1)
    edge.send(edge.seen("targeted", "slow", START), key="w")
    assert edge.report().visitors == 1
    # Whoever was one in between was none before and after.
    edge.send(edge.seen("targeted", "fast", START - DAY), key="s")
    assert edge.report().visitors == 1


def test_people_who_read_much_or_send_late_and_servers_are_no_bots(edge: Edge) -> None:
    slow = [edge.event("", "reader", START + n * 2 * SECOND) for n in range(200)]
    edge.send(*({**each, "type": "page"} for each in slow), key="w")
    again = {**edge.event("", "retry", START), "type": "page"}
    for _ in range(80):
        edge.send(again, key="w")
    edge.send(*({**edge.event("", "known", START), "type": "page"} for _ in range(200)))
    experiments = [edge.seen("targeted", "many", START + n, f"e{n}") for n in range(100)]
    edge.send(*experiments, key="w")
    assert edge.bots("rate") == 0


def test_what_is_edited_while_it_runs_is_refused_or_another_epoch(edge: Edge) -> None:
    edge.two_arms(600, ("Order Completed", 10), experiment="test")
    path = "experiments/test.yaml"
    moved = FILES[path].replace("control: {show: default}", "control: {show: default, weight: 9}")
    with pytest.raises(InvalidWorkspace, match="this stays as it started"):
        edge.publish({**FILES, path: moved})
    edge.publish({**FILES, path: moved + "epoch: 2\n"})
    edge.send(
        *(
            edge.seen("treatment" if n % 10 == 0 else "control", f"n{n}", START + DAY, "test")
            for n in range(1_000)
        )
    )
    found = edge.report("test")
    assert len(found.epochs) == 2
    assert not found.srm.mismatch
    assert any("stratified by epoch" in note for note in found.notes)
    # In each epoch the arms are compared with their like: the moved split is no effect.
    assert found.pli[0].lift == pytest.approx(1.0, abs=0.35)
