"""Counting: numbers of things, in words."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, in the plural where there is not one of it.

    >>> counted(1, "visitor"), counted(0, "visitor"), counted(12_000, "entry")
    ('1 visitor', '0 visitors', '12,000 entries')
    """
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing.removesuffix('y') + 'ie' if thing.endswith('y') else thing}s"
