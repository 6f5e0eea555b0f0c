"""Needles: the forms in which somebody's ids may stand in texts that nobody wrote for finding them.

An id stands as it is, in other letters' case, or as a digest in hexadecimal digits, as advertising
platforms and warehouses exchange e-mail addresses. Of an address that is known by its digest alone
the addresses in a text are hashed and compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

import msgspec

DIGESTS: Final = ("md5", "sha1", "sha256", "sha512")

SHORTEST: Final = 6
"""Characters from which on an id is looked for anywhere in longer texts of imported tables. A
shorter one, such as ``42``, is in many of them by chance; there a word such as ``customer`` has to
introduce it, or it has to be the whole value."""

_PERSON: Final = (
    "account|anonymous|buyer|client|contact|cust|customer|guest|household|kunde|kunden|member|"
    "patient|person|recipient|student|subscriber|user|visitor"
)
_ORDINAL: Final = "code|id|key|nr|num|number|nummer|ref"
_NAMES_PERSON: Final = re.compile(
    rf"(?:{_PERSON})(?:{_ORDINAL}|no)?|id|uid|uuid|unit|unitid"
).fullmatch
_INTRODUCED: Final = (
    rf"(?:^|[^\p{{L}}\p{{N}}])(?:[acu]:|(?:{_PERSON})[ _-]?(?:{_ORDINAL}|no[.])?[\s\"':=#/]{{1,6}})"
)
_WHOLE: Final = re.compile(r"[0-9]{1,16}").fullmatch

ADDRESS: Final = r"""[^\s@"'<>,;:=()\[\]{}\\|]+@[^\s@"'<>,;:=()\[\]{}\\|]+"""
"""What looks like an e-mail address within a text, for Python and for RE2 alike."""

_ADDRESSES: Final = re.compile(ADDRESS)
_SPACE: Final = " \t\n\r\v\f"
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def names_person(column: str) -> bool:
    """Tell whether the name of a column says that persons' ids are in it.

    >>> list(map(names_person, ["customer_id", "UserId", "customers", "product_id"]))
    [True, True, False, False]
    """
    return _NAMES_PERSON("".join(filter(str.isalnum, column)).lower()) is not None


class Needles:
    """What to look for, of one visitor.

    Args:
        ids: As they are known.
        addresses: SHA-256 of e-mail addresses, trimmed and in lower case.
    """

    def __init__(self, ids: Iterable[str], addresses: Iterable[str] = ()) -> None:
        self.ids = frozenset(filter(None, (id.strip(_SPACE) for id in ids)))
        self.addresses = frozenset(addresses)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The forms of the ids, the longest first; letters' case does not matter."""
        found = set(self.ids) | {id.lower() for id in self.ids}
        for plain in sorted(found):
            raw = plain.encode("utf-8", "replace")
            found |= {hashlib.new(name, raw).hexdigest() for name in DIGESTS}
        found |= self.addresses
        return tuple(sorted(found, key=lambda text: (-len(text), text)))

    @cached_property
    def _pieces(self) -> tuple[str, ...]:
        quoted = {msgspec.json.encode(text).decode()[1:-1] for text in self.texts}
        return tuple(sorted(text.lower() for text in quoted.union(self.texts)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        escaped = {msgspec.json.encode(text).decode()[1:-1] for text in self.texts}
        listed = sorted(escaped | set(self.texts), key=lambda text: (-len(text), text))
        plain = "|".join(re.escape(text) for text in listed if "@" not in text)
        addresses = "|".join(re.escape(text) for text in listed if "@" in text)
        parts = []
        if plain:
            parts.append(rf"(?<!\w)(?:{plain})(?!\w)")
        if addresses:
            # A dot or a hyphen makes it somebody else's; a dot at the end of a sentence does not.
            parts.append(rf"(?<![\w.+-])(?:{addresses})(?![\w-]|\.\w)")
        return re.compile("|".join(parts) or "(?!)", re.IGNORECASE)

    def stand_in(self, text: str) -> bool:
        """Tell whether any of them stands in a text or JSON, with no longer word around it."""
        if self._found(text):
            return True
        return "\\" in text and self._found(_unescaped(text))

    def _found(self, text: str) -> bool:
        # Looking for plain pieces is a hundred times as fast, and mostly the end of it.
        lower = text.lower()
        if any(piece in lower for piece in self._pieces) and self._pattern.search(text):
            return True
        found = _ADDRESSES.findall(text) if self.addresses and "@" in text else ()
        return any(_address(each) in self.addresses for each in found)

    def number_condition(self, column: str) -> str:
        """Return the SQL condition, for DuckDB, that a column of numbers is one of the ids.

        Args:
            column: An SQL expression.
        """
        # Greater ones lose digits as DOUBLE, and would be equal to others.
        numbers = {int(id) for id in self.ids if _WHOLE(id)}
        listed = ", ".join(str(number) for number in sorted(numbers) if number < 1 << 53)
        return f"{column} IN ({listed})" if listed else "false"

    def condition(self, column: str) -> str:
        """Return the SQL condition, for DuckDB, that any of them is or stands in a column's text.

        Args:
            column: An SQL expression.
        """
        text = f"CAST({column} AS VARCHAR)"
        whole = _listed(text for text in self.texts if len(text) < SHORTEST)
        within = [text for text in self.texts if len(text) >= SHORTEST]
        parts = []
        if whole:
            parts.append(f"lower(trim({text}, {_quoted(_SPACE)})) IN ({whole})")
            short = "|".join(_escaped(text) for text in self.texts if len(text) < SHORTEST)
            found = rf"{_INTRODUCED}(?:{short})(?:$|[^\p{{L}}\p{{N}}_])"
            parts.append(f"regexp_matches({text}, {_quoted(found)}, 'is')")
        plain = "|".join(_escaped(text) for text in within if "@" not in text)
        if plain:
            found = rf"(?:^|[^\p{{L}}\p{{N}}_])(?:{plain})(?:$|[^\p{{L}}\p{{N}}_])"
            parts.append(f"regexp_matches({text}, {_quoted(found)}, 'is')")
        known = "|".join(_escaped(text) for text in within if "@" in text)
        if known:
            found = rf"(?:^|[^\p{{L}}\p{{N}}_.+-])(?:{known})(?:\.?$|\.?[^\p{{L}}\p{{N}}_.-])"
            parts.append(f"regexp_matches({text}, {_quoted(found)}, 'is')")
        if self.addresses:
            hashed = (
                f"list_transform(regexp_extract_all(lower({text}), {_quoted(ADDRESS)}), "
                "lambda found: sha256(trim(found, '.')))"
            )
            digests = _listed(self.addresses)
            parts.append(f"(contains({text}, '@') AND list_has_any({hashed}, [{digests}]))")
        return f"({' OR '.join(parts)})" if parts else "false"


def _escaped(text: str) -> str:
    """Write a text as a pattern of RE2."""
    return "".join(
        letter if letter.isalnum() or ord(letter) > 127 else rf"\x{{{ord(letter):x}}}"
        for letter in text
    )


def _unescaped(body: str) -> str:
    """Return JSON with its strings' escapes resolved, whatever it is cut from."""
    return _ESCAPE.sub(_plain, body)


def _plain(found: re.Match[str]) -> str:
    letter = found[1]
    return chr(int(letter[1:], 16)) if len(letter) > 1 else _ESCAPES.get(letter, letter)


def _address(found: str) -> str:
    plain = found.lower().strip(".").encode("utf-8", "replace")
    return hashlib.sha256(plain).hexdigest()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(_quoted, sorted(texts)))
