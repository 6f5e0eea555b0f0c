"""The Segment endpoints: events come in here, from servers and from browsers."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.collecting import collect
from persx.app.consenting import consented
from persx.app.exposing import completed
from persx.app.filtering import without_bots
from persx.app.keyring import NOBODY, Allowed
from persx.app.services import Services
from persx.model.errors import BadInput, PersxError, Unavailable
from persx.model.event import Event, EventType, RejectedEvent
from persx.model.key import KeyScope
from persx.web.api.answers import ErrorBody, error_answer, json
from persx.web.collect.envelope import MAX_BATCH, Envelope, open_batch, open_single
from persx.web.collect.wire import MAX_ID, parse_messages, reject
from persx.web.keys import allowed, key_of
from persx.web.visitors import services_of

_SINGLE: Final = {
    "identify": EventType.IDENTIFY,
    "track": EventType.TRACK,
    "page": EventType.PAGE,
    "screen": EventType.SCREEN,
    "group": EventType.GROUP,
    "alias": EventType.ALIAS,
}

_DRAINED: Final = 16 << 20
"""Of a body that is too long, this much is read and thrown away, so that the answer arrives."""

_GZIP_MEMBERS: Final = 16

_ALLOWED: Final = "Authorization, Content-Type, Content-Encoding, AnonymousId, X-Retry-Count"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9-]{1,64}(?: ?, ?[A-Za-z0-9-]{1,64}){0,31}")
_CORS: Final = {"Access-Control-Allow-Origin": "*"}

Handler = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Return the routes of collecting, long and short forms."""
    made = []
    for name, kind in _SINGLE.items():
        handler = _collecting(kind)
        made += [_route(f"/v1/{name}", handler), _route(f"/v1/{name[0]}", handler)]
    batch = _collecting(None)
    for path in ("/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"):
        made.append(_route(path, batch))
    return [
        *made,
        _route("/v1/m", metrics),
        _route("/v1/projects/{key}/settings", browser_settings, "GET"),
        _route("/sourceConfig/", source_config, "GET"),
        _route("/sourceConfig", source_config, "GET"),
    ]


def _route(path: str, handler: Handler, method: str = "POST") -> Route:
    return Route(path, _crossing(handler, method), methods=[method, "OPTIONS"])


