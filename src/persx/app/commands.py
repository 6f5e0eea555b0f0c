"""Running a use case on a home: in this process, or through the server that has the home open."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from persx.app.home import SERVER_FILE, ServerAddress, open_home
from persx.app.use_cases import UseCase
from persx.model import errors
from persx.model.errors import InUse, PersxError, Unavailable

Request = TypeVar("Request")
Result = TypeVar("Result")

ERROR_STATUS = {
    errors.BadInput: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unavailable: 503,
}


class CommandError(msgspec.Struct, frozen=True):
    """How an error travels from the server to the command that caused it."""

    message: str
    hint: str = ""
    faults: tuple[errors.Fault, ...] = ()


def error_status(error: PersxError) -> int:
    """Return the HTTP status that says the same as an error."""
    return next((ERROR_STATUS[kind] for kind in type(error).mro() if kind in ERROR_STATUS), 500)


def call(home: Path, use_case: UseCase[Request, Result], request: Request) -> Result:
    """Run a use case on the home and return its result.

    Reading ones run here. Writing ones run here too unless a server has the home open; then
    they are sent to it, because a home has one writer.

    Raises:
        PersxError: Whatever the use case raises, wherever it ran.
    """
    try:
        return asyncio.run(_run_here(home, use_case, request))
    except InUse:
        return _send(home, use_case, request)


async def _run_here(home: Path, use_case: UseCase[Request, Result], request: Request) -> Result:
    async with open_home(home, read_only=not use_case.writes) as services:
        return await use_case.run(services, request)


def _send(home: Path, use_case: UseCase[Request, Result], request: Request) -> Result:
    try:
        address = msgspec.json.decode((home / SERVER_FILE).read_bytes(), type=ServerAddress)
    except (OSError, msgspec.DecodeError) as error:
        raise Unavailable(
            f"Another process is using {home}, and does not say where it listens.",
            hint="Wait until it has started, or stop it.",
        ) from error
    where = urlsplit(address.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=600)
    try:
        connection.request(
            "POST",
            f"/v1/commands/{use_case.name}",
            msgspec.json.encode(request),
            {"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        raise Unavailable(
            f"The server of {home} at {address.url} does not answer: {error}.",
            hint="If it was stopped by force, start it again.",
        ) from error
    finally:
        connection.close()
    if response.status == 200:
        return msgspec.json.decode(body, type=use_case.result)
    raise _received_error(response.status, body)


def _received_error(status: int, body: bytes) -> PersxError:
    try:
        told = msgspec.json.decode(body, type=CommandError)
    except msgspec.DecodeError:
        return Unavailable(f"The server answered {status}: {body[:200]!r}.")
    if told.faults:
        return errors.InvalidWorkspace(told.faults)
    kind = next((kind for kind, code in ERROR_STATUS.items() if code == status), PersxError)
    return kind(told.message, hint=told.hint)
