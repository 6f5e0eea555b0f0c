"""What a review says, and that it says why where nothing can be said."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.reviewing import KeptRequest, ReviewRequest, kept_reviews, review
from persx.health.review.figures import Direction, Figure, Standing, change
from persx.health.review.mail import mail_of
from persx.health.review.markdown import markdown, plain
from persx.health.review.periods import Kind, before, period_at, read_period
from persx.health.review.review import Review
from persx.health.review.telling import tell
from persx.model.clock import DAY
from persx.model.errors import BadInput, NotFound
from persx.model.target import Target
from persx.model.workspace import HoldoutSettings
from persx.web.review_page import render_review

from .conftest import MONDAY, WORKSPACE, World


def read(world: World, period: str = "", **more: Any) -> Review:
    made = world.run(review(world.services, ReviewRequest(period=period, **more)))
    assert isinstance(made, Review)
    return made


def fill(world: World, *, weeks: int = 5) -> None:
    """SaaS gains by being spoken to, Education loses; the last week SaaS gains more."""
    for back in range(weeks):
        begin = MONDAY - 7 * DAY * back
        better = 112 if back == 0 else 56
        world.week(begin, "SaaS", (420, 42), (420, better))
        world.week(begin, "Education", (420, 84), (420, 56))


def test_a_week_tells_what_improved_what_fell_and_what_to_rewrite(world: World) -> None:
    fill(world)
    made = read(world)
    assert (made.period.name, made.over) == ("2026-W47", True)
    saas, school = made.industries
    assert saas.now.counted == "112 of 420, against 42 of 420"
    assert saas.now.lift == pytest.approx(112 / 42 - 1)
    assert saas.earlier.lift == pytest.approx(56 / 42 - 1)
    assert (saas.change.direction, saas.recent.standing) == (Direction.ROSE, Standing.ABOVE)
    assert (school.change.direction, school.recent.standing) == (Direction.OPEN, Standing.UNDER)
    assert any("SaaS: from +33.3% to +166.7%" in each for each in made.improved)
    assert [(each.name, each.sure) for each in made.under if each.sure] == [("Education", True)]
    (rewrite,) = [each for each in made.rewrites if "Education" in each.industries]
    assert (rewrite.block, rewrite.variant, rewrite.page) == ("hero", "school", "/")
    assert rewrite.days == 49
    assert not rewrite.sure, "the holdout compares all blocks together"


def test_targets_are_the_workspaces_own_and_each_industrys(world: World) -> None:
    fill(world)
    made = read(world)
    assert [each.recent.target for each in made.industries] == [0.15, 0.15]
    targets = {
        "everyone": Target(name="everyone", lift=0.5),
        "schools": Target(name="schools", lift=-0.5, industries=("Education",)),
        "money": Target(name="money", metric="revenue", lift=0.01),
    }
    world.publish(msgspec.structs.replace(WORKSPACE, targets=targets), MONDAY - DAY)
    made = read(world, "2026-W47", fresh=True)
    assert made.everybody.target == 0.5
    saas, school = made.industries
    assert (saas.recent.target, school.recent.target) == (0.5, -0.5)
    told = tell(made)
    assert dict(told.facts)["Target"] == "+50.0% (cannot be told yet)"
    assert [row.target for row in told.industries] == [
        "target +50.0% cannot be told yet",
        "target −50.0% reached",
    ]
    mail = mail_of(made).get_body(("html",))
    assert mail is not None
    for form in (markdown(told), render_review(made), mail.get_content()):
        assert "reached" in form
        assert "15.0%" not in form


def test_a_review_from_before_there_were_targets_is_told_as_it_was(world: World) -> None:
    fill(world)
    told = msgspec.json.decode(msgspec.json.encode(read(world)))
    for figure in (told["everybody"], *(each["recent"] for each in told["industries"])):
        del figure["target"]
    kept = msgspec.convert(told, Review)
    assert "Target" not in dict(tell(kept).facts)
    assert {row.target for row in tell(kept).industries} == {""}


def test_only_who_entered_in_the_period_counts_and_only_until_its_end(world: World) -> None:
    world.come("targeted", 10, 10, at=MONDAY - 1_000_000)
    world.come("targeted", 10, 4, at=MONDAY)
    world.come("generic", 10, 3, at=MONDAY + 7 * DAY - 1_800_000)
    world.come("targeted", 10, 10, at=MONDAY + 7 * DAY)
    made = read(world, "2026-W47")
    assert made.everybody.counted == "4 of 10, against 0 of 10"


def test_without_data_everything_is_unknown_and_says_why(world: World) -> None:
    made = read(world)
    told = tell(made)
    assert made.standing is Standing.UNKNOWN
    assert told.tone == "unknown"
    figures = [made.everybody, *(each.now for each in made.industries)]
    assert all(each.lift is None and each.why for each in figures)
    assert told.empty_improved.startswith("Unknown")
    assert told.empty_under.startswith("Unknown")
    assert told.empty_rewrites.startswith("Unknown")
    assert all(cell.why for trend in told.trends for cell in trend.cells)
    assert "above" not in {row.tone for row in told.industries}


def test_a_week_that_is_not_over_is_no_week_and_is_not_kept(world: World) -> None:
    fill(world)
    world.now = MONDAY + 2 * DAY
    made = read(world, "2026-W47")
    assert not made.over
    assert made.everybody.lift is None
    assert any("whole week" in why for why in made.everybody.why)
    assert "The week is not over." in tell(made).summary
    assert world.run(kept_reviews(world.services, KeptRequest())).weeks == ()


def test_what_was_told_can_be_read_again(world: World) -> None:
    fill(world)
    first = read(world)
    world.come("targeted", 50, 50, at=MONDAY + DAY, industry="SaaS")
    world.now += 30 * DAY
    assert read(world, "2026-W47") == first
    fresh = read(world, "2026-W47", fresh=True)
    assert fresh.everybody != first.everybody
    assert read(world, "2026-W47") == first
    assert world.run(kept_reviews(world.services, KeptRequest())).weeks == ("2026-W47",)


def test_a_month_has_a_trend_and_one_that_was_told_stays(world: World) -> None:
    for back in range(6, 0, -1):
        world.week(MONDAY - 7 * DAY * back, "SaaS", (420, 42), (420, 56))
    october = read(world, "2026-10")
    assert october.everybody.lift == pytest.approx(1 / 3)
    world.come("targeted", 50, 50, at=MONDAY - 30 * DAY, industry="SaaS")
    fill(world, weeks=1)
    november = read(world, "2026-11")
    assert [each.name for each in november.months] == ["2026-10", "2026-11"]
    assert november.months[0].everybody == october.everybody
    assert not november.months[1].whole
    assert tell(november).months[-1] == "November 2026 so far"
    assert november.months[1].changes["SaaS"].points is not None


def test_an_arm_that_lost_names_its_variant_for_sure(world: World) -> None:
    for day in range(14):
        at = MONDAY - 8 * DAY + day * DAY
        world.come("now", 300, 60, at=at, experiment="words")
        world.come("other", 300, 20, at=at, experiment="words")
    made = read(world)
    (experiment,) = made.experiments
    assert experiment.arms[0].figure.high is not None
    assert experiment.arms[0].figure.high < 0
    assert (made.rewrites[0].variant, made.rewrites[0].sure) == ("school", True)


def test_without_a_holdout_it_says_so(make: Any) -> None:
    world = make()
    settings = msgspec.structs.replace(WORKSPACE.settings, holdout=HoldoutSettings(share=0))
    world.publish(msgspec.structs.replace(WORKSPACE, settings=settings), MONDAY - DAY)
    made = read(world)
    assert made.everybody.why[0].startswith("There is no holdout")


def test_what_cannot_be_reviewed_is_refused(world: World, make: Any) -> None:
    for wrong in ("2026-W54", "2026-13", "../x", "2026-W4", "9999-12x"):
        with pytest.raises(BadInput, match="no week and no month"):
            read(world, wrong)
    with pytest.raises(BadInput, match="has not begun"):
        read(world, "2026-W52")
    with pytest.raises(NotFound):
        read(make())


def test_every_form_says_the_same_and_names_become_no_markup(world: World) -> None:
    fill(world)
    made = read(world)
    hostile = msgspec.structs.replace(
        made, site="<script>alert(1)</script> [x](javascript:1) | # *", simulated=True
    )
    told = tell(hostile, public_url="https://shop.example/", simulated="Simulated data")
    for text in (markdown(told), plain(told), render_review(hostile)):
        assert "Simulated data" in text
        assert "+166.7%" in text
        assert "hero · school" in text
    assert "<script>alert" not in render_review(hostile)
    assert "<script>" not in markdown(told)
    assert "https://shop.example/admin/review/2026-W47" in markdown(told)
    assert not [line for line in plain(told).splitlines() if line.startswith(("#", "| ---"))]


def test_a_review_survives_being_kept(world: World) -> None:
    fill(world, weeks=2)
    made = read(world)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Review) == made


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(list(Kind)),
       st.sampled_from(["UTC", "Europe/Vienna", "America/St_Johns", "Pacific/Apia"]))  # fmt: skip
def test_periods_leave_no_gap_and_are_read_by_their_names(at: int, kind: Kind, zone: str) -> None:
    period = period_at(at, kind, zone)
    assert period.begin <= at < period.end
    assert before(period).end == period.begin
    assert read_period(period.name, zone) == period


@given(st.floats(-0.9, 3), st.floats(-0.9, 3), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_change_turns_round_with_its_sides(a: float, b: float, wide: float, far: float) -> None:
    def figure(lift: float, spread: float) -> Figure:
        return Figure(
            lift=lift, low=(1 + lift) / (1 + spread) - 1, high=(1 + lift) * (1 + spread) - 1
        )

    there, back = change(figure(a, wide), figure(b, far)), change(figure(b, far), figure(a, wide))
    turned = {Direction.ROSE: Direction.FELL, Direction.FELL: Direction.ROSE}
    assert turned.get(there.direction, there.direction) is back.direction
    assert there.points == pytest.approx(-(back.points or 0.0))
