"""Plain values to structs, with every fault at once where msgspec stops at the first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
import msgspec.inspect as mi

from persx.model.attribute import Case
from persx.model.errors import Fault, did_you_mean
from persx.model.workspace import Arm, Audience, Variant
from persx.workspace.names import CASE, SLUG, VARIANT, NameRule
from persx.workspace.source import Keys, Source

S = TypeVar("S", bound=msgspec.Struct)

_WRONG: Final = object()
"""Stands for a value that could not be built; its faults are noted."""

_PARTS: Final[Mapping[type[Any], NameRule]] = {Variant: VARIANT, Arm: SLUG, Case: CASE}
"""Parts of a document that are written as a map from name to part."""

_SHORT: Final[Mapping[type[Any], Callable[[Any], Any]]] = {
    Audience: lambda value: {"when": value} if isinstance(value, str) else value,
    Case: lambda value: {"when": value} if isinstance(value, str) else value,
    Arm: lambda value: value if _is_long_arm(value) else {"show": value},
}
"""Forms that are shorter to write."""

_EMPTY: Final = "is empty"


def _is_long_arm(value: Any) -> bool:
    return isinstance(value, dict) and not {"weight", "show"}.isdisjoint(value)


def shown(value: Any) -> str:
    """Return a value as a fault shows it: short, and as it was written."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


