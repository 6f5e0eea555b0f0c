"""Wording: shares and lifts as people read them."""

from __future__ import annotations


def share(value: float | None) -> str:
    """Return a share in per cent; a dash where there is none.

    >>> [share(value) for value in (None, 0.0, 0.00042, 0.734, 1.0)]
    ['–', '0%', '0.042%', '73.4%', '100%']
    """
    if value is None:
        return "–"
    percent = 100 * value
    if percent and abs(percent) < 1:
        return f"{percent:.2g}%"
    return f"{percent:.1f}".removesuffix(".0") + "%"
