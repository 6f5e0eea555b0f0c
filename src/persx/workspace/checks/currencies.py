"""Currencies: days that can be read, worths above 0, and a currency that they are told in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Final

from persx.model.errors import Fault
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS
from persx.workspace.names import CURRENCY

_KIND: Final = "currencies"


def check_currencies(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of the workspace's currency, and of what others are worth in it."""
    own = subject.workspace.settings.currency
    if own and (problem := CURRENCY.problem(own)):
        yield subject.fault(
            SETTINGS, "", "currency", f"Not a currency: {problem}.", value=own, hint="Write EUR."
        )
    for code, currency in subject.workspace.currencies.items():
        if subject.is_damaged(_KIND, code):
            continue
        if code == own or not own:
            yield subject.fault(
                _KIND,
                code,
                "",
                f"{own} is what all are told in: it is worth 1."
                if own
                else "What it is worth is told in the workspace's currency, which is not named.",
                value=code,
                hint="Take it out." if own else "Write  currency: EUR  in settings.yaml.",
            )
        if not currency.rates:
            yield subject.fault(
                _KIND, code, "rates", "There is no rate.", hint="Write  2026-01-01: 0.92"
            )
        for day, rate in currency.rates.items():
            if not _is_day(day):
                yield subject.fault(
                    _KIND, code, f"rates.{day}", f"'{day}' is not a day.", value=day,
                    hint="Write 2026-01-01.",
                )  # fmt: skip
            if not (math.isfinite(rate) and rate > 0):
                yield subject.fault(
                    _KIND, code, f"rates.{day}", "A rate is above 0.", value=rate,
                    hint="Write what one unit is worth in the workspace's currency.",
                )  # fmt: skip


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
