"""What the contract suites share: opening a backend, and running a scenario against it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias, TypeVar

import pytest

from persx.storage.backends import Storage
from persx.storage.scope import System

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

EVERYONE: Final = System("a test")
"""The scope of a test that looks at all that is kept."""

Opener: TypeAlias = Callable[[], Storage]
"""Opens a storage; called again after closing, it opens the same one where it is durable."""


class Seen(Protocol[R_co]):
    """A port that is read through a scope."""

    def seen_by(self, scope: System, /) -> R_co: ...


def see(port: Seen[R_co]) -> R_co:
    """Return what reads all that a port keeps, as persx itself does."""
    return port.seen_by(EVERYONE)


class StorageContract:
    """Base of the suites. Override `opener`; say where `durable` or another promise is not kept."""

    durable: bool = True
    """Whether what was acknowledged is there after closing and opening again."""

    @pytest.fixture
    def opener(self) -> Opener:
        """Return what opens the backend, on an empty place."""
        pytest.fail("A contract suite needs an 'opener' fixture.")

    def run(self, opener: Opener, scenario: Callable[[Storage], Awaitable[T]]) -> T:
        """Open the storage, run the scenario on a loop of its own, and close."""

        async def main() -> T:
            async with opener() as storage:
                return await scenario(storage)

        return asyncio.run(main())

    def reopened(self, opener: Opener, scenario: Callable[[Storage], Awaitable[T]]) -> T:
        """Run a scenario on what an earlier one left behind."""
        if not self.durable:
            pytest.skip("This backend does not outlive the process.")
        return self.run(opener, scenario)
