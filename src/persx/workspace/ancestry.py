"""Ancestry: whether a folder's Git history holds the versions of files that a store has."""

from __future__ import annotations

import hashlib
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SECONDS: Final = 60
_SHA1_DIGITS: Final = 40


def ancestors(folder: Path, theirs: Mapping[str, str]) -> set[str]:
    """Return the paths whose text in `theirs` any commit of the folder's Git history has there.

    What the history holds, nobody has written in the store: the folder has gone on from it. Empty
    where the folder is in no Git repository. A clone without history only knows its last commit.

    Args:
        folder: The workspace's folder, anywhere in a work tree.
        theirs: Texts by path, relative to the folder.
    """
    known = _versions(folder)
    return {
        path
        for path, text in theirs.items()
        if any(_blob_id(text, len(version)) == version for version in known.get(path, ()))
    }


def _versions(folder: Path) -> dict[str, set[str]]:
    """Return path → ids of all blobs that any commit of the history put there."""
    log = ("log", "--format=", "--raw", "-z", "-m", "--no-abbrev", "--no-renames", "--relative")
    try:
        ran = subprocess.run(
            ["git", "-C", str(folder), "-c", "log.showSignature=false", *log, "HEAD", "--", "."],
            capture_output=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, set[str]] = defaultdict(set)
    told = ran.stdout.decode("utf-8", "replace").split("\0")
    # Each change is ":MODE MODE BEFORE AFTER LETTER", then its path.
    for change, path in zip(told[::2], told[1::2], strict=False):
        found[path].add(change.split(" ")[3])
    return found


def _blob_id(text: str, digits: int) -> str:
    data = text.encode()
    kind = hashlib.sha1 if digits == _SHA1_DIGITS else hashlib.sha256
    return kind(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()
