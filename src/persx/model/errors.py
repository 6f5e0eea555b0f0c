"""Every error that persx raises: what happened, with which value, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from persx.model.counting import counted


class PersxError(Exception):
    """Base of all errors of persx; carries the parts of its message as fields."""

    def __init__(self, message: str, *, value: object = None, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.value = value
        self.hint = hint


class BadInput(PersxError):
    """Something from outside cannot be used as it is (HTTP 400, exit code 2)."""


class NotFound(PersxError):
    """A named thing does not exist (HTTP 404)."""


class Conflict(PersxError):
    """Someone changed the same thing in the meantime (HTTP 409)."""


class NothingYet(Conflict):
    """There is nothing to work with yet; nothing is wrong, and later there may be."""


class InUse(Conflict):
    """Another process has the home open for writing."""


class Forbidden(PersxError):
    """The key or cookie at hand does not allow this (HTTP 403)."""


class TooMany(PersxError):
    """Too many tries; `value` is the number of seconds to wait (HTTP 429)."""


class Unavailable(PersxError):
    """A part of the system cannot answer now; trying again later may help (HTTP 503)."""


class Unreadable(PersxError):
    """Something that is kept cannot be read: another version stored it, or it is damaged."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong in a workspace: where, which value, why, and what to do.

    `path` is dotted inside the document, such as ``variants.saas.content.headline``. `line`
    counts from 1; 0 where it is not known.
    """

    file: str = ""
    line: int = 0
    path: str = ""
    value: str = ""
    message: str
    hint: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        file = f"{self.file}:{self.line}" if self.file and self.line else self.file
        place = ": ".join(part for part in (file, self.path) if part)
        value = f" (value: {self.value})" if self.value else ""
        return f"{place}: {self.message}{value}{' ' + self.hint if self.hint else ''}".lstrip(": ")


class InvalidWorkspace(BadInput):
    """A workspace has faults; `faults` holds every one of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(
            f"The workspace has {counted(len(faults), 'fault')}:\n"
            + "\n".join(f"  {fault}" for fault in faults)
        )
        self.faults = tuple(faults)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or lists a few of them.

    >>> did_you_mean("custmer.industry", ["customer.industry", "cart.value"])
    "Did you mean 'customer.industry'?"
    """
    names = sorted(set(known))
    folded = {name.casefold(): name for name in names}
    close = get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{folded[close[0]]}'?"
    if not names:
        return ""
    shown = ", ".join(names[:8])
    return f"Known: {shown}{' …' if len(names) > 8 else ''}."