def _crossing(handler: Handler, method: str) -> Handler:
    """Let pages of any site call it: nothing here depends on cookies."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request, method)
        try:
            response = await handler(request)
        except PersxError as error:
            response = error_answer(error)
        except ClientDisconnect:
            response = Response(status_code=400)
        response.headers.update(_CORS)
        return response

    answer.__doc__ = handler.__doc__
    answer.__name__ = handler.__name__
    return answer


def _preflight(request: Request, method: str) -> Response:
    asked = request.headers.get("access-control-request-headers", "")
    allowed = asked if _HEADER_NAMES.fullmatch(asked) else _ALLOWED
    headers = {
        **_CORS,
        "Access-Control-Allow-Methods": f"{method}, OPTIONS",
        "Access-Control-Allow-Headers": allowed,
        "Access-Control-Max-Age": "86400",
        "Vary": "Access-Control-Request-Headers",
    }
    return Response(status_code=204, headers=headers)


def _collecting(kind: EventType | None) -> Handler:
    async def collecting(request: Request) -> Response:
        """Keep the events of the body; answered once they are durable."""
        services = services_of(request)
        sent = await _sent(request)
        try:
            body = _unpacked(sent, request.headers.get("content-encoding", ""))
            envelope = open_single(body) if kind else open_batch(body)
        except BadInput as error:
            if KeyScope.COLLECT in _allowed(request, "", services).scopes:
                await _collect(services, [], [reject(sent, services.clock(), error)])
            elif _key(request):
                return _unauthorized()
            raise
        key = _allowed(request, envelope.write_key, services)
        if not key.known:
            return _unauthorized()
        key.need(KeyScope.COLLECT)
        verified = KeyScope.IDENTIFY in key.scopes
        return await _kept(request, services, envelope, kind, verified=verified)

    if kind:
        collecting.__name__ = kind.value
    return collecting


async def _kept(
    request: Request,
    services: Services,
    envelope: Envelope,
    kind: EventType | None,
    *,
    verified: bool,
) -> Response:
    events, rejected = parse_messages(
        envelope,
        kind,
        received=services.clock(),
        verified=verified,
        id_factory=_message_id,
        anonymous_id=_anonymous_id(request),
    )
    agent = request.headers.get("user-agent", "")
    events = without_bots(services, events, agent=agent, verified=verified)
    events = completed(services.publication.plan, events)
    if not verified:
        # What the owner's servers send is the owner's word; a page speaks for its visitor.
        events = await consented(services, events)
    await _collect(services, events, rejected)
    if kind and rejected:
        return json(ErrorBody("BadInput", rejected[0].reason), 400)
    if rejected:
        return json({"success": True, "rejected": len(rejected)})
    return json({"success": True})


async def _collect(
    services: Services, events: Sequence[Event], rejected: Sequence[RejectedEvent]
) -> None:
    try:
        await collect(services, events, rejected)
    except OSError as error:
        raise Unavailable("The events cannot be kept now.", hint="Send them again.") from error


async def metrics(request: Request) -> Response:
    """Accept what browser clients say about themselves, and drop it."""
    await _sent(request)
    return json({"success": True})


async def browser_settings(request: Request) -> Response:
    """Return what @segment/analytics-next boots from."""
    services = services_of(request)
    key = request.path_params["key"]
    if not _is_public(request, key, services):
        return json(ErrorBody("NotFound", "No project has this write key."), 404)
    protocol, _, host = _origin(request, services).partition("://")
    return json(
        {
            "integrations": {
                "Segment.io": {
                    "apiKey": key,
                    "apiHost": f"{host}/v1",
                    "protocol": protocol,
                    "addBundledMetadata": True,
                    "unbundledIntegrations": [],
                    "bundledConfigIds": [],
                    "unbundledConfigIds": [],
                    "maybeBundledConfigIds": {},
                    "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                }
            },
            "plan": {
                "track": {"__default": {"enabled": True, "integrations": {}}},
                "identify": {"__default": {"enabled": True}},
                "group": {"__default": {"enabled": True}},
            },
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0, "host": f"{host}/v1"},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
    )


async def source_config(request: Request) -> Response:
    """Return what @rudderstack/analytics-js boots from: one source without destinations."""
    services = services_of(request)
    key = _key(request)
    if not _is_public(request, key, services):
        return _unauthorized()
    source: dict[str, Any] = {
        "id": "persx",
        "name": "persx",
        "writeKey": key,
        "enabled": True,
        "workspaceId": "persx",
        "config": {
            "statsCollection": {
                "errors": {"enabled": False},
                "metrics": {"enabled": False},
            }
        },
        "destinations": [],
        "connections": [],
        "updatedAt": "1970-01-01T00:00:00.000Z",
    }
    return json(
        {"source": source, "updatedAt": source["updatedAt"], "consentManagementMetadata": {}}
    )


def _origin(request: Request, services: Services) -> str:
    if services.settings.public_url:
        return services.settings.public_url.rstrip("/")
    return f"{request.url.scheme}://{request.url.netloc}"


def _message_id() -> str:
    return str(uuid.uuid4())


def _key(request: Request) -> str:
    return key_of(request.headers) or request.query_params.get("writeKey", "")


def _allowed(request: Request, write_key: str, services: Services) -> Allowed:
    """Return what the best of the keys allows: clients send it in one or more places.

    In an address only a public key is good: addresses are logged.
    """
    found = [
        allowed(request, services, key)
        for key in dict.fromkeys((key_of(request.headers), write_key))
        if key
    ]
    named = request.query_params.get("writeKey", "")
    if named and (key := allowed(request, services, named)).is_public:
        found.append(key)
    return max(found, key=lambda key: len(key.scopes), default=NOBODY)


def _is_public(request: Request, key: str, services: Services) -> bool:
    found = allowed(request, services, key)
    return found.is_public and KeyScope.COLLECT in found.scopes


def _unauthorized() -> Response:
    body = ErrorBody("Unauthorized", "The write key is missing or not this workspace's.")
    # No WWW-Authenticate: browsers would ask the page's visitor for a password.
    return json(body, 401)


def _anonymous_id(request: Request) -> str | None:
    """Return the anonymous id that RudderStack's browser client sends as a header, in base64."""
    header = request.headers.get("anonymousid")
    if not header or len(header) > 4 * MAX_ID:
        return None
    try:
        text = base64.b64decode(header, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return text if 0 < len(text) <= MAX_ID and text.isprintable() else None


async def _sent(request: Request) -> bytes:
    """Return the body as it was sent; of one that is too long, a byte more than is allowed."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        if size <= MAX_BATCH:
            chunks.append(chunk[: MAX_BATCH + 1 - size])
        size += len(chunk)
        if size > _DRAINED:
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _unpacked(sent: bytes, encoding: str) -> bytes:
    """Return the body as it was before compression; both are `MAX_BATCH` bytes at most."""
    if len(sent) > MAX_BATCH:
        raise BadInput("The body is too long.", hint=f"Send at most {MAX_BATCH} bytes at once.")
    encoding = encoding.strip().lower()
    if encoding in ("identity", ""):
        return sent
    if encoding not in ("gzip", "x-gzip"):
        raise BadInput(f"Content-Encoding '{encoding[:40]}' is not known.", hint="Use gzip.")
    return _decompressed(sent)


def _decompressed(body: bytes) -> bytes:
    opened = b""
    for _ in range(_GZIP_MEMBERS):
        inflater = zlib.decompressobj(wbits=31)
        try:
            opened += inflater.decompress(body, MAX_BATCH + 1 - len(opened))
        except zlib.error as error:
            raise BadInput(f"The body is not gzip: {error}.") from error
        if len(opened) > MAX_BATCH:
            raise BadInput("The body is too long.", hint=f"Send at most {MAX_BATCH} bytes at once.")
        if not inflater.eof:
            raise BadInput("The gzip body is cut off.")
        body = inflater.unused_data
        if not body:
            return opened
    raise BadInput(f"The gzip body has more than {_GZIP_MEMBERS} members.")
