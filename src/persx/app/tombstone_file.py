"""The tombstones beside the database: whoever brings an old copy of it back still has them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from persx.model.errors import BadInput, NotFound
from persx.storage.removal import Tombstone, Tombstones

FILE: Final = "tombstones"
"""The file's name inside a home: a line that tells whose key it is, then a line for each."""


class TombstoneFile(msgspec.Struct, frozen=True):
    """What such a file says. `fingerprint` tells the key of the keyed hashes from others."""

    fingerprint: str
    stones: tuple[Tombstone, ...] = ()


def read_tombstones(path: Path) -> TombstoneFile:
    """Read a file of tombstones, or that of a home; a last line that is torn does not count.

    Raises:
        NotFound: There is none.
        BadInput: It is something else.
    """
    path = path / FILE if path.is_dir() else path
    try:
        head, *lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise NotFound(f"There are no tombstones at {path}.", value=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.", value=str(path)) from error
    if not lines:
        # Empty, or torn in its first line: nothing was acknowledged with it.
        return TombstoneFile("")
    if not head.startswith(_HEAD):
        raise BadInput(
            f"{path} is not a file of tombstones.",
            value=str(path),
            hint="Give the file 'tombstones' of the old home, or that home.",
        )
    stones = []
    for line in lines[: len(lines) - 1]:
        id, _, at = line.partition(" ")
        if len(id) == _LENGTH and at.isdigit():
            stones.append(Tombstone(id, int(at)))
    return TombstoneFile(head.removeprefix(_HEAD), tuple(stones))


_HEAD: Final = "persx tombstones, key "
_LENGTH: Final = 32


def keep_tombstones(home: Path, known: Tombstones, stones: Iterable[Tombstone]) -> None:
    """Append the tombstones that the home's file has not; durable when this returns."""
    path = home / FILE
    try:
        there = set(read_tombstones(path).stones)
    except (NotFound, BadInput):
        there = set()
    missing = sorted(set(stones) - there)
    if not missing:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            # A line that a crash tore goes, whose end would be taken for its time.
            size = path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(descriptor, size)
        text = f"{_HEAD}{known.fingerprint}\n" if not size else ""
        text += "".join(f"{each.id} {each.at}\n" for each in missing)
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    folder = os.open(home, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
