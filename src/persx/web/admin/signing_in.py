"""Signing in to the studio and out of it: one-time link, password, session."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.access import check_password, use_link
from persx.web.admin.session import back, same_origin, sign_in, sign_out
from persx.web.html import page
from persx.web.visitors import is_human, services_of


class LoginView(msgspec.Struct, frozen=True):
    """The sign-in page; `problem` tells why the last try failed."""

    problem: str = ""
    signed_in: bool = False
    name: str = "persx"


def sign_in_page(problem: str = "", status: int = 200) -> Response:
    """Return the page that asks for the password; it stands in for every page of the studio."""
    return page("admin/login.html", LoginView(problem), status)


async def enter(request: Request) -> Response:
    """Sign in with a one-time link; a program that only looks ahead does not use it up."""
    services = services_of(request)
    if not is_human(request):
        return sign_in_page()
    if await use_link(services, request.path_params["token"]):
        response = RedirectResponse("/admin", 303)
        sign_in(response, services)
        return response
    return sign_in_page(
        "This link was used already, or is too old. Sign in with the password.", 403
    )


async def login(request: Request) -> Response:
    """Sign in with the password."""
    services = services_of(request)
    form = await request.form()
    given = form.get("password", "")
    password = given if isinstance(given, str) else ""
    if same_origin(request) and await check_password(services, password):
        response = RedirectResponse("/admin", 303)
        sign_in(response, services)
        return response
    # Guessing is slowed down; the server goes on with other requests meanwhile.
    await asyncio.sleep(0.5)
    return sign_in_page("This is not the password.", 403)


async def logout(request: Request) -> Response:
    """Sign out."""
    response = back("/admin")
    if same_origin(request):
        sign_out(response)
    return response
