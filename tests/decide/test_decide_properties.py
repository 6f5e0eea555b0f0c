"""What always holds of decisions: same key same arm, shares match, ramps never reshuffle."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from persx.decide.allocation import ArmRanges, bucket
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, Purpose
from persx.model.decision import PageDecision, Reason
from persx.model.visitor import Profile
from persx.model.workspace import (
    Arm,
    Block,
    Experiment,
    HoldoutSettings,
    Industry,
    Page,
    Settings,
    Snapshot,
    Variant,
    Workspace,
)

NOW = 1_790_000_000_000
ids = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20).map("a:".__add__)


def plan(traffic: float = 1.0, share: float = 0.1) -> Plan:
    workspace = Workspace(
        settings=Settings(holdout=HoldoutSettings(share=share)),
        industries={"SaaS": Industry(name="SaaS")},
        attributes={"industry": Attribute(name="industry", values="industries")},
        blocks={
            "hero": Block(
                name="hero",
                type="cta",
                content={"headline": "Hello", "label": "Go", "href": "/"},
                variants=(
                    Variant(name="saas", when='industry == "SaaS"', content={"headline": "Churn"}),
                ),
            )
        },
        pages={"home": Page(name="home", path="/", title="Home", blocks=("hero",))},
        experiments={
            "test": Experiment(
                key="test", traffic=traffic, arms=(Arm(name="a", show="default"), Arm(name="b"))
            )
        },
    )
    return compile_snapshot(
        Snapshot(number=1, digest="", published=0, author="", message="", workspace=workspace)
    )


PLAN = plan()


def decided(plan: Plan, visitor: str, **known: str) -> PageDecision:
    profile = Profile(bucketing_id=visitor, attributes=dict(known))
    return decide(plan, plan.pages["home"], profile, {}, NOW)


def arms(decision: PageDecision) -> dict[str, str]:
    return {each.experiment: each.arm for each in decision.assignments}


@given(ids)
def test_the_same_visitor_gets_the_same_decision(visitor: str) -> None:
    assert decided(PLAN, visitor, industry="SaaS") == decided(PLAN, visitor, industry="SaaS")


@given(ids)
def test_arms_and_what_counts_do_not_depend_on_what_is_shown(visitor: str) -> None:
    known, unknown = decided(PLAN, visitor, industry="SaaS"), decided(PLAN, visitor)
    assert arms(known) == arms(unknown)
    # Whoever would see something else counts in the holdout, in either of its arms.
    assert known.assignments[0].eligible
    assert not unknown.assignments[0].eligible


@given(ids, st.floats(0, 1), st.floats(0, 1))
def test_ramping_never_moves_anyone_between_arms(visitor: str, one: float, other: float) -> None:
    narrow, wide = sorted([one, other])
    before = arms(decided(plan(narrow), visitor, industry="SaaS"))
    after = arms(decided(plan(wide), visitor, industry="SaaS"))
    if "test" in before:
        assert after["test"] == before["test"]


@given(st.text(max_size=30), st.text(max_size=30))
def test_buckets_lie_in_the_unit_interval(seed: str, visitor: str) -> None:
    assert 0 <= bucket(seed, visitor) < 1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6).filter(any), st.floats(0, 1 - 2**-53))
def test_an_arm_of_weight_zero_has_nobody(weights: list[float], point: float) -> None:
    assert weights[ArmRanges(weights).arm(point)] > 0


def test_shares_match_the_weights() -> None:
    ranges = ArmRanges([1, 2, 1])
    counts = [0, 0, 0]
    for number in range(40_000):
        counts[ranges.arm(bucket("seed", f"a:{number}"))] += 1
    # Four standard errors of a binomial share at 40,000.
    for count, share in zip(counts, [0.25, 0.5, 0.25], strict=True):
        assert abs(count / 40_000 - share) < 4 * (share * (1 - share) / 40_000) ** 0.5


def test_two_seeds_are_independent() -> None:
    both = sum(
        bucket("one", f"a:{n}") < 0.5 and bucket("two", f"a:{n}") < 0.5 for n in range(40_000)
    )
    assert abs(both / 40_000 - 0.25) < 0.01


def test_the_holdout_keeps_other_experiments_away() -> None:
    held = next(f"a:{n}" for n in range(100) if bucket("holdout", f"a:{n}") < 0.1)
    assert arms(decided(PLAN, held, industry="SaaS")) == {"holdout": "generic"}


def test_what_is_withheld_is_not_read() -> None:
    profile = Profile(bucketing_id="a:v2", withheld={"industry": Purpose.PERSONALIZATION})
    found = decide(PLAN, PLAN.pages["home"], profile, {}, NOW)
    assert found.attributes == {}


def test_a_failing_arrangement_shows_the_default_with_the_reason_error() -> None:
    broken = plan(share=0)
    block = broken.blocks["hero"]

    def explode(*_: object) -> int:
        raise RuntimeError("on purpose")

    object.__setattr__(broken.pages["home"], "choose", explode)
    (found,) = decided(broken, "a:v1", industry="SaaS").decisions
    assert (found.variant, found.reason) == ("saas", Reason.TARGETED), "each block for itself"
    object.__setattr__(block, "choose", explode)
    (found,) = decided(broken, "a:v1", industry="SaaS").decisions
    assert (found.variant, found.reason) == ("default", Reason.ERROR)
    assert found.content["headline"] == "Hello"
