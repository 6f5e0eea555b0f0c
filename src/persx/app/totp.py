"""The second factor: time-based one-time passwords (RFC 6238) and recovery codes."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

from persx.model.clock import Millis

STEP: Final = 30_000
"""Milliseconds for which a code is the right one."""

DIGITS: Final = 6
RECOVERY_CODES: Final = 10
_DRIFT: Final = 1
_SEALED: Final = "sealed:"
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""What recovery codes are made of: nothing that is mistaken for something else."""


def new_secret() -> str:
    """Return a new secret of 160 bits, in base32 as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def sealed(secret: str, key: str) -> str:
    """Return a secret as it is kept: encrypted with the home's own.

    The pad is HMAC-SHA256 of a nonce, which is used once and longer than what it covers.
    """
    nonce = secrets.token_bytes(16)
    return (
        _SEALED + base64.b64encode(nonce + _padded(base64.b32decode(secret), nonce, key)).decode()
    )


def opened(kept: str, key: str) -> str:
    """Return a secret from what is kept of it; earlier versions kept it as it is."""
    if not kept.startswith(_SEALED):
        return kept
    found = base64.b64decode(kept.removeprefix(_SEALED))
    return base64.b32encode(_padded(found[16:], found[:16], key)).decode()


def _padded(text: bytes, nonce: bytes, key: str) -> bytes:
    pad = hmac.digest(key.encode(), b"totp\0" + nonce, "sha256")
    return bytes(left ^ right for left, right in zip(text, pad[: len(text)], strict=True))


def code(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of a time step: HOTP (RFC 4226) with SHA-1 and the step as its counter.

    >>> code(base64.b32encode(b"12345678901234567890").decode(), 59 // 30, digits=8)
    '94287082'
    """
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def matching_step(secret: str, given: str, now: Millis, *, after: int = 0) -> int | None:
    """Return the time step whose code was given; none where it is wrong, or was used already.

    Args:
        after: The last step whose code was used. Its code is refused, as are those before it.
    """
    current = now // STEP
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        right = hmac.compare_digest(code(secret, step).encode(), given.encode("utf-8", "replace"))
        if right and step > after:
            found = step
    return found


def uri(secret: str, account: str, issuer: str) -> str:
    """Return what an authenticator app reads from a QR code.

    >>> uri("ABC", "ada@example.com", "My shop")
    'otpauth://totp/My%20shop:ada%40example.com?secret=ABC&issuer=My%20shop'
    """
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(account, safe='')}?{query}"


def new_recovery_codes() -> list[str]:
    """Return codes that each replace the second factor once: 10 characters, 49 bits."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_hash(given: str, secret: str) -> str:
    """Return what is kept of a recovery code, keyed with the home's secret.

    What is typed may have capitals, spaces and no dash.
    """
    bare = "".join(each for each in given.casefold() if each in _ALPHABET)
    return hmac.digest(secret.encode(), b"recovery\0" + bare.encode(), "sha256").hex()
