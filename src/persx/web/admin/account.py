"""One's own account in the studio: password, second factor, recovery codes, sessions."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import own_account, sessions
from persx.app.passwords import LEAST
from persx.app.sessions import Session, SignedIn
from persx.app.signing_in import TooSoon
from persx.app.totp import uri
from persx.model.errors import BadInput, Conflict, Forbidden, PersxError, Unavailable
from persx.model.staff import NEEDS, Action
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, field, sign_in, staff_of
from persx.web.admin.signing_in import client_of
from persx.web.qr import QrCode, qr_code
from persx.web.visitors import services_of

ACCOUNT = "/admin/account"


class OwnSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session of one's own; `here` is the one that asks."""

    session: Session
    here: bool


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One's own account.

    Attributes:
        rights: What the account may do, in words.
        fixed: The settings say the password.
        secret: Of a second factor that is being set up, in groups of four; else empty.
        qr: The same, to be read by a phone.
        codes: New recovery codes, shown only now.
        place: Which form a problem belongs to.
    """

    name: str
    least: int = LEAST
    rights: tuple[str, ...] = ()
    fixed: bool = False
    secret: str = ""
    uri: str = ""
    qr: QrCode | None = None
    codes: Sequence[str] = ()
    sessions: Sequence[OwnSession] = ()
    place: str = ""
    problem: str = ""
    done: str = ""


DONE = {
    "password": "Your password is changed. Your other sessions have ended.",
    "off": "The second factor is off.",
    "sessions": "You are signed out everywhere else.",
}
"""What is said after something was done, by the parameter `done`."""


def _staff(request: Request) -> SignedIn:
    staff = staff_of(request)
    assert staff is not None, "The door lets nobody else through."
    return staff


async def show_account(request: Request) -> Response:
    """Show one's own account."""
    return await _page(request, done=DONE.get(request.query_params.get("done", ""), ""))


async def _page(
    request: Request,
    status: int = 200,
    *,
    place: str = "",
    problem: str = "",
    done: str = "",
    codes: Sequence[str] = (),
) -> Response:
    services, staff = services_of(request), _staff(request)
    account, name = staff.account, site_name(request)
    own = await sessions.sessions_of(services, account)
    secret = "" if account.totp or codes else own_account.pending_totp(services, staff)
    text = uri(secret, account.name, f"{name} Studio") if secret else ""
    view = AccountView(
        name=name,
        rights=tuple(each.value for each in NEEDS if account.may(each) and each != Action.OWN),
        fixed=own_account.password_is_set_elsewhere(services, account),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        uri=text,
        qr=qr_code(text) if text else None,
        codes=codes,
        sessions=tuple(OwnSession(session=each, here=key == staff.key) for key, each in own),
        place=place,
        problem=problem,
        done=done,
    )
    return studio_page(request, "admin/account.html", view, status)


Work = Callable[[Request, SignedIn, FormData], Awaitable[Response]]


def _form(place: str) -> Callable[[Work], Callable[[Request], Awaitable[Response]]]:
    """Return what makes a handler of a form: what goes wrong is said beside it."""

    def wrap(work: Work) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(work)
        async def handle(request: Request) -> Response:
            form = await request.form()
            try:
                return await work(request, _staff(request), form)
            except PersxError as error:
                status = next(
                    (
                        code
                        for kind, code in (
                            (TooSoon, 429),
                            (Unavailable, 503),
                            (BadInput, 422),
                            (Forbidden, 403),
                            (Conflict, 409),
                        )
                        if isinstance(error, kind)
                    ),
                    500,
                )
                response = await _page(request, status, place=place, problem=str(error))
                if isinstance(error, TooSoon):
                    response.headers["Retry-After"] = str(error.seconds)
                return response

        return handle

    return wrap


@_form("password")
async def send_password(request: Request, staff: SignedIn, form: FormData) -> Response:
    """Change one's own password; every other session ends, and this one gets a new id."""
    services = services_of(request)
    new = field(form, "password")
    if new != field(form, "again"):
        raise BadInput("The two new passwords are not the same.")
    account = await own_account.change_password(
        services, staff, field(form, "current"), new, actor_of(request, staff)
    )
    client = client_of(request)
    token = await sessions.start(services, account, agent=client.agent, network=client.network)
    response = RedirectResponse(f"{ACCOUNT}?done=password", 303)
    sign_in(response, services, token)
    return response


@_form("totp")
async def begin_totp(request: Request, staff: SignedIn, form: FormData) -> Response:
    """Begin to set up the second factor."""
    await own_account.begin_totp(services_of(request), staff)
    return RedirectResponse(ACCOUNT, 303)


@_form("totp")
async def confirm_totp(request: Request, staff: SignedIn, form: FormData) -> Response:
    """Switch the second factor on with its first code; show the recovery codes."""
    codes = await own_account.confirm_totp(
        services_of(request), staff, field(form, "code"), actor_of(request, staff)
    )
    return await _codes(request, codes)


@_form("totp")
async def totp_off(request: Request, staff: SignedIn, form: FormData) -> Response:
    """Switch the second factor off."""
    await own_account.switch_totp_off(
        services_of(request), staff, field(form, "current"), actor_of(request, staff)
    )
    return RedirectResponse(f"{ACCOUNT}?done=off", 303)


@_form("totp")
async def new_codes(request: Request, staff: SignedIn, form: FormData) -> Response:
    """Show new recovery codes; the old ones are good for nothing."""
    codes = await own_account.renew_recovery_codes(
        services_of(request), staff, field(form, "current"), actor_of(request, staff)
    )
    return await _codes(request, codes)


class CodesView(msgspec.Struct, frozen=True, kw_only=True):
    """Recovery codes, shown only now."""

    name: str
    codes: Sequence[str]


async def _codes(request: Request, codes: Sequence[str]) -> Response:
    view = CodesView(name=site_name(request), codes=codes)
    return studio_page(request, "admin/codes.html", view)


@_form("sessions")
async def sign_out_elsewhere(request: Request, staff: SignedIn, form: FormData) -> Response:
    """End all own sessions but this one."""
    actor = actor_of(request, staff)
    await own_account.sign_out_elsewhere(services_of(request), staff, actor)
    return RedirectResponse(f"{ACCOUNT}?done=sessions", 303)
