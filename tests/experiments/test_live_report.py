"""The live readout: who enters, what freezes, which outcomes count, against a slow oracle."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.app.reports import ReportRequest, experiment_names, report
from persx.app.services import Services
from persx.experiments.readout import Readout
from persx.model.errors import BadInput, NotFound
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.workspace import (
    Arm,
    Block,
    Experiment,
    Goal,
    HoldoutSettings,
    Settings,
    Snapshot,
    Strategy,
    Target,
    Variant,
    Workspace,
)

Run = Callable[[Any], Any]

NOW = 1_700_000_000_000

WORKSPACE = Workspace(
    settings=Settings(holdout=HoldoutSettings(share=0.5)),
    goals={
        "signup": Goal(name="signup", event="Form Submitted", where={"form": "contact"}),
        "purchase": Goal(name="purchase", event="Order Completed", value="revenue"),
    },
    experiments={
        "hero": Experiment(
            key="hero",
            arms=(Arm(name="short"), Arm(name="long"), Arm(name="old", weight=0)),
            goals=("purchase",),
            epoch=2,
        )
    },
)


class Log:
    """Appends events to the log of some services."""

    def __init__(self, services: Services, run: Run) -> None:
        self.services, self.run = services, run
        self.numbers = count(1)
        self.publish(WORKSPACE)

    def publish(self, workspace: Workspace) -> None:
        self.run(
            self.services.store.publish(
                Snapshot(
                    number=0, digest="", published=0, author="", message="", workspace=workspace
                )
            )
        )

    def __call__(
        self, name: str, who: str, at: int, type: str = "track", **properties: Any
    ) -> None:
        user = who.removeprefix("u:") if who.startswith("u:") else None
        self.append(
            type=EventType(type),
            name=name,
            anonymous_id=None if user else who.removeprefix("a:"),
            user_id=user,
            timestamp=at,
            properties=properties,
        )

    def join(self, anonymous_id: str, user_id: str, at: int) -> None:
        """Say with a server key that both are one visitor."""
        self.append(
            type=EventType.IDENTIFY,
            anonymous_id=anonymous_id,
            user_id=user_id,
            timestamp=at,
            verified=True,
        )

    def append(self, **fields: Any) -> None:
        event = Event(message_id=str(next(self.numbers)), received=NOW, **fields)
        self.run(self.services.stream.append([event]))


@pytest.fixture
def log(services: Services, run: Run) -> Log:
    return Log(services, run)


def see(log: Log, who: str, arm: str, at: int, **more: Any) -> None:
    log(EXPOSURE, who, at, **{"experiment_id": "holdout", "variation_id": arm, **more})


def read(services: Services, run: Run, name: str = "holdout") -> Readout:
    found = run(report(services, ReportRequest(name=name)))
    assert isinstance(found, Readout)
    return found


def totals(readout: Readout, metric: str) -> dict[str, tuple[int, float]]:
    return {name: (arm.n, arm.metrics[metric].total) for name, arm in readout.arms.items()}


@pytest.mark.usefixtures("log")
def test_a_log_without_events_is_a_report_of_zeros(services: Services, run: Run) -> None:
    readout = read(services, run)
    assert totals(readout, "signup") == {"generic": (0, 0), "targeted": (0, 0)}
    assert readout.pli[0].withheld
    assert readout.first_exposure is None
    assert readout.comparator.startswith("generic")


def test_outcomes_count_from_the_first_exposure_on(services: Services, run: Run, log: Log) -> None:
    see(log, "a:1", "targeted", 100)
    see(log, "a:1", "targeted", 50)
    log("Order Completed", "a:1", 49, revenue=1)
    log("Order Completed", "a:1", 50, revenue=10)
    log("Order Completed", "a:1", 300, revenue=5.5)
    log("Order Completed", "a:2", 300, revenue=1000)
    readout = read(services, run)
    assert totals(readout, "purchase")["targeted"] == (1, 1)
    assert totals(readout, "purchase.revenue")["targeted"] == (1, 15.5)


def test_arm_and_segments_freeze_at_the_first_exposure(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "generic", 20, segments={"industry": "Healthcare"})
    see(log, "a:1", "targeted", 10, segments={"industry": "SaaS"}, snapshot=4)
    see(log, "a:2", "generic", 10, segments={"persona": "<script>"}, snapshot=5)
    see(log, "a:3", "generic", 10, segments="nonsense")
    readout = read(services, run)
    assert {name: arm.n for name, arm in readout.arms.items()} == {"generic": 2, "targeted": 1}
    assert readout.contaminated == 1
    assert readout.snapshot == 5
    industries = readout.segments["industry"]
    assert list(industries) == ["SaaS", "(unknown)"]
    assert industries["SaaS"].arms["targeted"].n == 1
    assert industries["(unknown)"].arms["generic"].n == 2
    assert list(readout.segments["persona"]) == ["<script>", "(unknown)"]


def test_identities_are_joined_by_their_bucketing_id(
    services: Services, run: Run, log: Log
) -> None:
    log("Home", "a:1", 1, type="page")
    log.join("1", "7", 15)
    log.join("9", "7", 16)
    see(log, "a:1", "targeted", 10, unit="a:1")
    see(log, "u:7", "targeted", 20)
    see(log, "a:9", "targeted", 30, unit="a:9")
    log("Order Completed", "u:7", 40, revenue=3)
    log("Order Completed", "a:9", 50, revenue=4)
    readout = read(services, run)
    assert totals(readout, "purchase")["targeted"] == (1, 1)
    assert totals(readout, "purchase.revenue")["targeted"] == (1, 7)
    assert readout.contaminated == 0


def test_a_user_without_a_verified_link_counts_for_the_device(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", 10)
    see(log, "a:2", "generic", 10)
    see(log, "u:8", "generic", 10)
    for user in ("7", "8"):
        log.append(
            type=EventType.TRACK, name="Order Completed", anonymous_id="1", user_id=user,
            timestamp=20, properties={"revenue": int(user)},
        )  # fmt: skip
    readout = read(services, run)
    assert totals(readout, "purchase.revenue") == {"generic": (2, 8), "targeted": (1, 7)}


def test_conditions_are_equal_in_type_too(services: Services, run: Run, log: Log) -> None:
    goals = {
        "text": Goal(name="text", event="E", where={"a": "5"}),
        "number": Goal(name="number", event="E", where={"a": 5}),
        "truth": Goal(name="truth", event="E", where={"a": True}),
        "nested": Goal(name="nested", event="E", where={"deep.er": 'say "ä"', "a": 1.5}),
        "page": Goal(name="page", event="page", where={"path": "/thanks"}),
    }
    log.publish(Workspace(settings=WORKSPACE.settings, goals=goals))
    see(log, "a:1", "targeted", 1)
    for place, value in enumerate(["5", 5, True, 5.0, None, [5]]):
        see(log, f"a:v{place}", "targeted", 1)
        log("E", f"a:v{place}", 2, a=value)
    log("E", "a:1", 2, a=1.5, deep={"er": 'say "ä"'})
    log("E", "a:1", 2, a=1.5, deep="x")
    log("Home", "a:1", 2, type="page", path="/thanks")
    log("Thanks", "a:v1", 2, path="/thanks")
    arms = read(services, run).arms["targeted"].metrics
    found = {name: arms[name].total for name in goals}
    assert found == {"text": 1, "number": 2, "truth": 1, "nested": 1, "page": 1}


@pytest.mark.parametrize(
    "key", ["*", 'a"b', "a/b~c", "a\\b", "$", "", "0", "'; DROP TABLE log; --"]
)
def test_any_property_name_is_only_a_name(services: Services, run: Run, log: Log, key: str) -> None:
    goal = Goal(name="goal", event="E'", where={key: "x"}, value=key)
    log.publish(Workspace(settings=WORKSPACE.settings, goals={"goal": goal}))
    see(log, "a:1", "targeted", 1)
    log("E'", "a:1", 2, **{key: "x"})
    log("E'", "a:1", 2, **{key: 3})
    assert totals(read(services, run), "goal")["targeted"] == (1, 1)


def test_values_that_are_no_numbers_add_nothing_and_are_counted(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", 1)
    for revenue in (10, "2.5", "much", None, -3, "nan", 1e300, {"x": 1}):
        log("Order Completed", "a:1", 2, revenue=revenue)
    log("Order Completed", "a:1", 2)
    readout = read(services, run)
    assert totals(readout, "purchase.revenue")["targeted"] == (1, 9.5)
    assert any("6 events of goal 'purchase'" in note for note in readout.notes)


def test_an_experiment_analyses_its_own_goals_arms_and_epochs(
    services: Services, run: Run, log: Log
) -> None:
    for who, arm, epoch in [("a", "short", 1), ("b", "long", 1), ("c", "short", 2), ("d", "x", 2)]:
        see(log, who, arm, 1, experiment_id="hero", epoch=epoch)
    see(log, "e", "old", 1, experiment_id="hero", epoch="two")
    readout = read(services, run, "hero")
    assert [each.name for each in readout.metrics] == ["purchase", "purchase.revenue"]
    assert {name: arm.n for name, arm in readout.arms.items()} == {"short": 2, "long": 1, "old": 1}
    assert readout.control == "short"
    assert readout.epochs == [1, 2]
    assert any("1 exposure of an arm" in note for note in readout.notes)


def test_many_values_of_a_segment_are_cut_and_that_is_said(
    services: Services, run: Run, log: Log
) -> None:
    for number in range(60):
        see(log, f"a:{number}", "targeted", 1, segments={"industry": f"i{number:02}"})
    see(log, "a:again", "targeted", 1, segments={"industry": "i59"})
    readout = read(services, run)
    assert len(readout.segments["industry"]) == 50
    assert "i59" in readout.segments["industry"]
    assert any("60 values" in note for note in readout.notes)


def test_wrong_names_and_confidences(services: Services, run: Run, log: Log) -> None:
    with pytest.raises(NotFound, match="Did you mean 'holdout'"):
        read(services, run, "holdut")
    with pytest.raises(BadInput, match="confidence"):
        run(report(services, ReportRequest(name="holdout", confidence=95)))
    log.publish(Workspace(settings=Settings(holdout=HoldoutSettings(share=0))))
    with pytest.raises(NotFound):
        read(services, run)


Happening = tuple[str, str, int, str]
happenings = st.lists(
    st.tuples(
        st.sampled_from(["see", "buy"]),
        st.sampled_from(["a:1", "a:2", "u:1", "u:2", "a:3"]),
        st.integers(10, 16),
        st.sampled_from(["generic", "targeted"]),
    ),
    max_size=25,
)


JOINED = [{}, {"u:1": "a:1"}, {"u:1": "a:1", "a:3": "a:1"}]


@given(happenings, st.sampled_from(JOINED))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_against_a_slow_oracle(
    make: Callable[[], Services], run: Run, happened: list[Happening], joined: dict[str, str]
) -> None:
    services = make()
    log = Log(services, run)
    log("Home", "a:1", 1, type="page")
    for who in joined:
        log.join("1" if who == "u:1" else who.removeprefix("a:"), "1", 2)
    entered: dict[str, tuple[int, int, str]] = {}
    arms: dict[str, set[str]] = {}
    for place, (what, who, at, arm) in enumerate(happened):
        if what == "see":
            see(log, who, arm, at)
            unit = joined.get(who, who)
            entered[unit] = min(entered.get(unit, (99, 0, "")), (at, place, arm))
            arms.setdefault(unit, set()).add(arm)
        else:
            log("Order Completed", who, at, revenue=2**place)
    revenue = {"generic": 0.0, "targeted": 0.0}
    buyers: dict[str, set[str]] = {"generic": set(), "targeted": set()}
    for place, (what, who, at, _) in enumerate(happened):
        unit = joined.get(who, who)
        if what == "buy" and unit in entered and at >= entered[unit][0]:
            revenue[entered[unit][2]] += 2**place
            buyers[entered[unit][2]].add(unit)
    readout = read(services, run)
    assert readout.contaminated == sum(len(seen) > 1 for seen in arms.values())
    for arm in ("generic", "targeted"):
        n = sum(first[2] == arm for first in entered.values())
        assert totals(readout, "purchase")[arm] == (n, len(buyers[arm]))
        assert totals(readout, "purchase.revenue")[arm] == (n, revenue[arm])


def test_the_first_page_is_a_segment_and_old_exposures_are_unknown(
    services: Services, run: Run, log: Log
) -> None:
    see(log, "a:1", "targeted", 10, page="/pricing")
    see(log, "a:1", "targeted", 20, page="/")
    see(log, "a:2", "generic", 10, segments={"first page": "/forged"})
    see(log, "a:2", "generic", 20, page="/")
    found = read(services, run).segments["first page"]
    assert {page: each.arms["targeted"].n for page, each in found.items()} == {
        "/pricing": 1,
        "(unknown)": 0,
    }
    assert found["(unknown)"].arms["generic"].n == 1


def test_without_any_page_there_is_no_such_segment(
    services: Services, run: Run, log: Log
) -> None:  # fmt: skip
    see(log, "a:1", "targeted", 10)
    assert "first page" not in read(services, run).segments


def test_consent_that_is_taken_back_counts_after_entering_only(
    services: Services, run: Run, log: Log
) -> None:
    log("Home", "a:1", 1, type="page")
    log.join("1", "7", 2)
    for who, arm in (("a:1", "targeted"), ("a:2", "targeted"), ("a:3", "generic")):
        see(log, who, arm, 10)
    for who, at, said in (
        ("u:7", 20, {"analytics": False}),
        ("a:2", 5, {"analytics": False}),
        ("a:3", 20, {"marketing": False, "analytics": True}),
        ("a:4", 20, {"personalization": False}),
    ):
        log("Consent Changed", who, at, purposes=said)
    readout = read(services, run)
    assert readout.consent.withdrawn == {"generic": 0, "targeted": 1}
    log("Consent Changed", "a:3", 30, purposes={"personalization": False})
    assert read(services, run).consent.withdrawn == {"generic": 1, "targeted": 1}


def test_a_live_report_is_always_valid_unless_one_look_is_asked_for(
    services: Services, run: Run, log: Log
) -> None:
    for number in range(60):
        arm = ("generic", "targeted")[number % 2]
        see(log, f"a:{number}", arm, 1)
        if number % 3 == 0 or number % 8 == 1:
            log("Order Completed", f"a:{number}", 2, revenue=number)
    daily = read(services, run)
    once = run(report(services, ReportRequest(name="holdout", fixed=True)))
    assert (daily.method, once.method) == ("always_valid", "fixed")
    wide, narrow = (each.arms["targeted"].metrics["purchase"] for each in (daily, once))
    assert wide.lift == narrow.lift
    assert wide.low < narrow.low < narrow.high < wide.high


def test_targets_come_from_the_workspace(services: Services, run: Run, log: Log) -> None:
    assert read(services, run).pli[0].target == 0.15
    targets = {"sales": Target(name="sales", metric="purchase", lift=0.3)}
    log.publish(msgspec.structs.replace(WORKSPACE, targets=targets))
    readout = read(services, run)
    arm = readout.arms["targeted"].metrics
    assert (arm["signup"].target, arm["purchase"].target) == (0.15, 0.3)
    assert read(services, run, "hero").pli[0].target is None


def test_arms_in_the_order_of_their_layers_and_single_contents(
    services: Services, run: Run, log: Log
) -> None:
    hero = Block(type="hero", name="hero", content={}, variants=(Variant(name="a"),))
    shows: dict[str, list[Any]] = {
        "layers": ["default", "by-industry", "targeted"],
        "unordered": ["default", "targeted", "by-industry"],
        "two": ["default", "targeted"],
        "single": ["default", {"hero": "a"}, "targeted"],
        "plain": ["default", "a"],
        "partly": ["default", {"other": "a"}, "targeted"],
    }
    log.publish(
        msgspec.structs.replace(
            WORKSPACE,
            blocks={"hero": hero},
            strategies={"by-industry": Strategy(attributes=("industry",))},
            experiments={
                key: Experiment(
                    key=key,
                    blocks=("hero",),
                    arms=tuple(Arm(name=f"arm{at}", show=show) for at, show in enumerate(said)),
                )
                for key, said in shows.items()
            },
        )
    )
    found = {key: read(services, run, key) for key in shows}
    assert {key: [(each.arm, each.over) for each in one.layers] for key, one in found.items()} == {
        "layers": [("arm1", "arm0"), ("arm2", "arm1")],
        "two": [], "single": [], "unordered": [], "plain": [], "partly": [],
    }  # fmt: skip
    assert {key: [each.among for each in one.best_single] for key, one in found.items()} == {
        "single": [["arm0", "arm1"]],
        "layers": [], "two": [], "unordered": [], "plain": [], "partly": [],
    }  # fmt: skip


def test_a_block_has_a_holdout_of_its_own(services: Services, run: Run, log: Log) -> None:
    def share(of: float) -> None:
        hero = Block(type="hero", name="hero", content={}, holdout=of)
        log.publish(msgspec.structs.replace(WORKSPACE, blocks={"hero": hero}))

    share(0.25)
    assert "holdout:hero" in run(experiment_names(services))
    for number in range(80):
        epoch = 250_000 if number < 40 else 500_000
        arm = "generic" if number % (4 if number < 40 else 2) == 0 else "targeted"
        about = {"experiment_id": "holdout:hero", "variation_id": arm, "epoch": epoch}
        log(EXPOSURE, f"a:{number}", 1, **about)
    readout = read(services, run, "holdout:hero")
    assert {name: arm.n for name, arm in readout.arms.items()} == {"generic": 30, "targeted": 50}
    assert readout.control == "generic"
    assert readout.srm.expected == {"generic": 10, "targeted": 30}
    assert readout.pli[0].target is None
    share(0.5)
    assert read(services, run, "holdout:hero").srm.expected == {"generic": 20, "targeted": 20}
    share(0)
    with pytest.raises(NotFound):
        read(services, run, "holdout:hero")
