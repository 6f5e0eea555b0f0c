"""Values of feeds: prices, paths, yes and no, moments and addresses, as people write them.

Each function raises `ValueError` with a sentence on what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from persx.model.clock import Millis

LONGEST_LINE: Final = 300
LONGEST_ADDRESS: Final = 2_000
MOST_LINES: Final = 60
DEEPEST: Final = 10

_LATEST: Final = 4_102_444_800_000
"""The year 2100: what is later is no moment, or in another unit."""

_NUMBER: Final = re.compile(r"[-+]?[\d.,'\u2019\s\u00a0\u202f]*\d[\d.,'\u2019]*")
_CURRENCY: Final = re.compile(r"\b[A-Z]{3}\b")
_SYMBOLS: Final = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"}
_PLAIN: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?")
_ART: Final = re.compile(r"[a-z0-9-]{1,60}")
_STEPS: Final = re.compile(r"\s*(?:>|›|»|→)\s*")
_BLANKS: Final = re.compile(r"\s+")

_YES: Final = frozenset(
    {"true", "t", "yes", "y", "on", "in stock", "instock", "available", "preorder", "pre order",
     "backorder", "on backorder", "limited availability", "active", "published", "ja", "oui", "si"}
)  # fmt: skip
_NO: Final = frozenset(
    {"false", "f", "no", "n", "off", "out of stock", "outofstock", "unavailable", "not available",
     "sold out", "soldout", "discontinued", "draft", "archived", "inactive", "unpublished",
     "nein", "non"}
)  # fmt: skip


def line(value: Any) -> str:
    """Return one line of text; empty for nothing.

    >>> line(" Wren \\n First "), line(12), line(12.0)
    ('Wren First', '12', '12')
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it is no text.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _BLANKS.sub(" ", str(value)).strip()
    if len(text) > LONGEST_LINE:
        raise ValueError(f"it has {len(text):,} characters; {LONGEST_LINE} are possible.")
    return text


def lines(value: Any) -> tuple[str, ...]:
    """Return several words or phrases, each once.

    >>> lines("road, soft,,road"), lines(["a", 2])
    (('road', 'soft'), ('a', '2'))
    """
    parts = value if isinstance(value, list | tuple) else re.split(r"[,;|]", _string(value))
    found = dict.fromkeys(text for part in parts if (text := line(part)))
    return tuple(found)[:MOST_LINES]


def path(value: Any) -> tuple[str, ...]:
    """Return a category's path, from the widest to the narrowest.

    >>> path("Running > Shoes"), path("Running/Shoes"), path(["Running", "Shoes"])
    (('Running', 'Shoes'), ('Running', 'Shoes'), ('Running', 'Shoes'))
    >>> path([["Home", "Kitchen"], ["Gifts"]]), path(["Home > Kitchen", "Gifts"]), path("")
    (('Home', 'Kitchen'), ('Home', 'Kitchen'), ())
    """
    if isinstance(value, list | tuple):
        if not value:
            return ()
        first = value[0]
        if isinstance(first, list | tuple) or (isinstance(first, str) and _STEPS.search(first)):
            # Several paths: an item stands in the first.
            return path(first)
        parts = list(value)
    else:
        text = _string(value)
        parts = _STEPS.split(text) if _STEPS.search(text) else text.split("/")
    return tuple(text for part in parts if (text := line(part)))[:DEEPEST]


def price(value: Any) -> float | None:
    """Return an amount; none where nothing is said.

    A comma before exactly three digits parts thousands; a dot alone never does.

    >>> price("12.90 EUR"), price("EUR 12,90"), price("€1.234,56"), price("$1,234.50")
    (12.9, 12.9, 1234.56, 1234.5)
    >>> price("1,234"), price("1 234,50")
    (1234.0, 1234.5)
    >>> price({"value": "5.00", "currency": "EUR"}), price(""), price(7)
    (5.0, None, 7.0)
    """
    if isinstance(value, Mapping):
        value = value.get("value", value.get("amount"))
    if value is None or isinstance(value, bool):
        if value is None:
            return None
        raise ValueError("it is no price.")
    if isinstance(value, int | float):
        return _amount(float(value))
    text = _string(value).strip()
    if not text:
        return None
    found = _NUMBER.findall(text)
    if len(found) != 1:
        raise ValueError(f"'{text[:40]}' is no price.")
    digits = re.sub(r"[\s'\u2019\u00a0\u202f]", "", found[0])
    comma, dot = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and dot >= 0:
        thousands, point = (".", ",") if comma > dot else (",", ".")
        digits = digits.replace(thousands, "").replace(point, ".")
    elif digits.count(",") > 1 or (comma > 0 and len(digits) - comma == 4):
        digits = digits.replace(",", "")
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    else:
        digits = digits.replace(",", ".")
    try:
        amount = float(digits)
    except ValueError:
        raise ValueError(f"'{text[:40]}' is no price.") from None
    return _amount(amount)


