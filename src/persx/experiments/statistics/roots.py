"""Where a function changes its sign: an end of an interval, or the peak of a likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_EXACT: Final = 1e-15
"""A root is found when it is known to this share of 1 + itself."""


def root(function: Callable[[float], float], near: float, far: float) -> float:
    """Return where a function ceases to be above 0, or begins; `near` where it does neither.

    By inverse quadratic interpolation where that is safe, and by halving where not: some nine
    calls where halving alone would take fifty. It stands here because a library's root finder
    costs a second to load.

    Source: Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a
    nonlinear function without using derivatives", Advances in Engineering Software 28 (1997).

    >>> round(root(lambda x: x * x - 2, 0, 2), 12)
    1.414213562373
    """
    a, b, c = far, near, near
    at_a, at_b, at_c = function(far), function(near), 0.0
    if (at_a > 0) == (at_b > 0):
        return near
    part = 0.5
    while True:
        found = a + part * (b - a)
        at_found = function(found)
        # The root stays between a, the newest place, and b; c is the one before.
        if (at_found > 0) == (at_a > 0):
            c, at_c = a, at_a
        else:
            c, b, at_c, at_b = b, a, at_b, at_a
        a, at_a = found, at_found
        best = a if abs(at_a) < abs(at_b) else b
        least = _EXACT * (1 + abs(best)) / abs(b - a)
        if least > 0.5:
            return best
        across, up = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
        part = 0.5
        if up * up < across and (1 - up) ** 2 < 1 - across:
            part = at_a / (at_b - at_a) * at_c / (at_b - at_c)
            part += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        part = min(1 - least, max(least, part))
