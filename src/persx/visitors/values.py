"""Values of attributes: whether what was said fits the declared type and closed set."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from persx.model.attribute import Attribute, Value, ValueType


def conform(value: Any, attribute: Attribute) -> Value:
    """Return a value as the attribute's type has it; none where it does not fit.

    A single text is a list of one where texts are declared, and the first of a list stands
    for it where one value is. A time may be ISO 8601 text or epoch milliseconds. Texts outside
    a closed set do not fit.

    >>> conform("saas", Attribute(name="industry", values=("saas", "education")))
    'saas'
    >>> conform("Saas!", Attribute(name="industry", values=("saas", "education"))) is None
    True
    """
    wanted = attribute.type
    if isinstance(value, list):
        if wanted is ValueType.STRINGS:
            return _strings(value, attribute)
        value = value[0] if value else None
    if value is None:
        return None
    if wanted is ValueType.STRING:
        return value if isinstance(value, str) and _allowed(value, attribute) else None
    if wanted is ValueType.BOOLEAN:
        return value if isinstance(value, bool) else None
    if wanted is ValueType.STRINGS:
        return _strings([value], attribute)
    if wanted is ValueType.TIME and isinstance(value, str):
        return _time(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if wanted is ValueType.TIME else value


def _strings(value: list[Any], attribute: Attribute) -> list[str] | None:
    texts = [text for text in value if isinstance(text, str) and _allowed(text, attribute)]
    return texts or (None if value else [])


def _allowed(text: str, attribute: Attribute) -> bool:
    values = attribute.values
    return not values or isinstance(values, str) or text in values


def _time(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        return None
