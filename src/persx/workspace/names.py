"""Names: what the documents of each kind may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

RESERVED_VARIANTS: Final = frozenset({"default", "targeted"})
RESERVED_EXPERIMENTS: Final = frozenset({"holdout"})


@dataclass(frozen=True, slots=True)
class NameRule:
    """How a kind of name is written: `allows` in words, `pattern` as a regular expression."""

    pattern: re.Pattern[str]
    allows: str
    longest: int = 64
    reserved: frozenset[str] = frozenset()

    def problem(self, name: str) -> str | None:
        """Return what is wrong with a name, in words, or none.

        >>> SLUG.problem("contact-form")
        >>> SLUG.problem("Contact form")
        'use lower-case letters, digits, - and _, beginning with a letter or digit'
        """
        if name.casefold() in self.reserved:
            return f"'{name}' has a meaning of its own; choose another name"
        if len(name) > self.longest:
            return f"use at most {self.longest} characters"
        return None if self.pattern.fullmatch(name) else self.allows


def _slug(*reserved: frozenset[str]) -> NameRule:
    return NameRule(
        re.compile(r"[a-z0-9][a-z0-9_-]*"),
        "use lower-case letters, digits, - and _, beginning with a letter or digit",
        reserved=frozenset().union(*reserved),
    )


SLUG: Final = _slug()
VARIANT: Final = _slug(RESERVED_VARIANTS)
EXPERIMENT: Final = _slug(RESERVED_EXPERIMENTS)
TITLE: Final = NameRule(
    re.compile(r"[^\W_](?:[\w &+/,()'-]*[\w)+])?"),
    "use letters, digits, spaces and & + - / , ( ) ', beginning with a letter or digit",
    longest=80,
)
CASE: Final = NameRule(
    re.compile(r"-?[^\W_](?:[\w &+/,.()'-]*[\w)+])?"),
    "use letters, digits, spaces and & + - / , . ( ) ', beginning with a letter or digit",
    longest=80,
)
CURRENCY: Final = NameRule(re.compile(r"[A-Z]{3}"), "use an ISO 4217 code such as EUR")
LOCALE: Final = NameRule(
    re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"), "use a language tag such as de or de-AT"
)
ATTRIBUTE: Final = NameRule(
    re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,4}"),
    "use letters, digits and _, with dots between parts, such as customer.industry",
    longest=80,
)
