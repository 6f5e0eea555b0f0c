"""The client: decisions and events over HTTP, with nothing but the standard library's network."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from persx.model.errors import BadInput, Forbidden, NotFound, PersxError, Unavailable

_ERRORS: Mapping[int, type[PersxError]] = {
    400: BadInput,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
}


class BlockDecision(msgspec.Struct, frozen=True):
    """One block's decision, as the server answers it."""

    variant: str
    content: dict[str, Any]
    reason: str
    arms: dict[str, str] = {}
    propensity: float = 1.0
    id: str = ""


class Decisions(msgspec.Struct, frozen=True):
    """The answer of ``POST /v1/decide``."""

    decisions: dict[str, BlockDecision]
    visitor: dict[str, Any]
    snapshot: int


class Client:
    """Talks to a persx server over one kept connection; not for use by several threads at once.

    Args:
        url: Where the server is, such as ``http://127.0.0.1:8321``.
        key: The server key, or the write key for what an anonymous visitor may ask.
        timeout: Seconds until a request counts as failed.

    Example:
        ``Client(url, key).decide(anonymous_id="v1", page="contact").decisions["contact"].content``
    """

    def __init__(self, url: str, key: str, *, timeout: float = 5.0) -> None:
        where = urlsplit(url)
        if where.scheme not in ("http", "https") or not where.hostname:
            raise BadInput(f"'{url}' is not an http address.", value=url)
        self._prefix = where.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection
        if where.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                where.hostname, where.port, timeout=timeout, context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(
                where.hostname, where.port, timeout=timeout
            )

    def decide(
        self,
        *,
        anonymous_id: str = "",
        user_id: str = "",
        page: str = "",
        blocks: Sequence[str] = (),
        context: Mapping[str, Any] | None = None,
    ) -> Decisions:
        """Ask for the decisions of a page, or of a set of blocks.

        Raises:
            PersxError: The server refused, with its message; `Unavailable` where it was not
                reached: show your default content then.
        """
        asked = {
            "anonymousId": anonymous_id,
            "userId": user_id,
            "page": page,
            "blocks": list(blocks),
            "context": dict(context or {}),
        }
        return msgspec.json.decode(self._post("/v1/decide", asked), type=Decisions)

    def track(
        self,
        event: str,
        *,
        anonymous_id: str = "",
        user_id: str = "",
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Send an event; it is durable when this returns."""
        self._send("track", anonymous_id, user_id, event=event, properties=dict(properties or {}))

    def identify(
        self,
        *,
        anonymous_id: str = "",
        user_id: str = "",
        traits: Mapping[str, Any] | None = None,
    ) -> None:
        """Send declared facts; they hold for the next decision."""
        self._send("identify", anonymous_id, user_id, traits=dict(traits or {}))

    def _send(self, kind: str, anonymous_id: str, user_id: str, **fields: Any) -> None:
        ids = {"anonymousId": anonymous_id or None, "userId": user_id or None}
        self._post(f"/v1/{kind}", {**ids, **fields})

    def _post(self, path: str, content: object) -> bytes:
        try:
            self._connection.request(
                "POST", self._prefix + path, msgspec.json.encode(content), self._headers
            )
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unavailable(f"The server does not answer: {error}.") from error
        if response.status < 300:
            return body
        try:
            message = msgspec.json.decode(body, type=dict[str, Any]).get("message", "")
        except msgspec.DecodeError:
            message = ""
        kind = _ERRORS.get(response.status, Unavailable)
        raise kind(str(message) or f"The server answered {response.status}.")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
