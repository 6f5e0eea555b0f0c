"""Currencies: what money of one is worth in the workspace's, day by day."""

from __future__ import annotations

from persx.model.document import Document


class Currency(Document, frozen=True, kw_only=True):
    """What one unit of a currency is worth in the workspace's currency.

    Attributes:
        code: Its ISO 4217 code; in the file, the key.
        rates: The day from which on, in the workspace's zone, → its worth, until the next day
            that is named. Before the first one nothing is known.
    """

    code: str = ""
    rates: dict[str, float]
