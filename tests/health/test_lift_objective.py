"""The lift objective: read from the holdout's report, by industry, with an interval that may be
looked at every day."""

from __future__ import annotations

import pytest

from persx.app.looking import LIFTS_PAUSE, look
from persx.app.services import Services
from persx.health.counts import Counts
from persx.health.indicator import Known, Lift
from persx.health.indicators import INDICATORS
from persx.health.judging import SubjectRecord, judge
from persx.health.objectives import DEFAULT_OBJECTIVES
from persx.health.scorecard import Evidence, Verdict, scorecard
from persx.model.clock import DAY, HOUR
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.health import ObjectiveState
from persx.model.workspace import Industry, Workspace
from tests.health.conftest import Place
from tests.health.test_looking import of

LIFT = next(each for each in DEFAULT_OBJECTIVES if each.name == "lift")
OK, WATCH, CONFIRMED, UNKNOWN = (
    ObjectiveState.OK, ObjectiveState.WATCH, ObjectiveState.CONFIRMED, ObjectiveState.UNKNOWN
)  # fmt: skip


def judged(
    kept: dict[str, SubjectRecord] | None = None, **lifts: Lift
) -> dict[str, ObjectiveState]:
    known = Known(now=1, lifts=lifts, workspace=Workspace(industries={"a": Industry(name="a")}))
    found = judge(LIFT, INDICATORS["lift"], kept or {}, new={}, window={}, known=known)
    return {name: finding.state for name, (_, finding) in found.items()}


def test_an_interval_below_the_target_is_confirmed_an_estimate_is_watched() -> None:
    assert judged(
        worse=Lift(lift=-0.2, low=-0.3, high=-0.1),
        small=Lift(lift=0.05, low=0.01, high=0.14),
        open_=Lift(lift=0.05, low=-0.1, high=0.3),
        endless=Lift(lift=0.05, low=-0.1),
        good=Lift(lift=0.4, low=0.2, high=0.6),
        early=Lift(withheld=("A whole week has not passed.",)),
    ) == {
        "worse": CONFIRMED,
        "small": CONFIRMED,
        "open_": WATCH,
        "endless": WATCH,
        "good": OK,
        "early": UNKNOWN,
    }


def test_what_is_confirmed_is_over_when_the_estimate_reaches_the_target() -> None:
    kept = {"a": SubjectRecord(state=CONFIRMED, since=1)}
    assert judged(kept, a=Lift(lift=0.1, low=-0.1, high=0.151)) == {"a": CONFIRMED}
    assert judged(kept, a=Lift(lift=0.15, low=-0.1, high=0.4)) == {"a": OK}
    assert judged(kept, a=Lift(withheld=("The split is off.",))) == {"a": UNKNOWN}


def test_an_industry_that_is_gone_is_told_no_more() -> None:
    kept = {"gone": SubjectRecord(state=CONFIRMED, since=1)}
    assert judge(LIFT, INDICATORS["lift"], kept, new={}, window={}, known=Known(now=2)) == {}


def test_the_scorecard_claims_no_lift_that_the_interval_does_not_show() -> None:
    def second(**lifts: Lift) -> Verdict:
        return scorecard(Evidence(known=Known(now=1, lifts=lifts), month=Counts()))[1].verdict

    good = Lift(lift=0.4, low=0.2, high=0.6)
    assert second(a=good, b=good) is Verdict.MET
    assert second(a=good, b=Lift(lift=0.4, low=-0.1, high=0.9)) is Verdict.UNKNOWN
    assert second(a=good, b=Lift(withheld=("Too few.",))) is Verdict.UNKNOWN
    assert second(a=good, b=Lift(lift=0.1, low=0.05, high=0.2)) is Verdict.MISSED
    assert second() is Verdict.UNKNOWN


@pytest.mark.anyio
async def test_it_is_read_from_the_holdout_now_and_then(services: Services, place: Place) -> None:
    """One in ten is held out and converts three times as often as the others."""
    plan = services.publication.plan
    assert plan is not None
    (goal, *_) = plan.workspace.settings.holdout.goals
    wanted = plan.workspace.goals[goal]
    events = []
    for number in range(4_000):
        arm, often = ("generic", 3) if number % 10 == 0 else ("targeted", 10)
        who, at = f"v{number}", place.now - 20 * DAY + number * 1_000
        common = {"anonymous_id": who, "timestamp": at, "received": at, "type": EventType.TRACK}
        said = {
            "experiment_id": "holdout", "variation_id": arm, "epoch": 1, "unit": f"a:{who}",
            "segments": {"industry": "SaaS" if number // 10 % 2 else "Education"},
        }  # fmt: skip
        events.append(
            Event(message_id=f"x{number}", name=EXPOSURE, properties=said, verified=True, **common)
        )
        if number // 20 % often == 0:
            goal_said = dict(wanted.where)
            events.append(
                Event(message_id=f"g{number}", name=wanted.event, properties=goal_said, **common)
            )
    await services.stream.append(events)
    status = await look(services)
    assert of(status, "lift").state is CONFIRMED
    assert {each.subject for each in of(status, "lift").subjects} == {"SaaS", "Education"}
    value = of(status, "lift").finding.value
    assert value is not None
    assert value < -0.5
    assert status.criteria[1].verdict is Verdict.MISSED
    record = services.health.record
    assert record is not None
    place.later(60_000)
    await look(services)
    assert services.health.record is not None
    assert services.health.record.lifts is record.lifts, "not with every look"
    place.later(LIFTS_PAUSE)
    await look(services)
    assert services.health.record.lifts_at == place.now
    services.health.lifts_take = HOUR
    place.later(LIFTS_PAUSE)
    await look(services)
    assert services.health.record.lifts_at == place.now - LIFTS_PAUSE, "what is costly is rare"
