"""The readout: from groups to lifts, and what it withholds."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from persx.experiments.groups import Group
from persx.experiments.metrics import METRICS
from persx.experiments.metrics.kind import MetricKind, Part, Stratum
from persx.experiments.moments import Moments
from persx.experiments.readout import MetricPlan, Observed, Readout, ReadoutPlan, read_out
from persx.experiments.statistics.proportions import lift
from persx.model.clock import DAY
from persx.model.errors import NotFound

WEEKS = 30 * DAY

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
)


def group(
    arm: str, n: int, signups: int, *, epoch: int = 1, attribute: str = "", segment: str = ""
) -> Group:
    sums = {
        "signup": Moments(n=n, sums=(signups,), products=(signups,)),
        "signup.value": Moments(n=n, sums=(signups * 10.0,), products=(signups * 150.0,)),
    }
    return Group(arm=arm, n=n, metrics=sums, epoch=epoch, attribute=attribute, segment=segment)


def observe(*groups: Group, **fields: object) -> Observed:
    return Observed(groups=groups, as_of=WEEKS, **{"first_exposure": 0, **fields})  # type: ignore[arg-type]


def test_arms_segments_and_pli() -> None:
    readout = read_out(
        PLAN,
        observe(
            group("generic", 1_000, 50),
            group("targeted", 1_010, 80),
            group("generic", 400, 20, attribute="industry", segment="SaaS"),
            group("targeted", 390, 45, attribute="industry", segment="SaaS"),
            group("targeted", 5, 0, attribute="industry", segment="Education"),
            snapshot=4,
        ),
    )
    assert list(readout.arms) == ["generic", "targeted"]
    found = readout.arms["targeted"].metrics["signup"]
    expected = lift(80, 1_010, 50, 1_000)
    assert (found.lift, found.low, found.high, found.p) == (
        expected.lift,
        expected.low,
        expected.high,
        expected.p,
    )
    assert (found.total, found.rate) == (80, 80 / 1_010)
    assert readout.arms["generic"].metrics["signup"].lift is None
    pli = readout.pli[0]
    assert (pli.lift, pli.total, pli.n, pli.control_total, pli.control_n) == (
        expected.lift, 80, 1_010, 50, 1_000,
    )  # fmt: skip
    saas = readout.segments["industry"]["SaaS"].arms["targeted"].metrics["signup"]
    assert saas.lift == lift(45, 390, 20, 400).lift
    alone = readout.segments["industry"]["Education"].arms["targeted"].metrics["signup"]
    assert alone.reason == "The control has no visitors."
    assert readout.visitors == 2_010
    assert readout.snapshot == 4
    assert any("adjusted for the number" in note for note in readout.notes)


def test_a_readout_is_json_and_back() -> None:
    readout = read_out(PLAN, observe(group("generic", 90, 0), group("targeted", 100, 12)))
    assert msgspec.json.decode(msgspec.json.encode(readout), type=Readout) == readout


def test_moved_split_is_stratified_by_epoch() -> None:
    """A/A, conversion doubles while the split moves: pooled +41%, by epoch 0."""
    readout = read_out(
        PLAN,
        observe(
            group("generic", 10_000, 200), group("targeted", 10_000, 200),
            group("generic", 2_000, 80, epoch=2), group("targeted", 18_000, 720, epoch=2),
            epoch=1,
        ),
    )  # fmt: skip
    found = readout.arms["targeted"].metrics
    assert found["signup"].lift == pytest.approx(0, abs=1e-9)
    assert found["signup.value"].lift == pytest.approx(0, abs=1e-9)
    assert readout.epochs == [1, 2]
    assert any("stratified by epoch" in note for note in readout.notes)


def test_sample_ratio_is_checked_in_the_current_epoch_only() -> None:
    readout = read_out(
        PLAN,
        observe(
            group("generic", 100, 10), group("targeted", 9_000, 900),
            group("generic", 5_000, 500, epoch=2), group("targeted", 5_010, 500, epoch=2),
            epoch=2,
        ),
    )  # fmt: skip
    assert not readout.srm.mismatch


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (observe(group("generic", 5_000, 100), group("targeted", 4_000, 130)), "planned shares"),
        (
            observe(group("generic", 500, 50), group("targeted", 500, 60), contaminated=30),
            "more than one arm",
        ),
        (
            observe(
                group("generic", 500, 50), group("targeted", 500, 60), first_exposure=WEEKS - DAY
            ),
            "whole week",
        ),
        (observe(group("generic", 500, 3), group("targeted", 500, 6)), "Too few conversions"),
        (observe(group("generic", 500, 0), group("targeted", 500, 0)), "Too few conversions"),
        (observe(), "whole week|Too few"),
    ],
)  # fmt: skip
def test_pli_is_withheld_with_the_reason(observed: Observed, said: str) -> None:
    readout = read_out(PLAN, observed)
    pli = readout.pli[0]
    assert pli.lift is pli.low is pli.high is pli.p is None
    assert any(part in reason for reason in pli.withheld for part in said.split("|"))


def test_assumed_equal_shares_ask_but_do_not_withhold() -> None:
    plan = msgspec.structs.replace(PLAN, source="import", weights_assumed=True)
    readout = read_out(plan, observe(group("generic", 5_000, 200), group("targeted", 1_000, 90)))
    assert readout.pli[0].withheld == []
    assert any("--weight" in note for note in readout.notes)


def test_a_closed_arm_does_not_disturb() -> None:
    plan = msgspec.structs.replace(PLAN, weights={"generic": 1, "targeted": 1, "old": 0})
    readout = read_out(
        plan,
        observe(group("generic", 500, 50), group("targeted", 510, 60), group("old", 9_000, 300)),
    )
    assert not readout.srm.mismatch
    assert readout.arms["old"].metrics["signup"].lift is not None
    assert any("weight 0" in note for note in readout.notes)


def test_no_metrics_and_unknown_kinds() -> None:
    nothing = read_out(msgspec.structs.replace(PLAN, metrics=[]), observe(group("generic", 5, 1)))
    assert nothing.pli == []
    strange = msgspec.structs.replace(PLAN, metrics=[MetricPlan(name="a", kind="conversoin")])
    with pytest.raises(NotFound, match="Did you mean 'conversion'"):
        read_out(strange, observe(group("generic", 5, 1)))


def _moments(kind: MetricKind, seed: int, *, parts: frozenset[Part]) -> Moments:
    """Visitors of whom about one in ten has every number that the kind takes."""
    rng = np.random.default_rng(seed)
    active = rng.random(900) < 0.1
    columns = [active.astype(float)]
    columns += [active * rng.integers(1, 4, 900) for _ in range(kind.numbers - 1)]
    whole = Moments.of(*columns)
    dropped = {
        (i, j)
        for i in range(kind.numbers)
        for j in range(i, kind.numbers)
        if (Part.SQUARES if i == j else Part.PRODUCTS) not in parts
    }
    pairs = [(i, j) for i in range(kind.numbers) for j in range(i, kind.numbers)]
    kept = [0.0 if pair in dropped else whole.product(*pair) for pair in pairs]
    return msgspec.structs.replace(whole, products=tuple(kept))


@pytest.mark.parametrize("kind", METRICS, ids=METRICS.names)
def test_kinds_read_only_the_parts_that_they_declare(kind: MetricKind) -> None:
    whole, bare = (
        Stratum(*(_moments(kind, seed, parts=frozenset(parts)) for seed in (1, 2)))
        for parts in (Part, kind.needs)
    )
    for ask in (kind.compare, kind.compare_always, kind.effect):
        assert ask([bare], confidence=0.95) == ask([whole], confidence=0.95)
    assert kind.compare([whole], confidence=0.95).p is not None
    assert kind.rate(whole.arm) == kind.rate(bare.arm) is not None


@pytest.mark.parametrize("kind", METRICS, ids=METRICS.names)
def test_kinds_say_when_there_is_too_little(kind: MetricKind) -> None:
    nothing, plenty = Moments(), _moments(kind, 3, parts=frozenset(Part))
    assert kind.rate(nothing) is None
    assert kind.too_few(nothing, plenty)
    assert not kind.too_few(plenty, plenty)
    for ask in (kind.compare, kind.compare_always):
        found = ask([Stratum(nothing, plenty), Stratum(plenty, nothing)], confidence=0.95)
        assert found.reason
        assert found.p is None


@pytest.mark.parametrize("kind", METRICS, ids=METRICS.names)
def test_looking_always_costs_width(kind: MetricKind) -> None:
    strata = [Stratum(*(_moments(kind, seed, parts=frozenset(Part)) for seed in (1, 2)))]
    once, always = (ask(strata, confidence=0.95) for ask in (kind.compare, kind.compare_always))
    assert always.low < once.low < once.high < always.high
    assert math.expm1(kind.effect(strata, confidence=0.95).log_ratio) == pytest.approx(
        once.lift, abs=0.01
    )


@pytest.mark.parametrize("kind", METRICS, ids=METRICS.names)
@pytest.mark.parametrize("question", ["compare", "compare_always"])
def test_a_moved_split_is_no_effect(kind: MetricKind, question: str) -> None:
    """A/A: twice as many convert later, or spend twice as much, while the split moves to 90%."""
    rng = np.random.default_rng(20261122)

    def visitors(n: int, late: bool) -> Moments:
        active = rng.random(n) < (0.04 if late else 0.02)
        columns = [active * 1.0]
        if kind.name != "conversion":
            columns = [active * rng.gamma(4, 4 if late else 2, n), active * 1.0][: kind.numbers]
        return Moments.of(*columns)

    strata = [
        Stratum(visitors(10_000, False), visitors(10_000, False)),
        Stratum(visitors(18_000, True), visitors(2_000, True)),
    ]
    pooled = Stratum(strata[0].arm + strata[1].arm, strata[0].control + strata[1].control)
    ask = getattr(kind, question)
    assert ask([pooled], confidence=0.95).excludes_zero
    found = ask(strata, confidence=0.95)
    assert found.p is not None
    assert not found.excludes_zero
