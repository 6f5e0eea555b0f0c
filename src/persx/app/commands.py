"""Running a use case on a home: in this process, or through the server that has the home open."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import http.client
import time
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from persx.app.audit import HAND_OUT, perform
from persx.app.home import SERVER_FILE, ServerAddress, open_home
from persx.app.settings import load_settings
from persx.app.use_cases import UseCase
from persx.model import errors
from persx.model.errors import BadInput, InUse, PersxError, Unavailable
from persx.model.staff import Actor

PATIENCE_SECONDS: Final = 10.0
"""How long a command waits for another process that holds the home and is no server."""

RETRY_SECONDS: Final = 0.1

USER_HEADER: Final = "Persx-User"
"""Who gives a command that the server runs, URL-quoted."""

Request = TypeVar("Request")
Result = TypeVar("Result")

ERROR_STATUS = {
    errors.BadInput: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}


class CommandError(msgspec.Struct, frozen=True):
    """How an error travels from the server to the command that caused it."""

    message: str
    hint: str = ""
    faults: tuple[errors.Fault, ...] = ()


def user() -> str:
    """Return the name of the user of this machine; empty where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def server_address(home: Path) -> str:
    """Return where a server of this home listens; empty where none runs."""
    found = _announced(home)
    connection = _connect(found) if found else None
    if found is None or connection is None:
        return ""
    connection.close()
    return found.url


def error_status(error: PersxError) -> int:
    """Return the HTTP status that says the same as an error."""
    return next((ERROR_STATUS[kind] for kind in type(error).mro() if kind in ERROR_STATUS), 500)


def call(
    home: Path,
    use_case: UseCase[Request, Result],
    request: Request,
    *,
    patience: float = PATIENCE_SECONDS,
) -> Result:
    """Run a use case on the home and return its result.

    Reading ones run here. Writing ones run here too unless a server has the home open; then
    they are sent to it, because a home has one writer. Another command, or a server that is
    just starting, is waited for.

    Args:
        patience: For how many seconds.

    Raises:
        PersxError: Whatever the use case raises, wherever it ran.
    """
    if use_case.hands_out is not None:
        call(home, HAND_OUT, use_case.hands_out, patience=patience)
    deadline = time.monotonic() + patience
    while True:
        try:
            return asyncio.run(_run_here(home, use_case, request))
        except InUse as error:
            address = _address(home, holder=str(error.value))
            connection = _connect(address) if address else None
            if connection is None and time.monotonic() > deadline:
                raise
        if address is not None and connection is not None:
            with contextlib.closing(connection):
                return _send(connection, address, use_case, request)
        time.sleep(RETRY_SECONDS)


async def _run_here(home: Path, use_case: UseCase[Request, Result], request: Request) -> Result:
    settings = load_settings(home)
    server = _announced(home)
    # What a server has in memory only that server can see: it is asked for reading, too.
    shared = not any(map(_in_memory, (settings.store, server.store if server else "")))
    read_only = shared and not use_case.writes
    async with open_home(home, settings, read_only=read_only, deciding=False) as services:
        if _in_memory(settings.store):
            raise BadInput(
                "The store 'memory' keeps nothing from one command to the next.",
                value=settings.store,
                hint="Leave PERSX_STORE and 'store' in persx.toml out, or start a server first: "
                "it takes what is pushed and published while it runs.",
            )
        return await perform(services, use_case, request, Actor(f"cli:{user()}"))


def _in_memory(store: str) -> bool:
    return store.partition(":")[0] == "memory"


def _announced(home: Path) -> ServerAddress | None:
    """Return what a server of this home has left there, whether it still runs or not."""
    try:
        return msgspec.json.decode((home / SERVER_FILE).read_bytes(), type=ServerAddress)
    except (OSError, msgspec.DecodeError):
        return None


def _address(home: Path, holder: str) -> ServerAddress | None:
    """Return where the process that holds the home listens; none where it is no server.

    A server that was stopped by force leaves its address behind, and a port may have gone to
    somebody else since: what does not name the holder is not trusted.
    """
    address = _announced(home)
    return address if address and str(address.pid) == holder else None


def _connect(address: ServerAddress) -> http.client.HTTPConnection | None:
    """Return an open connection; none where nobody listens."""
    where = urlsplit(address.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=600)
    try:
        connection.connect()
    except OSError:
        return None
    return connection


def _send(
    connection: http.client.HTTPConnection,
    address: ServerAddress,
    use_case: UseCase[Request, Result],
    request: Request,
) -> Result:
    try:
        sent = msgspec.json.encode(request)
    except TypeError as error:
        raise Unavailable(
            "The server of this home keeps everything in memory, where this command cannot read.",
            hint="Serve the home with the store sqlite.",
        ) from error
    try:
        connection.request(
            "POST",
            f"/v1/commands/{use_case.name}",
            sent,
            {
                "Authorization": f"Bearer {address.token}",
                "Content-Type": "application/json",
                USER_HEADER: quote(user()),
            },
        )
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"The server at {address.url} did not finish: {error}.",
            hint="Look whether it was done, and try again.",
        ) from error
    if response.status != 200:
        raise _received_error(response.status, body)
    try:
        return msgspec.json.decode(body, type=use_case.result)
    except msgspec.DecodeError as error:
        raise Unavailable(
            f"The answer of the server at {address.url} cannot be read: {error}.",
            hint="Use the command and the server of one version.",
        ) from error


def _received_error(status: int, body: bytes) -> PersxError:
    try:
        told = msgspec.json.decode(body, type=CommandError)
    except msgspec.DecodeError:
        return Unavailable(f"The server answered {status}: {body[:200]!r}.")
    if told.faults:
        return errors.InvalidWorkspace(told.faults)
    kind = next((kind for kind, code in ERROR_STATUS.items() if code == status), PersxError)
    return kind(told.message, hint=told.hint)
