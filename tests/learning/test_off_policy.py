"""Off-policy evaluation: unbiased, covering, and silent where the log cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from persx.experiments.off_policy import ESTIMATORS, Logged, evaluate
from persx.experiments.off_policy.rewards import predicted_rewards
from persx.model.errors import BadInput

Floats = NDArray[np.float64]

RATES = np.array([0.1, 0.3, 0.2])
LOGGING = np.array([0.6, 0.2, 0.2])
TARGET = np.array([0.1, 0.7, 0.2])
TRUTH = float(RATES @ TARGET)


def drawn(random: np.random.Generator, n: int = 800, target: Floats = TARGET) -> Logged:
    """A log whose truth is known."""
    action = random.choice(3, size=n, p=LOGGING)
    reward = (random.random(n) < RATES[action]).astype(float)
    model = predicted_rewards(
        reward, action, np.zeros(n, dtype=np.int64), np.arange(n) % 2, actions=3
    )
    return Logged(
        reward=reward,
        propensity=LOGGING[action],
        target=target[action],
        predicted=model[np.arange(n), action],
        expected=model @ target,
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_are_right_on_average_and_their_intervals_cover(name: str) -> None:
    random = np.random.default_rng(11)
    found = [evaluate(drawn(random)).estimates[name] for _ in range(400)]
    values = np.array([each.value for each in found])
    assert values.mean() == pytest.approx(TRUTH, abs=4 * values.std() / np.sqrt(len(values)))
    covered = np.mean([(e.low or 0) <= TRUTH <= (e.high or 1) for e in found])
    assert covered >= 0.92
    lift = TRUTH / float(RATES @ LOGGING) - 1
    lifts = [(e.lift_low or -1) <= lift <= (e.lift_high or 9) for e in found]
    assert np.mean(lifts) >= 0.92


def test_doubly_robust_is_no_noisier_than_plain_weights() -> None:
    random = np.random.default_rng(12)
    found = [evaluate(drawn(random)) for _ in range(200)]
    spread = {name: np.std([e.estimates[name].value for e in found]) for name in ESTIMATORS}
    assert spread["dr"] < spread["ipw"]


def test_the_logs_own_policy_is_worth_what_it_brought() -> None:
    log = drawn(np.random.default_rng(13), target=LOGGING)
    found = evaluate(log)
    for name in ("ipw", "snipw"):
        assert found.estimates[name].value == pytest.approx(found.logged)
        assert found.estimates[name].lift == pytest.approx(0)
    assert found.effective == pytest.approx(found.n)


def refused(log: Logged, **more: float) -> str:
    """Why nothing is estimated."""
    found = evaluate(log, **more)
    assert not found.estimates
    return found.refused


def test_what_the_log_cannot_tell_is_refused() -> None:
    log = drawn(np.random.default_rng(14))
    none = np.zeros(len(log.reward))
    assert "without the probability" in refused(log._replace(propensity=none))
    unknown = log.propensity.copy()
    unknown[0] = np.nan
    assert refused(log._replace(propensity=unknown)).startswith("1 of 800")
    negative = log.propensity.copy()
    negative[:2] = -0.5
    assert refused(log._replace(propensity=negative)).startswith("2 of 800")
    assert "greater than 1" in refused(log._replace(target=log.target * 100))
    assert "never made" in refused(log, unsupported=0.2)
    assert "rewards; 5 are needed" in refused(log._replace(reward=none))
    rare = none.copy()
    rare[:20] = 0.5
    sure = log._replace(target=rare, propensity=none + 1)
    assert "effective sample size is 20.0" in refused(sure)
    few = Logged(*(each[:0] for each in log))
    assert "no visitor" in refused(few)
    assert "numbers are none" in refused(log._replace(reward=none * np.nan))


def test_few_expected_rewards_are_refused_whatever_weighs_much() -> None:
    log = drawn(np.random.default_rng(15))
    reward = np.zeros(len(log.reward))
    reward[:3] = 1
    assert "5 are needed" in refused(log._replace(reward=reward))


def test_arrays_that_do_not_fit_are_told() -> None:
    log = drawn(np.random.default_rng(16))
    with pytest.raises(BadInput, match="same number"):
        evaluate(log._replace(reward=log.reward[:-1]))
    with pytest.raises(BadInput, match="confidence"):
        evaluate(log, confidence=1.0)


def test_nobodys_own_outcome_is_in_what_was_expected_of_them() -> None:
    reward = np.array([1.0, 0.0, 0.0, 0.0])
    zeros = np.zeros(4, dtype=np.int64)
    fold = np.array([0, 1, 0, 1])
    found = predicted_rewards(reward, zeros, zeros, fold, actions=1)
    # The one who reached the goal is in fold 0: only those of fold 1 hear of it.
    assert found[0][0] == found[2][0] == 0.0
    assert found[1][0] == found[3][0] > 0
