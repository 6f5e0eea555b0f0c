"""Allocation: which part of a layer and which arm a visitor falls into, by hashing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import Final

_SPAN: Final = 1 / 2**53


def bucket(seed: str, bucketing_id: str) -> float:
    """Return where a visitor falls in [0, 1): uniform, and independent between seeds.

    The first 53 bits of BLAKE2b(seed ‖ 0x1F ‖ id) as a fraction; the separator keeps
    ("ab", "c") and ("a", "bc") apart.

    >>> bucket("holdout", "a:visitor-1") == bucket("holdout", "a:visitor-1")
    True
    """
    text = f"{seed}\x1f{bucketing_id}".encode(errors="replace")
    return (int.from_bytes(blake2b(text, digest_size=8).digest()) >> 11) * _SPAN


_AT_ONCE: Final = 16


def numbers(seed: str, count: int) -> Callable[[str], Sequence[int]]:
    """Return what gives a visitor's `count` independent uniform numbers, from 0 to 2³² − 1.

    Sixteen at a time are one BLAKE2b(seed ‖ 0x1F ‖ id), with 0x1F and a number behind it for each
    sixteen more. Greater counts have the numbers of smaller ones.

    >>> numbers("hero", 3)("a:visitor-1") == numbers("hero", 40)("a:visitor-1")[:3]
    True
    """
    prefix = f"{seed}\x1f".encode(errors="replace")
    unpack = Struct(f">{count}I").unpack_from
    if count <= _AT_ONCE:
        return lambda visitor: unpack(blake2b(prefix + visitor.encode("utf-8", "replace")).digest())

    def several(visitor: str) -> Sequence[int]:
        text = prefix + visitor.encode("utf-8", "replace")
        more = (blake2b(text + b"\x1f%d" % at).digest() for at in range(1, -(-count // _AT_ONCE)))
        return unpack(blake2b(text).digest() + b"".join(more))

    return several


class ArmRanges:
    """Cuts [0, 1) into one range an arm, in order, as wide as the arm's share of the weights."""

    def __init__(self, weights: Sequence[float]) -> None:
        total = sum(weights)
        self._ends = [end / total for end in accumulate(weights)]
        self._last = max(index for index, weight in enumerate(weights) if weight > 0)

    def arm(self, point: float) -> int:
        """Return the index of the arm whose range holds the point; an arm of weight 0 has none."""
        return min(bisect_right(self._ends, point), self._last)
