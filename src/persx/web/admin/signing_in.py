"""Signing in to the studio and out of it: password, code, one-time link, invitation."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import audit, sessions
from persx.app.access import FIRST, look_at_link, use_link
from persx.app.accounts import find_account
from persx.app.passwords import LEAST
from persx.app.people import hashed, keep_password
from persx.app.services import Services
from persx.app.signing_in import Client, TooSoon, begin, new_device, with_code, with_password
from persx.app.use_cases import Noted
from persx.model.clock import MINUTE, Millis
from persx.model.errors import BadInput, Unavailable
from persx.model.staff import Account, Actor
from persx.visitors.reduction import reduced_agent
from persx.web.admin.frame import outside_page, site_name
from persx.web.admin.session import (
    STUDIO,
    actor_of,
    back,
    field,
    same_origin,
    sign_in,
    sign_out,
    staff_of,
)
from persx.web.visitors import DEVICE, SIGN_IN, is_human, network_of, services_of, set_cookie

PATIENCE: Final[Millis] = 5 * MINUTE
"""How long after the password the code may come."""

BUSY_SECONDS: Final = 2
_SIGN_IN_SECONDS: Final = 12 * 3_600
_DEVICE_SECONDS: Final = 180 * 86_400
_WRONG: Final = "This name and this password do not fit together."
_FOREIGN: Final = "This form was open for too long, or was not sent from here. Please try again."
_MOST_CHARACTERS: Final = 1_000


class LoginView(msgspec.Struct, frozen=True, kw_only=True):
    """The sign-in page.

    Attributes:
        problem: Why the last try failed.
        csrf: What the form sends back.
        next: Where to go afterwards.
    """

    name: str = "persx"
    problem: str = ""
    user: str = ""
    csrf: str = ""
    next: str = ""


class CodeView(msgspec.Struct, frozen=True, kw_only=True):
    """The page that asks for the second factor."""

    name: str
    csrf: str
    problem: str = ""
    next: str = ""


class JoinView(msgspec.Struct, frozen=True, kw_only=True):
    """The page on which somebody sets their password; without `user` the link is no good."""

    name: str
    user: str = ""
    least: int = LEAST
    problem: str = ""


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What the sign-in cookie says.

    Attributes:
        nonce: What the form's token is made from.
        account, id, epoch: Whose password was right, at `at`; empty before that.
    """

    nonce: str
    account: str = ""
    id: str = ""
    epoch: int = 0
    at: Millis = 0


