"""Use cases: what persx can be asked to do, alike from the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from persx.app.services import Services

Request = TypeVar("Request")
Result = TypeVar("Result")


class UseCase(msgspec.Struct, Generic[Request, Result], frozen=True):
    """A named operation on a workspace: a request struct in, a result struct out.

    Attributes:
        writes: It changes the home; beside a running server it is sent to that server.
    """

    name: str
    request: type[Request]
    result: type[Result]
    run: Callable[[Services, Request], Awaitable[Result]]
    writes: bool = True


AnyUseCase = UseCase[Any, Any]
