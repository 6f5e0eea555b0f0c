"""The keyring: tells what a key at hand allows, from memory; nothing is read for a request."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from persx.model.clock import MINUTE, SECOND, Clock, Millis, iso
from persx.model.errors import Forbidden, TooMany
from persx.model.key import PUBLIC_SCOPES, ApiKey, KeyScope
from persx.storage.ports import Store

PREFIX: Final = "pxk_"
"""What every key begins with, so that scanners for leaked secrets find it."""

KEPT: Final = "apikey/"
USED: Final = "apikey-used/"

USED_EVERY: Final = 5 * MINUTE
"""How exactly the time of a key's last use is known."""

WRONG_KEYS: Final = 30
"""Wrong keys a minute from one address; then it is told to wait."""

_ADDRESSES: Final = 10_000
HASHED: Final = "sha256:"
"""How the kept hash of the server key begins."""


class Allowed(msgspec.Struct, frozen=True):
    """What a key allows: `who` holds it, as looks and logs name them."""

    who: str
    scopes: frozenset[KeyScope] = frozenset()

    @property
    def known(self) -> bool:
        """Whether there is such a key."""
        return bool(self.scopes)

    @property
    def is_public(self) -> bool:
        """Whether it is a key that everyone may read, or none."""
        return self.scopes <= PUBLIC_SCOPES

    def need(self, scope: KeyScope) -> None:
        """Refuse where a scope is missing.

        Raises:
            Forbidden: It is, or there is no such key; the message names the scope.
        """
        if scope in self.scopes:
            return
        if not self.known:
            raise Forbidden(
                "The key is missing or unknown.",
                hint=f"This needs the scope '{scope}': the server key has it, or a key that "
                f"'persx key create --scope {scope}' makes.",
            )
        raise Forbidden(
            f"This needs the scope '{scope}', which the {self.who} does not have.",
            value=scope.value,
            hint="Scopes of a key cannot be changed; make another.",
        )


NOBODY: Final = Allowed("nobody")
_WRITE: Final = Allowed("write key", PUBLIC_SCOPES)
_SERVER: Final = Allowed("server key", frozenset(KeyScope))


class Keyring:
    """Every key that opens this home.

    Args:
        write_key: The public one of the settings or the first start.
        server_digest: What `hashed` returns for the secret one.
        pepper: What hashes of secrets are keyed with.
    """

    def __init__(self, write_key: str, server_digest: str, pepper: str) -> None:
        self._write = write_key.encode()
        self._server = server_digest
        self._proved = b""
        # Who has set one key for both has given everything away.
        self._written_key = _SERVER if hashed(write_key) == server_digest else _WRITE
        self._pepper = hashlib.sha256(pepper.encode()).digest()
        self._keys: dict[str, tuple[ApiKey, Allowed]] = {}
        self._kept: Mapping[str, bytes] = {}
        self._used: dict[str, Millis] = {}
        self._written: dict[str, Millis] = {}
        self._wrong: dict[str, tuple[Millis, int]] = {}

    def digest(self, secret: str) -> str:
        """Return what is kept of a secret.

        Secrets are 256 random bits: nobody finds one by trying, so that a slow hash, which
        passwords need, would only slow down every request.
        """
        return hashlib.blake2b(
            secret.encode("utf-8", "replace"), key=self._pepper, person=b"persx api key"
        ).hexdigest()

    async def refresh(self, store: Store) -> None:
        """Take up what is kept now."""
        kept = await store.values(KEPT)
        if kept == self._kept:
            return
        found = [msgspec.json.decode(value, type=ApiKey) for value in kept.values()]
        self._kept = kept
        self._keys = {
            key.id: (key, Allowed(f"key '{key.name}'", frozenset(key.scopes))) for key in found
        }

    def allowed(self, given: str, clock: Clock) -> Allowed:
        """Return what a key allows; nothing where there is none. Compares in constant time.

        Raises:
            Forbidden: It is a key that was revoked, or has expired.
        """
        sent = given.encode("utf-8", "replace")
        if hmac.compare_digest(sent, self._write):
            return self._written_key
        if given.startswith(PREFIX):
            return self._find(given, clock())
        if self._proved and hmac.compare_digest(sent, self._proved):
            return _SERVER
        if given and hmac.compare_digest(hashed(given), self._server):
            # In memory alone, so that the next request costs no hash.
            self._proved = sent
            return _SERVER
        return NOBODY

    def _find(self, given: str, now: Millis) -> Allowed:
        id, _, secret = given.removeprefix(PREFIX).partition("_")
        digest = self.digest(secret)
        key, allowed = self._keys.get(id, (None, NOBODY))
        matches = [
            each
            for each in (key.secrets if key else ())
            if hmac.compare_digest(each.digest, digest)
        ]
        if key is None or not matches:
            return NOBODY
        if key.revoked is not None:
            raise Forbidden(f"The {allowed.who} was revoked {iso(key.revoked)}.")
        if key.expires is not None and now >= key.expires:
            raise Forbidden(f"The {allowed.who} expired {iso(key.expires)}.")
        if all(each.until is not None and now >= each.until for each in matches):
            raise Forbidden(
                f"The {allowed.who} was rotated, and this is an old secret of it.",
                hint="Use the new one.",
            )
        self._used[id] = now
        return allowed

    def count_wrong(self, address: str, now: Millis) -> None:
        """Note that a wrong key came from an address.

        Raises:
            TooMany: They keep coming from there.
        """
        since, count = self._wrong.get(address, (now, 0))
        if now - since >= MINUTE:
            since, count = now, 0
        if address not in self._wrong and len(self._wrong) >= _ADDRESSES:
            self._wrong.clear()
        self._wrong[address] = since, count + 1
        if count >= WRONG_KEYS:
            left = (since + MINUTE - now) // SECOND + 1
            raise TooMany("Too many wrong keys came from this address.", value=left)

    def last_used(self, id: str) -> Millis | None:
        """Return when this process last saw a key used."""
        return self._used.get(id)

    async def write_uses(self, store: Store) -> None:
        """Keep when keys were last used, where that is worth a write."""
        for id, at in list(self._used.items()):
            if at - self._written.get(id, -USED_EVERY) >= USED_EVERY:
                self._written[id] = at
                await store.set_value(USED + id, b"%d" % at)


def new_secret() -> str:
    """Return a new secret: 256 random bits, safe in URLs and headers."""
    return secrets.token_urlsafe(32)


def hashed(key: str) -> str:
    """Return the hash of the server key, as it is kept."""
    return HASHED + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