def _serializer(services: Services, salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(services.keys.secret, salt=salt)


def _state(request: Request) -> _State | None:
    services = services_of(request)
    try:
        kept = _serializer(services, "sign-in").loads(request.cookies.get(SIGN_IN.name, ""))
        return msgspec.convert(kept, _State)
    except (BadSignature, msgspec.ValidationError):
        return None


def _set_state(response: Response, services: Services, state: _State) -> None:
    value = str(_serializer(services, "sign-in").dumps(msgspec.to_builtins(state)))
    set_cookie(response, services, SIGN_IN, value, _SIGN_IN_SECONDS, path=STUDIO)


def _token(services: Services, state: _State) -> str:
    content = f"sign-in\0{state.nonce}".encode()
    return hmac.digest(services.keys.secret.encode(), content, "sha256").hex()[:40]


def _is_ours(request: Request, form: FormData) -> bool:
    """Tell whether a form came from our own sign-in page.

    Every browser says where a form came from. What says nothing is a program, which nobody can
    lead to another site's form: it signs in without a token.
    """
    if not any(map(request.headers.get, ("origin", "sec-fetch-site"))):
        return True
    state = _state(request)
    if state is None or not same_origin(request):
        return False
    given = field(form, "csrf").encode("utf-8", "replace")
    return hmac.compare_digest(given, _token(services_of(request), state).encode())


def sign_in_page(
    request: Request,
    problem: str = "",
    status: int = 200,
    *,
    user: str = "",
    next: str = "",
    remember: bool = True,
) -> Response:
    """Return the page that asks to sign in; it stands in for every page of the studio.

    Args:
        user: What was typed as the name.
        next: Where to go afterwards; unless given, the page that was asked for.
        remember: Set the cookie without which a browser's form is not taken.
    """
    services = services_of(request)
    state = _state(request) or _State(nonce=secrets.token_urlsafe(16))
    if not next and request.method == "GET" and request.url.path != STUDIO:
        query = f"?{request.url.query}" if request.url.query else ""
        next = f"{request.url.path}{query}"
    view = LoginView(
        name=site_name(request),
        problem=problem,
        user=user[:_MOST_CHARACTERS],
        csrf=_token(services, state),
        next=next,
    )
    response = outside_page(request, "admin/login.html", view, status)
    if remember:
        _set_state(response, services, state)
    return response


def client_of(request: Request) -> Client:
    """Return where somebody signs in, as far as it counts."""
    services = services_of(request)
    try:
        device = _serializer(services, "device").loads(request.cookies.get(DEVICE.name, ""))
    except BadSignature:
        device = ""
    return Client(
        address=_address(request),
        network=network_of(request),
        agent=reduced_agent(request.headers.get("user-agent", "")[:500]),
        device=device if isinstance(device, str) else "",
    )


def _address(request: Request) -> str:
    """Return what tries are counted for: of IPv6 the network that one connection gets."""
    host = request.client.host if request.client else ""
    return ":".join(host.split(":")[:4]) if ":" in host else host


async def login(request: Request) -> Response:
    """Sign in with name and password; where there is a second factor, ask for the code."""
    services = services_of(request)
    form = await request.form(max_files=0, max_fields=20)
    name, target = field(form, "name").strip(), field(form, "next")
    if not _is_ours(request, form):
        return sign_in_page(request, _FOREIGN, 403, user=name, next=target)
    client = client_of(request)
    try:
        account = await with_password(
            services, (name or FIRST)[:_MOST_CHARACTERS], field(form, "password"), client
        )
    except (TooSoon, Unavailable) as error:
        return _later(sign_in_page(request, str(error), user=name, next=target), error)
    if account is None:
        return sign_in_page(request, _WRONG, 403, user=name, next=target)
    return await _go_on(request, account, client, "password", target)


def _later(response: Response, error: TooSoon | Unavailable) -> Response:
    early = isinstance(error, TooSoon)
    response.status_code = 429 if early else 503
    seconds = error.seconds if isinstance(error, TooSoon) else BUSY_SECONDS
    response.headers["Retry-After"] = str(seconds)
    return response


async def _go_on(
    request: Request, account: Account, client: Client, how: str, target: str
) -> Response:
    """Begin a session of who knew the password, or ask them for a code."""
    services = services_of(request)
    if not account.totp:
        return await _enter(request, account, client, how, target)
    response = RedirectResponse("/admin/code", 303)
    state = _State(
        nonce=secrets.token_urlsafe(16),
        account=account.name,
        id=account.id,
        epoch=account.epoch,
        at=services.clock(),
    )
    _set_state(response, services, state)
    return response


async def _enter(
    request: Request, account: Account, client: Client, how: str, target: str = ""
) -> Response:
    """Begin a session, under an id that nobody knew before."""
    services = services_of(request)
    before = staff_of(request)
    if before is not None:
        await sessions.end(services, before.key)
    token = await begin(services, account, client, how)
    response = back(target if target.startswith(f"{STUDIO}/") else STUDIO, STUDIO)
    sign_in(response, services, token)
    response.delete_cookie(SIGN_IN.name, path=STUDIO)
    if not client.device.startswith(f"{account.id}:"):
        value = str(_serializer(services, "device").dumps(new_device(account)))
        set_cookie(response, services, DEVICE, value, _DEVICE_SECONDS, path=STUDIO)
    return response


async def _halfway(request: Request) -> Account | None:
    """Return whose password was right a moment ago, in this browser."""
    services = services_of(request)
    state = _state(request)
    if state is None or not state.account or services.clock() - state.at > PATIENCE:
        return None
    account = await find_account(services, state.account)
    if account is None or account.disabled or not account.totp:
        return None
    return account if (account.id, account.epoch) == (state.id, state.epoch) else None


async def show_code(request: Request) -> Response:
    """Ask for the code of the second factor."""
    if await _halfway(request) is None:
        return RedirectResponse(STUDIO, 303)
    return _code_page(request)


def _code_page(request: Request, problem: str = "", status: int = 200) -> Response:
    state = _state(request)
    view = CodeView(
        name=site_name(request),
        csrf=_token(services_of(request), state) if state else "",
        problem=problem,
    )
    return outside_page(request, "admin/code.html", view, status)


async def send_code(request: Request) -> Response:
    """Sign in with the code of the second factor, or a recovery code."""
    services = services_of(request)
    form = await request.form(max_files=0, max_fields=20)
    account = await _halfway(request)
    if account is None:
        return sign_in_page(request, "That took too long. Please begin again.", 403)
    if not _is_ours(request, form):
        return _code_page(request, _FOREIGN, 403)
    client = client_of(request)
    try:
        found = await with_code(services, account, field(form, "code")[:100], client)
    except TooSoon as error:
        return _later(_code_page(request, str(error)), error)
    if not found:
        return _code_page(request, "This code is wrong, or was used already.", 403)
    return await _enter(request, account, client, f"password and {found}")


async def enter(request: Request) -> Response:
    """Sign in with a one-time link; a program that only looks ahead does not use it up."""
    if not is_human(request):
        return sign_in_page(request, next=STUDIO, remember=False)
    account = await use_link(services_of(request), request.path_params["token"])
    if account is not None:
        return await _enter(request, account, client_of(request), "one-time link")
    return sign_in_page(
        request,
        "This link was used already, or is too old. Sign in with the password.",
        403,
        next=STUDIO,
    )


async def show_join(request: Request) -> Response:
    """Ask who was invited for the password that they want; looking does not use the link up."""
    account = await look_at_link(services_of(request), request.path_params["token"], "join")
    view = JoinView(name=site_name(request), user=account.name if account else "")
    return outside_page(request, "admin/join.html", view, 200 if account else 403)


async def send_join(request: Request) -> Response:
    """Set the password of who was invited, once, and sign them in."""
    services = services_of(request)
    token = request.path_params["token"]
    form = await request.form(max_files=0, max_fields=20)
    account = await look_at_link(services, token, "join")
    view = JoinView(name=site_name(request), user=account.name if account else "")
    if account is None:
        return outside_page(request, "admin/join.html", view, 403)

    def again(problem: str, status: int = 422) -> Response:
        return outside_page(
            request, "admin/join.html", msgspec.structs.replace(view, problem=problem), status
        )

    password = field(form, "password")
    if not same_origin(request):
        return again(_FOREIGN, 403)
    if password != field(form, "again"):
        return again("The two passwords are not the same.")
    try:
        kept = await hashed(services, account, password)
    except BadInput as error:
        return again(str(error))
    except Unavailable as error:
        return _later(again(str(error)), error)
    # Everything that can fail has not: of two who come here at once, one goes on.
    if await use_link(services, token, "join") is None:
        return outside_page(request, "admin/join.html", msgspec.structs.replace(view, user=""), 403)
    account = await keep_password(services, account, kept)
    client = client_of(request)
    noted = Noted("account.password", account.name, "by link")
    await audit.note(services, Actor(account.name, client.network), noted)
    return await _go_on(request, account, client, "invitation", "")


async def logout(request: Request) -> Response:
    """Sign out; the session is good for nothing from then on, whoever has a copy of it."""
    services = services_of(request)
    staff = staff_of(request)
    response = back(STUDIO)
    if staff is not None:
        await sessions.end(services, staff.key)
        noted = Noted("sign-out", staff.account.name)
        await audit.note(services, actor_of(request, staff), noted)
    sign_out(response)
    return response
