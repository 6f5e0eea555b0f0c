"""Roots: found between two places, to the last digits, whatever the function's shape."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from persx.experiments.statistics.roots import root


@given(
    st.floats(-250, 250),
    st.floats(0, 50),
    st.floats(0, 50),
    st.sampled_from([math.atan, math.sinh, lambda x: x**3, lambda x: -math.expm1(x), float]),
)
@example(0.0, 1.0, 1.0, lambda x: 1.0 if x > 0 else -1.0)
@example(3.0, 300.0, 0.5, lambda x: 0.0 if abs(x) < 0.25 else x)
def test_a_root_is_where_the_sign_changes(place, before, after, function) -> None:
    calls = 0

    def moved(x: float) -> float:
        nonlocal calls
        calls += 1
        return function(max(-300.0, min(300.0, x - place)))

    found = root(moved, place - before, place + after)
    near, far = moved(place - before) > 0, moved(place + after) > 0
    if near == far:
        assert found == place - before
        return
    little = 4e-15 * (1 + abs(found))
    assert {moved(found - little) > 0, moved(found + little) > 0} == {True, False}
    assert calls < 140


def test_a_smooth_function_takes_few_calls() -> None:
    asked = []
    found = root(lambda x: asked.append(x) or math.tanh(x) - 0.3, 0.0, 8.0)
    assert found == pytest.approx(math.atanh(0.3), abs=1e-14)
    assert len(asked) < 15
