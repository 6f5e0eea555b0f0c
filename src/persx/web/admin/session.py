"""Sessions of the studio, and what somebody of the team previews on the site."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.access import SESSION_SECONDS, session, signed_in
from persx.app.services import Services
from persx.web.visitors import ADMIN, PREVIEW, services_of, set_cookie


class BarChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What the admin utility bar is set to; empty leaves a thing as it is."""

    industry: str = ""
    persona: str = ""
    locale: str = ""


def is_admin(request: Request) -> bool:
    """Tell whether somebody of the team is signed in."""
    return signed_in(services_of(request), request.cookies.get(ADMIN.name, ""))


def sign_in(response: Response, services: Services) -> None:
    """Start a session."""
    set_cookie(response, services, ADMIN, session(services), SESSION_SECONDS)


def sign_out(response: Response) -> None:
    """End the session and the preview."""
    response.delete_cookie(ADMIN.name)
    response.delete_cookie(PREVIEW.name)


def _serializer(services: Services) -> URLSafeSerializer:
    return URLSafeSerializer(services.keys.secret, salt="preview")


def set_choice(response: Response, services: Services, choice: BarChoice) -> None:
    """Keep what the bar is set to; nothing chosen ends the preview."""
    if choice == BarChoice():
        response.delete_cookie(PREVIEW.name)
    else:
        value = str(_serializer(services).dumps(msgspec.to_builtins(choice)))
        set_cookie(response, services, PREVIEW, value, None)


def choice_of(request: Request) -> BarChoice:
    """Return what the bar is set to."""
    services = services_of(request)
    try:
        kept = _serializer(services).loads(request.cookies.get(PREVIEW.name, ""))
        return msgspec.convert(kept, BarChoice)
    except (BadSignature, msgspec.ValidationError):
        return BarChoice()


def same_origin(request: Request) -> bool:
    """Tell whether a form was sent by our own page: the browser says so itself."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def back(target: str, default: str = "/") -> RedirectResponse:
    """Return a redirect to one of our own paths; anything else leads to the default."""
    safe = (
        target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and target.isprintable()
    )
    return RedirectResponse(target if safe else default, 303)
