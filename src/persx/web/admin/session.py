"""Who a request of the studio comes from, and what somebody of the team previews on the site."""

from __future__ import annotations

import hmac
import logging
from typing import Final
from urllib.parse import urlsplit

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from persx.app import sessions
from persx.app.services import Services
from persx.app.sessions import LONGEST, SignedIn, csrf_token, key_of
from persx.model.clock import SECOND
from persx.model.staff import Actor
from persx.web.visitors import ADMIN, PREVIEW, network_of, services_of, set_cookie

STUDIO: Final = "/admin"
"""The path of the studio, and of the cookies that open it."""

_STAFF: Final = "persx.staff"
_BAR: Final = "persx.bar"
_NAMES: Final = (ADMIN.name.encode(), PREVIEW.name.encode())
_log = logging.getLogger("persx")


class BarChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What the admin utility bar is set to; empty leaves a thing as it is."""

    industry: str = ""
    persona: str = ""
    locale: str = ""


class _Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the preview's cookie says: the session that it belongs to, and the bar's choice."""

    session: str
    choice: BarChoice = BarChoice()


class Recognition:
    """Finds out, before anything is answered, whether somebody of the team asks.

    Requests without one of their cookies pay for a look at the headers.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note who asks, and go on."""
        if scope["type"] == "http" and _carries(scope):
            request = Request(scope)
            scope[_STAFF] = await self._staff(request)
            scope[_BAR] = await self._bar(request)
        await self._app(scope, receive, send)

    async def _staff(self, request: Request) -> SignedIn | None:
        token = request.cookies.get(ADMIN.name, "")
        return await self._find(key_of(token)) if token else None

    async def _bar(self, request: Request) -> SignedIn | None:
        preview = _preview(self._services, request)
        return await self._find(preview.session) if preview else None

    async def _find(self, key: str) -> SignedIn | None:
        try:
            return await sessions.find(self._services, key)
        except Exception:
            # The site goes on for whoever asks; the studio asks to sign in.
            _log.exception("A session could not be read")
            return None


def _carries(scope: Scope) -> bool:
    return any(
        name == b"cookie" and any(each in value for each in _NAMES)
        for name, value in scope["headers"]
    )


def staff_of(request: Request) -> SignedIn | None:
    """Return who of the team a request of the studio comes from; none where nobody signed in."""
    found: SignedIn | None = request.scope.get(_STAFF)
    return found


def is_admin(request: Request) -> bool:
    """Tell whether somebody of the team looks at the site, and gets the bar.

    It opens nothing: what the bar does is asked of the studio, which takes the session.
    """
    return request.scope.get(_BAR) is not None


def bar_csrf(request: Request) -> str:
    """Return what the bar's form sends back; empty where there is no bar."""
    found: SignedIn | None = request.scope.get(_BAR)
    return csrf_token(services_of(request), found.key) if found else ""


def actor_of(request: Request, staff: SignedIn) -> Actor:
    """Return who does what a request asks for, for the audit log."""
    return Actor(staff.account.name, network_of(request))


def sign_in(response: Response, services: Services, token: str) -> None:
    """Have the browser carry a new session, and let it see the bar."""
    seconds = LONGEST // SECOND
    set_cookie(response, services, ADMIN, token, seconds, path=STUDIO)
    set_choice(response, services, key_of(token), BarChoice())


def sign_out(response: Response) -> None:
    """Take the session and the preview from the browser."""
    response.delete_cookie(ADMIN.name, path=STUDIO)
    response.delete_cookie(PREVIEW.name)


def _serializer(services: Services) -> URLSafeSerializer:
    return URLSafeSerializer(services.keys.secret, salt="preview")


def set_choice(response: Response, services: Services, key: str, choice: BarChoice) -> None:
    """Keep what the bar is set to, as long as the session goes on."""
    preview = _Preview(session=key, choice=choice)
    value = str(_serializer(services).dumps(msgspec.to_builtins(preview)))
    set_cookie(response, services, PREVIEW, value, LONGEST // SECOND)


def choice_of(request: Request) -> BarChoice:
    """Return what the bar is set to."""
    preview = _preview(services_of(request), request)
    return preview.choice if preview else BarChoice()


def _preview(services: Services, request: Request) -> _Preview | None:
    try:
        kept = _serializer(services).loads(request.cookies.get(PREVIEW.name, ""))
        return msgspec.convert(kept, _Preview)
    except (BadSignature, msgspec.ValidationError):
        return None


def same_origin(request: Request) -> bool:
    """Tell whether a form was sent by our own page: the browser says so itself."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def is_ours(request: Request, form: FormData, staff: SignedIn) -> bool:
    """Tell whether a form was sent by a page of the session, and not by another site."""
    given = field(form, "csrf").encode("utf-8", "replace")
    right = csrf_token(services_of(request), staff.key).encode()
    return same_origin(request) and hmac.compare_digest(given, right)


def field(form: FormData, name: str) -> str:
    """Return what was sent in a field of a form; empty where it is missing, or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def back(target: str, default: str = "/") -> RedirectResponse:
    """Return a redirect to one of our own paths; anything else leads to the default."""
    safe = (
        target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and target.isprintable()
    )
    return RedirectResponse(target if safe else default, 303)
