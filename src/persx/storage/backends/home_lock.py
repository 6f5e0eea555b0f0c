"""One process writes to a home: a lock on a file that the kernel lets go of on any exit."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Final

from persx.model.errors import InUse

_MUTEX: Final = threading.Lock()
_HELD: Final[dict[Path, tuple[int, int]]] = {}
"""The homes that this process holds: descriptor of the lock file, and by how many locks."""


class HomeLock:
    """The right to write to a home. All locks of one process share it.

    ``HOME/lock`` names the process that holds it. Nothing is locked before `acquire`, or the
    beginning of a ``with`` block; reading needs no lock.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._acquired = False

    def acquire(self) -> None:
        """Take the home for this process. Does nothing where this lock holds it already.

        Raises:
            InUse: Another process has it; `value` is that process's id.
        """
        with _MUTEX:
            if self._acquired:
                return
            descriptor, holders = _HELD.get(self._home, (-1, 0))
            if not holders:
                descriptor = _lock_file(self._home)
            _HELD[self._home] = (descriptor, holders + 1)
            self._acquired = True

    def release(self) -> None:
        """Give it back; the last lock of the process lets others have it."""
        with _MUTEX:
            if not self._acquired:
                return
            self._acquired = False
            descriptor, holders = _HELD.pop(self._home)
            if holders > 1:
                _HELD[self._home] = (descriptor, holders - 1)
            else:
                os.close(descriptor)

    def __enter__(self) -> HomeLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def held_here(home: Path) -> bool:
    """Tell whether this process holds the home."""
    with _MUTEX:
        return home.resolve() in _HELD


def _lock_file(home: Path) -> int:
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise InUse(
            f"The home {home} is in use by process {holder}.",
            value=holder,
            hint="Stop that process, or send the change to the running server.",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
