"""Access to the studio: the first user's password, one-time links, and sessions."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from itsdangerous import BadSignature, URLSafeTimedSerializer

from persx.app.services import Services
from persx.model.clock import HOUR, Millis

SESSION_SECONDS: Final = 12 * 3_600
LINK_LIFETIME: Final = HOUR

_PASSWORD: Final = "admin:password"
_LINK: Final = "admin:link:"


class _Link(msgspec.Struct, frozen=True):
    until: Millis


async def ensure_password(services: Services) -> str:
    """Make sure that there is a password; return it only if it was made now.

    A password in the settings replaces the kept one.
    """
    given = services.settings.admin_password
    kept = await services.store.value(_PASSWORD)
    if given:
        if kept is None or not _matches(kept, given):
            await services.store.set_value(_PASSWORD, PasswordHasher().hash(given).encode())
        return ""
    if kept is not None:
        return ""
    made = secrets.token_urlsafe(12)
    await services.store.set_value(_PASSWORD, PasswordHasher().hash(made).encode())
    return made


async def check_password(services: Services, password: str) -> bool:
    """Tell whether a password is right; takes some tens of milliseconds on purpose."""
    kept = await services.store.value(_PASSWORD)
    return kept is not None and _matches(kept, password)


def _matches(kept: bytes, password: str) -> bool:
    try:
        return PasswordHasher().verify(kept.decode(), password)
    except (Argon2Error, InvalidHashError):
        return False


async def make_link(services: Services) -> str:
    """Return the path of a link that signs in once, within an hour; older ones are cleared away."""
    for name, kept in (await services.store.values(_LINK)).items():
        if not _is_good(services, kept):
            await services.store.set_value(name, None)
    token = secrets.token_urlsafe(24)
    link = _Link(services.clock() + LINK_LIFETIME)
    await services.store.set_value(_LINK + _digest(token), msgspec.json.encode(link))
    return f"/admin/enter/{token}"


async def use_link(services: Services, token: str) -> bool:
    """Use up a one-time link; tell whether it was good."""
    name = _LINK + _digest(token)
    kept = await services.store.value(name)
    if kept is None:
        return False
    await services.store.set_value(name, None)
    return _is_good(services, kept)


def _is_good(services: Services, link: bytes) -> bool:
    return msgspec.json.decode(link, type=_Link).until > services.clock()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _sessions(services: Services) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services.keys.secret, salt="admin")


def session(services: Services) -> str:
    """Return the value of a session cookie."""
    return str(_sessions(services).dumps({"user": "admin"}))


def signed_in(services: Services, value: str) -> bool:
    """Tell whether a session cookie is ours and not too old."""
    if not value:
        return False
    try:
        _sessions(services).loads(value, max_age=SESSION_SECONDS)
    except BadSignature:
        return False
    return True
