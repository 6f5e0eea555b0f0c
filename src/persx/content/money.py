"""Numbers and money, written as a language writes them."""

from __future__ import annotations

from typing import Final

SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF", "JPY": "¥"}
_WITHOUT_CENTS: Final = frozenset({"JPY"})


def number(value: float, digits: int, locale: str) -> str:
    """Write a number with so many digits behind the decimal sign.

    >>> number(1234.5, 2, "en-GB"), number(1234.5, 2, "de")
    ('1,234.50', '1.234,50')
    """
    text = f"{value:,.{digits}f}"
    return text if _is_english(locale) else text.translate(str.maketrans(",.", ".,"))


def _is_english(locale: str) -> bool:
    return locale.partition("-")[0] == "en"


def money(amount: float, currency: str = "EUR", locale: str = "en") -> str:
    """Write an amount of money.

    >>> money(1234.5, "EUR", "en"), money(1234.5, "EUR", "de-AT"), money(9, "USD")
    ('€1,234.50', '1.234,50\\xa0€', '$9.00')
    """
    sign = SIGNS.get(currency, currency)
    digits = 0 if currency in _WITHOUT_CENTS else 2
    text = number(abs(amount), digits, locale)
    minus = "−" if amount < 0 else ""
    if _is_english(locale):
        return f"{minus}{sign}{' ' if len(sign) > 1 else ''}{text}".replace(" ", "\xa0")
    return f"{minus}{text}\xa0{sign}"