class Conversion:
    """Builds documents of one file; `faults` collects everything wrong in them."""

    def __init__(self, source: Source, file: str) -> None:
        self._source = source
        self._file = file
        self.faults: list[Fault] = []

    def document(
        self, cls: type[S], value: Any, keys: Keys, *, name: tuple[str, str] | None = None
    ) -> S | None:
        """Return a struct of type `cls`, leaving out whatever is faulty.

        Args:
            name: The field that holds the name, and the name; it is not read from `value`.

        Returns:
            The struct, or none where something that it needs is missing.
        """
        built = self._struct(cls, value, keys, name)
        return built if isinstance(built, cls) else None

    def fault(self, keys: Keys, message: str, *, value: Any = "", hint: str = "") -> None:
        """Note a fault at a place in the file."""
        self.faults.append(
            Fault(
                file=self._file,
                line=self._source.line(keys),
                path=".".join(keys),
                value="" if value == "" else shown(value),
                message=message,
                hint=hint,
            )
        )

    def check_name(self, rule: NameRule, word: str, name: str, keys: Keys) -> bool:
        """Tell whether a name may be used; note the fault if not."""
        problem = rule.problem(name)
        if problem is not None:
            self.fault(
                keys,
                f"'{shown(name)}' cannot name {_article(word)}.",
                value=name,
                hint=f"{problem[0].upper()}{problem[1:]}.",
            )
        return problem is None

    def _struct(
        self, cls: type[msgspec.Struct], value: Any, keys: Keys, name: tuple[str, str] | None
    ) -> Any:
        value = _SHORT[cls](value) if cls in _SHORT else value
        if not isinstance(value, dict):
            found = _EMPTY if value is None else f"should be a map of fields, not {_what(value)}"
            fields = ", ".join(field for field in _fields(cls) if not name or field != name[0])
            self.fault(
                keys,
                _sentence(keys, found),
                value="" if value is None else value,
                hint=f"Fields: {fields}.",
            )
            return _WRONG
        fields_of = _fields(cls)
        known = [field for field in fields_of if name is None or field != name[0]]
        built: dict[str, Any] = {name[0]: name[1]} if name else {}
        complete = True
        for key, item in value.items():
            if name and key == name[0]:
                if item != name[1]:
                    self._told_name(name, item, (*keys, key), known)
            elif key not in fields_of:
                self.fault(
                    (*keys, key),
                    f"Unknown field '{shown(key)}'.",
                    value=item,
                    hint=did_you_mean(key, known),
                )
        for field in known:
            info = fields_of[field]
            item = value.get(field)
            if item is None and (field not in value or not info.required):
                if info.required:
                    self.fault(keys, f"'{field}' is missing.", hint=f"Write {field}: …")
                    complete = False
                continue
            made = self._build(info.type, item, (*keys, field))
            if made is not _WRONG:
                built[field] = made
            elif info.required:
                complete = False
        return cls(**built) if complete else _WRONG

    def _told_name(self, name: tuple[str, str], item: Any, keys: Keys, known: list[str]) -> None:
        hint = f"Remove '{name[0]}': a document is called by its key or file."
        if "label" in known:
            hint += " Use 'label' for what people read."
        self.fault(keys, f"The name here is '{name[1]}'.", value=item, hint=hint)

    def _build(self, type_: mi.Type, value: Any, keys: Keys) -> Any:
        if isinstance(type_, mi.AnyType):
            return value
        if isinstance(type_, mi.UnionType):
            return self._build(_member(type_, value), value, keys)
        if isinstance(type_, mi.StructType):
            return self._struct(type_.cls, value, keys, None)
        if isinstance(type_, mi.DictType):
            return self._map(type_, value, keys)
        if isinstance(type_, (mi.VarTupleType, mi.ListType)):
            return self._list(type_.item_type, value, keys)
        return self._scalar(type_, value, keys)

    def _map(self, type_: mi.DictType, value: Any, keys: Keys) -> Any:
        if not isinstance(value, dict):
            return self._wrong(keys, "a map", value)
        made = {
            key: self._build(type_.value_type, item, (*keys, key)) for key, item in value.items()
        }
        return {key: item for key, item in made.items() if item is not _WRONG}

    def _list(self, type_: mi.Type, value: Any, keys: Keys) -> Any:
        if isinstance(type_, mi.StructType) and type_.cls in _PARTS:
            return self._parts(type_.cls, value, keys)
        if not isinstance(value, list):
            hint = "Write each one on a line of its own after '- '." if value is not None else ""
            return self._wrong(keys, "a list", value, hint)
        made = [self._build(type_, item, (*keys, str(at))) for at, item in enumerate(value)]
        return tuple(item for item in made if item is not _WRONG)

    def _parts(self, cls: type[msgspec.Struct], value: Any, keys: Keys) -> Any:
        word = cls.__name__.lower()
        if not isinstance(value, dict):
            return self._wrong(keys, f"a map from each {word}'s name to the {word}", value)
        made = []
        for name, item in value.items():
            place = (*keys, name)
            named = self.check_name(_PARTS[cls], word, name, place)
            part = self._struct(cls, item, place, ("name", name))
            if named and part is not _WRONG:
                made.append(part)
        return tuple(made)

    def _scalar(self, type_: mi.Type, value: Any, keys: Keys) -> Any:
        if isinstance(type_, mi.EnumType):
            return self._choice({each.value: each for each in type_.cls}, value, keys)
        if isinstance(type_, mi.LiteralType):
            return self._choice({each: each for each in type_.values}, value, keys)
        if isinstance(type_, mi.StrType):
            if isinstance(value, str):
                return value
            simple = isinstance(value, (bool, int, float))
            return self._wrong(keys, "text", value, "Put it in quotes." if simple else "")
        if isinstance(type_, mi.BoolType):
            if isinstance(value, bool):
                return value
            return self._wrong(keys, "true or false", value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self._wrong(keys, _number_word(type_), value)
        if isinstance(type_, mi.IntType):
            return value if isinstance(value, int) else self._wrong(keys, "a whole number", value)
        return float(value)

    def _choice(self, choices: Mapping[Any, Any], value: Any, keys: Keys) -> Any:
        if isinstance(value, str) and value in choices:
            return choices[value]
        self.fault(
            keys,
            _sentence(keys, f"should be one of: {', '.join(str(each) for each in choices)}"),
            value=value,
            hint=_nearest(value, [str(each) for each in choices]),
        )
        return _WRONG

    def _wrong(self, keys: Keys, wanted: str, value: Any, hint: str = "") -> Any:
        found = _EMPTY if value is None else f"should be {wanted}, not {_what(value)}"
        if value is None and not hint:
            hint = f"Write {wanted}, or leave the field out."
        self.fault(keys, _sentence(keys, found), value="" if value is None else value, hint=hint)
        return _WRONG


@cache
def _fields(cls: type[msgspec.Struct]) -> dict[str, mi.Field]:
    info = mi.type_info(cls)
    assert isinstance(info, mi.StructType)
    return {field.name: field for field in info.fields}


def _member(union: mi.UnionType, value: Any) -> mi.Type:
    """Return the member that a value of this form was meant as; the first one where none fits."""
    forms: tuple[tuple[type[Any], tuple[type[mi.Type], ...]], ...] = (
        (bool, (mi.BoolType,)),
        (int, (mi.IntType, mi.FloatType)),
        (float, (mi.FloatType, mi.IntType)),
        (str, (mi.StrType, mi.LiteralType, mi.EnumType)),
        (list, (mi.VarTupleType, mi.ListType)),
        (dict, (mi.DictType, mi.StructType)),
    )
    for form, kinds in forms:
        if type(value) is form:
            for kind in kinds:
                for member in union.types:
                    if isinstance(member, kind):
                        return member
    return next(member for member in union.types if not isinstance(member, mi.NoneType))


def _what(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a map"


def _number_word(type_: mi.Type) -> str:
    return "a whole number" if isinstance(type_, mi.IntType) else "a number"


def _nearest(value: Any, choices: list[str]) -> str:
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return hint if hint.startswith("Did you mean") else ""


def _sentence(keys: Keys, rest: str) -> str:
    return f"'{keys[-1]}' {rest}." if keys else f"The document {rest}."


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
