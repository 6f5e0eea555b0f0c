"""Files that appear whole or not at all, and survive a power cut once they are there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCRATCH: Final = "scratch"


def settle(temporary: Path, final: Path) -> None:
    """Make a finished file durable under its final name."""
    sync(temporary)
    temporary.rename(final)
    sync(final.parent)


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_all_but(folder: Path, kept: set[str]) -> None:
    """Remove the files of a folder that are not in `kept`, such as a crash leaves behind."""
    for path in folder.iterdir():
        if path.is_file() and path.name not in kept:
            path.unlink(missing_ok=True)


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Make a folder for one task, on the home's own disk, and remove it afterwards."""
    folder = home / _SCRATCH
    folder.mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=folder) as name:
        yield Path(name)


def readers(home: Path) -> set[str]:
    """Return the names of the tasks that have a folder now."""
    folder = home / _SCRATCH
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def remove_stale_scratch(home: Path) -> None:
    """Remove what processes that are gone left behind; others may be reading beside this one."""
    folder = home / _SCRATCH
    for path in folder.iterdir() if folder.exists() else ():
        owner = path.name.partition("-")[0]
        if not (owner.isdigit() and _lives(int(owner))):
            shutil.rmtree(path, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
