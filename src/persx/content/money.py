"""Money: an amount in a currency, written as a language writes it."""

from __future__ import annotations

from typing import Final

SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF", "JPY": "¥"}
_WITHOUT_CENTS: Final = frozenset({"JPY"})


def money(amount: float, currency: str = "EUR", locale: str = "en") -> str:
    """Write an amount of money.

    >>> money(1234.5, "EUR", "en"), money(1234.5, "EUR", "de-AT"), money(9, "USD")
    ('€1,234.50', '1.234,50\\xa0€', '$9.00')
    """
    sign = SIGNS.get(currency, currency)
    digits = 0 if currency in _WITHOUT_CENTS else 2
    text = f"{abs(amount):,.{digits}f}"
    minus = "−" if amount < 0 else ""
    if locale.partition("-")[0] == "en":
        return f"{minus}{sign}{' ' if len(sign) > 1 else ''}{text}".replace(" ", "\xa0")
    swapped = text.translate(str.maketrans(",.", ".,"))
    return f"{minus}{swapped}\xa0{sign}"
