"""What counts as a value of a type, and what counts as missing: the one definition."""

from __future__ import annotations

import json

from persx.model.attribute import Value, ValueType


def present(raw: object, type: ValueType) -> Value:
    """Return the value, or None where it is missing or not of the declared type.

    A number or a time is an ``int`` or ``float`` but no boolean and no NaN; a string is a
    ``str``; a boolean is True or False; strings are a list or a tuple. Whatever else an
    attribute may hold at run time counts as missing.

    >>> present(45, ValueType.NUMBER), present("45", ValueType.NUMBER)
    (45, None)
    >>> present(True, ValueType.NUMBER) is None
    True
    """
    match type:
        case ValueType.NUMBER | ValueType.TIME:
            known = (raw.__class__ is int or raw.__class__ is float) and raw == raw
        case ValueType.STRING:
            known = isinstance(raw, str)
        case ValueType.BOOLEAN:
            known = raw.__class__ is bool
        case ValueType.STRINGS:
            known = raw.__class__ is list or raw.__class__ is tuple
    return raw if known else None  # type: ignore[return-value]


def show(value: object, *, limit: int = 80) -> str:
    """Write a value as a rule would, cut where it is long.

    >>> show("SaaS"), show(True), show(["a", "b"])
    ('"SaaS"', 'True', '["a", "b"]')
    """
    if isinstance(value, str):
        text = json.dumps(value[: limit + 1], ensure_ascii=False)
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(show(item, limit=limit) for item in value[:20]) + "]"
    else:
        try:
            text = str(value)
        except ValueError:  # an integer of more digits than Python writes
            text = "a very large number"
    return text if len(text) <= limit else text[: limit - 1] + "…"