def currency_of(value: Any) -> str:
    """Return the currency that a price is said in; empty where it says none.

    >>> currency_of("12.90 EUR"), currency_of("£3"), currency_of(3)
    ('EUR', 'GBP', '')
    """
    if isinstance(value, Mapping):
        value = value.get("currency", "")
    if not isinstance(value, str):
        return ""
    if found := _CURRENCY.search(value):
        return found[0]
    return next((code for sign, code in _SYMBOLS.items() if sign in value), "")


def available(value: Any) -> bool | None:
    """Return whether something can be had, from words or a number in stock; none for nothing.

    >>> available("in stock"), available("out_of_stock"), available("3"), available("-1")
    (True, False, True, False)
    >>> available(0), available("")
    (False, None)
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > 0
    text = _BLANKS.sub(" ", _string(value).replace("_", " ").replace("-", " ")).strip().casefold()
    # Schema.org's words are addresses.
    text = text.rpartition("schema.org/")[2]
    if not text:
        return None
    if text in _YES:
        return True
    if text in _NO:
        return False
    try:
        return float(text if value.strip()[:1] != "-" else f"-{text}") > 0
    except ValueError:
        raise ValueError(
            f"'{text[:40]}' does not say whether it can be had, as 'in stock' or 'no' do."
        ) from None


def flag(value: Any) -> bool:
    """Return yes or no; nothing is no.

    >>> flag("yes"), flag("0"), flag(None)
    (True, False, False)
    """
    return bool(available(value))


def address(value: Any) -> str:
    """Return a web address, or a path of this site.

    >>> address("https://shop.example/a#red"), address("/a")
    ('https://shop.example/a', '/a')
    """
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    text = _string(value).strip()
    if not text:
        return ""
    if len(text) > LONGEST_ADDRESS:
        raise ValueError(f"the address has {len(text):,} characters.")
    ours = text.startswith("/") and not text.startswith(("//", "/\\"))
    web = text.casefold().startswith(("https://", "http://"))
    if not (ours or web) or not text.isprintable() or " " in text:
        raise ValueError(f"'{text[:60]}' is no address; it begins with https:// or a slash.")
    # A place within a page is its page, as far as an item is concerned.
    return text.partition("#")[0]


def art(value: Any) -> str:
    """Return the name of one of our own pictures."""
    text = line(value)
    if text and not _ART.fullmatch(text):
        raise ValueError(f"'{text[:40]}' is no picture's name.")
    return text


def moment(value: Any) -> Millis:
    """Return a moment in epoch milliseconds, of a date or a number; 0 for nothing.

    >>> moment("2026-03-01"), moment("2026-03-01T12:00:00Z"), moment(1772323200), moment("")
    (1772323200000, 1772366400000, 1772323200000, 0)
    """
    if value is None:
        return 0
    if isinstance(value, datetime):
        return int(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1_000)
    if isinstance(value, bool):
        raise ValueError("it is no date.")
    if isinstance(value, int | float):
        if not math.isfinite(value) or not 0 <= value <= _LATEST:
            raise ValueError(f"{value} is no moment.")
        # Seconds until the year 5138, milliseconds from 1973 on.
        return int(value if value >= 100_000_000_000 else value * 1_000)
    text = str(value).strip()
    if not text:
        return 0
    if _PLAIN.fullmatch(text):
        return moment(float(text))
    try:
        read = datetime.fromisoformat(text)
        return max(0, int(read.replace(tzinfo=read.tzinfo or UTC).timestamp() * 1_000))
    except (ValueError, OverflowError):
        raise ValueError(f"'{text[:40]}' is no date, as 2026-03-01 is.") from None


def fact(value: Any) -> Any:
    """Return a further fact as rules read it: a number, yes or no, a text, a list of these.

    >>> fact("12.5"), fact("007"), fact("true"), fact(""), fact(["a", "2"])
    (12.5, '007', True, None, ['a', 2])
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) and abs(value) < 1e15 else None
    if isinstance(value, list | tuple):
        found = [told for each in value[:MOST_LINES] if (told := fact(each)) is not None]
        return found or None
    if isinstance(value, Mapping):
        return None
    text = _BLANKS.sub(" ", str(value)).strip()
    if not text:
        return None
    if _PLAIN.fullmatch(text):
        return float(text) if "." in text else int(text)
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


def _string(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it is no text.")
    return str(value)


def _amount(value: float) -> float:
    if not math.isfinite(value) or not 0 <= value < 1e12:
        raise ValueError(f"a price of {value:g} is not possible.")
    return value
