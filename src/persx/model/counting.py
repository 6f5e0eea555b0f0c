"""Counting: numbers of things, in words."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, in the plural where there is not one of it.

    >>> counted(1, "visitor"), counted(0, "visitor"), counted(12_000, "entry"), counted(2, "day")
    ('1 visitor', '0 visitors', '12,000 entries', '2 days')
    """
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {_stem(thing)}s"


def _stem(thing: str) -> str:
    """Return what the s of the plural comes behind."""
    return f"{thing[:-1]}ie" if thing.endswith("y") and thing[-2:-1] not in "aeiou" else thing
