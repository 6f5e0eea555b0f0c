"""Passwords: which are good enough, and hashing them without stopping the server."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from persx.model.errors import BadInput, Unavailable

T = TypeVar("T")

LEAST: Final = 12
MOST: Final = 256
_FEWEST_DIFFERENT: Final = 5
_LEAST_BESIDE_NAME: Final = 8

AT_ONCE: Final = 2
"""Hashes that are computed at the same time; each takes 64 MiB and some tens of milliseconds."""

WAITING: Final = 16
"""Hashes that may wait for their turn; who comes after is asked to come again."""

_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
"""argon2id with RFC 9106's second recommendation."""

_NOBODYS: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$UIrvDhNyUn37Zhvijxxl2Q"
    "$QsV2dc9kRZexYEio356whKuo69kneHS+7fgCGpAD4SY"
)
"""What a password is compared with where there is no account, so that it takes as long."""

_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "01234567890123456789",
    "98765432109876543210",
)
_COMMON: Final = (
    "password", "passwort", "passw0rd", "p@ssw0rd", "p@ssword", "letmein", "welcome",
    "willkommen", "iloveyou", "changeme", "secret", "geheim", "admin", "administrator", "login",
    "master", "dragon", "monkey", "sunshine", "princess", "football", "baseball", "superman",
    "batman", "trustno1", "qwerty", "qwertz", "azerty", "persx", "test", "default", "guest",
    "root", "user", "please", "hello", "hallo", "summer", "sommer", "winter", "spring", "autumn",
)  # fmt: skip
"""What guesses begin with; a password that is made of these, digits and signs alone is guessed."""


def check_password(password: str, about: Iterable[str]) -> None:
    """Refuse a password that is too short or easily guessed; nothing is asked about characters.

    That is what NIST SP 800-63B says: length counts, rules about digits and capitals do harm.

    Args:
        about: What the password must not be made of: the owner's names.

    Raises:
        BadInput: Says what is wrong with it, and never repeats it.
    """
    password = normal(password)
    if len(password) < LEAST:
        raise BadInput(
            f"The password has {len(password)} characters; it needs at least {LEAST}.",
            hint="A few words in a row are easy to remember.",
        )
    if len(password) > MOST:
        raise BadInput(f"The password is longer than {MOST} characters.")
    plain = password.casefold()
    if len(set(plain)) < _FEWEST_DIFFERENT or _guessable(plain):
        raise BadInput(
            "Such a password is guessed first.", hint="Take a few words that only you would join."
        )
    for name in {part for each in about for part in _parts(each)}:
        if name in plain and len(plain.replace(name, "")) < _LEAST_BESIDE_NAME:
            raise BadInput(
                "The password is little more than your name.",
                hint="Take a few words that have nothing to do with you.",
            )


def _guessable(plain: str) -> bool:
    left = plain
    for word in sorted(_COMMON, key=len, reverse=True):
        left = left.replace(word, "")
    letters = "".join(each for each in left if each.isalpha())
    if not letters:
        return True
    runs = [text for run in _RUNS for text in (run, run[::-1])]
    bare = "".join(each for each in plain if each.isalnum())
    pieces = {bare[start : start + 4] for start in range(0, len(bare) - 3, 4)}
    return all(any(piece in run for run in runs) for piece in pieces)


def _parts(name: str) -> list[str]:
    plain = name.casefold()
    parts = {plain, *plain.replace("@", " ").replace(".", " ").split()}
    return [part for part in parts if len(part) >= 4]


def normal(password: str) -> str:
    """Return a password as it is hashed: the same, however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


class PasswordDesk:
    """Hashes and verifies on threads, few at a time, so that a flood cannot stop the server."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._here = 0

    async def hash(self, password: str) -> str:
        """Return the hash of a password.

        Raises:
            Unavailable: Too many are waiting.
        """
        return await self._in_turn(lambda: _HASHER.hash(normal(password)))

    async def verify(self, kept: str, password: str) -> bool:
        """Tell whether a password is right; takes as long where nothing is kept.

        Raises:
            Unavailable: Too many are waiting.
        """
        right = await self._in_turn(lambda: _matches(kept or _NOBODYS, password))
        return right and bool(kept)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._here >= self._most:
            raise Unavailable("Too many people sign in at this moment.", hint="Try again soon.")
        self._here += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._here -= 1


def is_old(kept: str) -> bool:
    """Tell whether a hash was made with other costs than today's."""
    return _HASHER.check_needs_rehash(kept)


def _matches(kept: str, password: str) -> bool:
    if len(password) > 4 * MOST:
        password = ""
    try:
        return _HASHER.verify(kept, normal(password))
    except (Argon2Error, InvalidHashError):
        return False
