"""Reads what a struct says of itself: its summary, and each field's type, default and meaning."""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, Final, Literal, Union

import msgspec

COMMON: Final = {
    "name": "Its name; in files, the key or the file's name.",
    "label": "What people see instead of the name.",
    "description": "A note for people.",
    "locales": "Locale code → the texts that differ there.",
}
"""Fields that mean the same wherever they occur, unless a struct says otherwise."""


class Field(msgspec.Struct, frozen=True):
    """One field as the reference shows it. `default` is empty where the field is required."""

    name: str
    type: str
    default: str
    meaning: str


def summary(thing: object) -> str:
    """Return the prose of a docstring before its sections, as one paragraph or several."""
    text = inspect.getdoc(thing) or ""
    prose = re.split(r"\n(?=(?:Attributes|Args|Returns|Raises|Example[s]?):\n|>>> )", text)[0]
    return re.sub(r"``([^`]*)``", r"`\1`", prose).strip()


def meanings(thing: object) -> dict[str, str]:
    """Return field → meaning from the `Attributes:` or `Args:` section of a docstring.

    >>> class Place:
    ...     '''A place.
    ...
    ...     Attributes:
    ...         path: Where it
    ...             lies.
    ...         offset, traffic: The part of the layer.
    ...     '''
    >>> meanings(Place)["path"], meanings(Place)["traffic"]
    ('Where it lies.', 'The part of the layer.')
    """
    text = inspect.getdoc(thing) or ""
    section = re.search(r"^(?:Attributes|Args):\n((?:[ \t]+.*\n?|\n)+)", text, re.MULTILINE)
    found: dict[str, str] = {}
    if section is None:
        return found
    for entry in re.split(r"\n(?=    \w)", "\n" + section[1]):
        names, colon, meaning = entry.strip().partition(":")
        if colon:
            words = re.sub(r"``([^`]*)``", r"`\1`", " ".join(meaning.split()))
            found.update(dict.fromkeys(re.split(r"[,\s]+", names.strip()), words))
    return found


def fields(struct: type[msgspec.Struct]) -> list[Field]:
    """Return the fields of a struct in order, with what its docstring says of them."""
    told = _inherited_meanings(struct)
    hints = typing.get_type_hints(struct)
    return [
        Field(
            name=field.encode_name,
            type=type_text(hints[field.name]),
            default=_default(field),
            meaning=told.get(field.name) or COMMON.get(field.name, ""),
        )
        for field in msgspec.structs.fields(struct)
    ]


def type_text(hint: Any) -> str:
    """Return a type as people would say it.

    >>> type_text(tuple[str, ...]), type_text(Literal["warn", "full"]), type_text(str | None)
    ('list of text', 'warn or full', 'text or nothing')
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return type_text(arguments[0])
    if origin is Literal:
        return " or ".join(str(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_text(part) for part in arguments))
    if origin in (tuple, list, set, frozenset):
        return f"list of {type_text(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"map of {type_text(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " or ".join(str(member.value) for member in hint)
    names: dict[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        type(None): "nothing",
        Any: "anything",
        object: "anything",
    }
    return names.get(hint) or str(getattr(hint, "__name__", hint))


def table(struct: type[msgspec.Struct], *, leave_out: frozenset[str] = frozenset()) -> str:
    """Return the Markdown table of a struct's fields."""
    rows = [
        (f"`{field.name}`", field.type, field.default or "*required*", field.meaning)
        for field in fields(struct)
        if field.name not in leave_out
    ]
    return markdown_table(("field", "type", "default", "meaning"), rows)


def markdown_table(
    head: tuple[str, ...], rows: typing.Sequence[tuple[str, ...]], *, empty: str = "None."
) -> str:
    """Return rows as a Markdown table; what would break a cell is escaped."""
    if not rows:
        return empty + "\n"
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _inherited_meanings(struct: type) -> dict[str, str]:
    told: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        if kind not in (object, msgspec.Struct):
            told |= meanings(kind)
    return told


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    if field.default is not msgspec.NODEFAULT:
        value = field.default
    else:
        assert field.default_factory is not msgspec.NODEFAULT
        value = field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "as below"
    if value is None:
        return "none"
    if value in ("", (), [], {}):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, enum.Enum) else value}`"
