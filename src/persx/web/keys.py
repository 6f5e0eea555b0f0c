"""Keys: what a request's key allows."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from enum import Enum

from persx.app.services import Keys


class Access(Enum):
    """What the key at hand allows: nothing, what is public, or everything about anyone."""

    NONE = 0
    PUBLIC = 1
    SERVER = 2


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that a request carries: Basic user, Bearer, X-API-Key, or bare."""
    if key := headers.get("x-api-key"):
        return key
    authorization = headers.get("authorization", "")
    scheme, _, rest = authorization.partition(" ")
    if scheme.casefold() == "bearer":
        return rest.strip()
    if scheme.casefold() == "basic":
        try:
            user, _, _ = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        return user
    return authorization.strip()


def access(key: str, keys: Keys) -> Access:
    """Return what a key allows. Compares in constant time."""
    given = key.encode("utf-8", "replace")
    if given and hmac.compare_digest(given, keys.server_key.encode()):
        return Access.SERVER
    if given and hmac.compare_digest(given, keys.write_key.encode()):
        return Access.PUBLIC
    return Access.NONE
