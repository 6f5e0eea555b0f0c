"""A home: the folder with one workspace, one environment, one database."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import msgspec

from persx.app.erasing import settle_tombstones
from persx.app.kept_sums import settle_sums
from persx.app.services import Services, load_keys
from persx.app.settings import ServerSettings, load_settings
from persx.model.clock import Clock, system_clock
from persx.model.errors import BadInput
from persx.storage.backends import open_storage
from persx.storage.backends.home_lock import HomeLock

SERVER_FILE = "server.json"
DEFAULT_HOME = "persx-home"


class ServerAddress(msgspec.Struct, frozen=True):
    """Where a home's server listens, what commands must show it, and where it keeps things."""

    url: str
    token: str
    pid: int
    store: str = ""


def prepare_home(home: Path) -> None:
    """Make the folder where it is missing; only its owner may look inside.

    Raises:
        BadInput: The path cannot be a folder.
    """
    if home.exists() and not home.is_dir():
        raise BadInput(f"{home} is a file; a home is a folder.", value=str(home))
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadInput(
            f"{home} cannot be used as a home: {error.strerror}.", value=str(home)
        ) from error
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise BadInput(f"{home} cannot be written.", value=str(home), hint="Check its owner.")


@asynccontextmanager
async def open_home(
    home: Path | None,
    settings: ServerSettings | None = None,
    *,
    read_only: bool = False,
    deciding: bool = True,
    clock: Clock = system_clock,
) -> AsyncIterator[Services]:
    """Open the home's storage and everything around it; none keeps all in memory.

    Args:
        read_only: Do not take the home for this process; writes take it when they come.
        deciding: Compile what is published now, which most commands need not wait for.

    Raises:
        InUse: Another process has the home, and this one wants to write.
    """
    if home is not None:
        prepare_home(home)
    settings = settings or load_settings(home)
    with nullcontext() if home is None or read_only else HomeLock(home):
        storage = open_storage(
            home,
            store=settings.store,
            stream=settings.stream,
            warehouse=settings.warehouse,
            clock=clock,
        )
        try:
            services = Services(
                store=storage.store,
                stream=storage.stream,
                warehouse=storage.warehouse,
                artifacts=storage.artifacts,
                items=storage.items,
                keys=await load_keys(storage.store, settings, keep=not read_only),
                settings=settings,
                home=home,
                clock=clock,
            )
            await services.keyring.refresh(services.store)
            if not read_only:
                await settle_tombstones(services)
                await settle_sums(services.store)
            try:
                if deciding:
                    await services.refresh()
                yield services
            finally:
                services.recommender_folder.close()
        finally:
            await storage.close()
