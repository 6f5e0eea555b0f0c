"""API keys: made, listed, rotated and revoked; a key itself is shown once and kept nowhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from persx.app.keyring import KEPT, PREFIX, USED, new_secret
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.clock import DAY, Millis, iso
from persx.model.errors import BadInput, NotFound, did_you_mean
from persx.model.key import ApiKey, KeyScope, KeySecret

OVERLAP: Final = DAY
"""How long a rotated secret goes on working unless somebody says otherwise."""

MOST_KEYS: Final = 1_000
_ID: Final = re.compile(r"[0-9a-f]{12}")
_LONGEST_NAME: Final = 80
_LONGEST: Final = 3_650 * DAY


class CreateKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make.

    Attributes:
        scopes: Names of `KeyScope`.
        lasts: Milliseconds until it expires; none where it does not.
    """

    name: str
    scopes: list[str]
    lasts: Millis | None = None


class RotateKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that gets a new secret; the old one works for `overlap` milliseconds more."""

    key: str
    overlap: Millis = OVERLAP


class RevokeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is taken back, by its id or its name."""

    key: str


class ListKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for all keys."""


class ShownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as lists show it.

    Attributes:
        state: ``working``, ``rotating`` (an old secret works too), ``expired`` or ``revoked``.
        used: About when it was last used; to five minutes.
        old_until: Until when an old secret works.
    """

    id: str
    name: str
    scopes: tuple[KeyScope, ...]
    state: str
    created: Millis
    expires: Millis | None
    used: Millis | None
    old_until: Millis | None = None


class MadeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key and the secret text, which nobody can show a second time."""

    key: str
    shown: ShownKey


class RevokedKey(ShownKey, frozen=True, kw_only=True):
    """A key that works no more.

    Attributes:
        already: It had been revoked before, and nothing was changed.
    """

    already: bool = False


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """All keys: those that work first, the newest of them first."""

    keys: tuple[ShownKey, ...]


async def create(services: Services, request: CreateKey) -> MadeKey:
    """Make a key.

    Raises:
        BadInput: It has no name or one that another key has, no scope or one that is none, or
            it would never work.
    """
    name = request.name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(
            f"'{request.name[:_LONGEST_NAME]}' is no name of a key.",
            value=request.name,
            hint=f"Say in up to {_LONGEST_NAME} characters who uses it, and what for.",
        )
    kept = await _kept(services)
    if any(key.name == name and key.revoked is None for key in kept):
        raise BadInput(f"There is a key '{name}' already.", value=name, hint="Rotate that one.")
    if len(kept) >= MOST_KEYS:
        raise BadInput(f"There are {MOST_KEYS} keys already.")
    scopes = _scopes(request.scopes)
    now = services.clock()
    if request.lasts is not None and not 0 < request.lasts <= _LONGEST:
        raise BadInput("A key lasts at least a moment, and at most ten years.", value=request.lasts)
    secret = new_secret()
    key = ApiKey(
        id=secrets.token_hex(6),
        name=name,
        scopes=scopes,
        created=now,
        secrets=(KeySecret(digest=services.keyring.digest(secret)),),
        expires=None if request.lasts is None else now + request.lasts,
    )
    return await _made(services, key, secret)


async def rotate(services: Services, request: RotateKey) -> MadeKey:
    """Give a key a new secret; the one that was current works until the overlap is over.

    Raises:
        BadInput: The overlap is negative or longer than 90 days, or the key works no more.
        NotFound: There is no such key.
    """
    key, now = await _found(services, request.key), services.clock()
    if not 0 <= request.overlap <= 90 * DAY:
        raise BadInput("An old secret works for 0 to 90 days more.", value=request.overlap)
    if not key.works(now):
        raise BadInput(f"The key '{key.name}' works no more.", value=key.id, hint="Make another.")
    secret = new_secret()
    # The older of two that are rotated away has had its time.
    old = msgspec.structs.replace(key.secrets[0], until=now + request.overlap)
    new = KeySecret(digest=services.keyring.digest(secret))
    return await _made(services, msgspec.structs.replace(key, secrets=(new, old)), secret)


async def revoke(services: Services, request: RevokeKey) -> RevokedKey:
    """Take a key back: the next request with it is refused; a second time changes nothing.

    Raises:
        NotFound: There is no such key.
    """
    key = await _found(services, request.key)
    already = key.revoked is not None
    if not already:
        key = msgspec.structs.replace(key, revoked=services.clock())
        await _keep(services, key)
    shown = await _shown(services, key)
    return RevokedKey(**msgspec.structs.asdict(shown), already=already)


async def list_keys(services: Services, _request: ListKeys) -> Keys:
    """Return all keys: those that work first, the newest of them first."""
    now = services.clock()
    kept = sorted(await _kept(services), key=lambda key: (not key.works(now), -key.created, key.id))
    return Keys(keys=tuple([await _shown(services, key) for key in kept]))


def _scopes(names: Sequence[str]) -> tuple[KeyScope, ...]:
    known = [scope.value for scope in KeyScope]
    for name in names:
        if name not in known:
            raise BadInput(
                f"Unknown scope '{name}'.",
                value=name,
                hint=did_you_mean(name, known) or f"Scopes are: {', '.join(known)}.",
            )
    if not names:
        raise BadInput("A key without a scope opens nothing.", hint=f"Give: {', '.join(known)}.")
    return tuple(scope for scope in KeyScope if scope.value in names)


async def _kept(services: Services) -> list[ApiKey]:
    values = await services.store.values(KEPT)
    return [msgspec.json.decode(value, type=ApiKey) for value in values.values()]


async def _found(services: Services, asked: str) -> ApiKey:
    """Return a key by its id or name; the whole key does too, for it begins with the id."""
    id = asked.removeprefix(PREFIX).partition("_")[0]
    kept = await _kept(services)
    for key in kept:
        if _ID.fullmatch(id) and key.id == id:
            return key
    named = [key for key in kept if key.name == asked]
    if not named:
        # The text is not repeated whole: it may hold a secret.
        raise NotFound("There is no such key.", hint="'persx key list' lists all.")
    return min(named, key=lambda key: (key.revoked is not None, -key.created))


async def _keep(services: Services, key: ApiKey) -> None:
    await services.store.set_value(KEPT + key.id, msgspec.json.encode(key))
    await services.keyring.refresh(services.store)


async def _made(services: Services, key: ApiKey, secret: str) -> MadeKey:
    await _keep(services, key)
    return MadeKey(key=f"{PREFIX}{key.id}_{secret}", shown=await _shown(services, key))


async def _shown(services: Services, key: ApiKey) -> ShownKey:
    now = services.clock()
    written = await services.store.value(USED + key.id)
    seen = (services.keyring.last_used(key.id), int(written) if written else None)
    old = max((each.until for each in key.secrets if each.until is not None), default=0)
    state = "working" if old <= now else "rotating"
    if not key.works(now):
        state = "expired" if key.revoked is None else "revoked"
    return ShownKey(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        state=state,
        created=key.created,
        expires=key.expires,
        used=max((at for at in seen if at is not None), default=None),
        old_until=old if state == "rotating" else None,
    )


def _created(_request: CreateKey, made: MadeKey) -> list[Noted]:
    return [Noted("key.create", made.shown.name, ", ".join(made.shown.scopes))]


def _rotated(_request: RotateKey, made: MadeKey) -> list[Noted]:
    until = made.shown.old_until
    ends = "now" if until is None else iso(until)
    return [Noted("key.rotate", made.shown.name, f"the old secret ends {ends}")]


def _revoked(_request: RevokeKey, revoked: RevokedKey) -> list[Noted]:
    return [] if revoked.already else [Noted("key.revoke", revoked.name)]


CREATE: Final = UseCase("key-create", CreateKey, MadeKey, create, notes=_created)
ROTATE: Final = UseCase("key-rotate", RotateKey, MadeKey, rotate, notes=_rotated)
REVOKE: Final = UseCase("key-revoke", RevokeKey, RevokedKey, revoke, notes=_revoked)
LIST: Final = UseCase("key-list", ListKeys, Keys, list_keys, writes=False)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (CREATE, ROTATE, REVOKE, LIST)
"""What can be done with keys."""
