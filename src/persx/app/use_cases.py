"""Use cases: what persx can be asked to do, alike from the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from persx.app.services import Services
from persx.model.event import IdentityKey

Request = TypeVar("Request")
Result = TypeVar("Result")


class Noted(msgspec.Struct, frozen=True):
    """What the audit log tells of something that was done; see `AuditEntry`."""

    what: str
    on: str = ""
    detail: str = ""


class UseCase(msgspec.Struct, Generic[Request, Result], frozen=True):
    """A named operation on a workspace: a request struct in, a result struct out.

    Attributes:
        writes: It changes the home; beside a running server it is sent to that server.
        notes: What the audit log tells of it, from what was asked and what came of it; whatever
            writes has this. Nothing in it may be about a visitor.
        looked: Whose data whoever asked has seen; those visitors are told of it in their export.
            Looking is then a kind of writing.
        hands_out: What the audit log tells before visitors' data leave the home in bulk. It is for
            what only reads and runs where the command does, beside a server perhaps.
    """

    name: str
    request: type[Request]
    result: type[Result]
    run: Callable[[Services, Request], Awaitable[Result]]
    writes: bool = True
    notes: Callable[[Request, Result], Iterable[Noted]] | None = None
    looked: Callable[[Request, Result], Collection[IdentityKey]] | None = None
    hands_out: Noted | None = None


AnyUseCase = UseCase[Any, Any]
