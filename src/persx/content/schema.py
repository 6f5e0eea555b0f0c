"""Checks content against a JSON Schema and says every fault in the house's words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from persx.content.fields import HREF, HTML, ICON
from persx.content.icons import ICON_NAMES
from persx.content.safety import dropped_html, href_problem
from persx.model.errors import BadInput, Fault, did_you_mean

if TYPE_CHECKING:  # loaded when the first content is checked: deciding never needs it
    from jsonschema_rs import Draft202012Validator, ValidationError

MAX_DEPTH: Final = 12
"""Levels of nesting that content may have."""

MAX_SIZE: Final = 300_000
"""Characters that all texts of one content may have together."""

MAX_NODES: Final = 5_000
"""Values that one content may hold, its lists and maps included."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LARGEST: Final = 2**53

_TYPES: Final = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "nothing (null)",
}
_FORMATS: Final = {
    HREF: lambda value: not isinstance(value, str) or href_problem(value) is None,
    HTML: lambda value: not isinstance(value, str) or not dropped_html(value),
    ICON: lambda value: not isinstance(value, str) or value in ICON_NAMES,
}


class ContentSchema:
    """A JSON Schema (draft 2020-12) that content is checked against.

    Addresses of other schemas are never fetched, and a `pattern` is matched in time linear in
    the text, whoever wrote it (docs/adr/0006).

    Raises:
        BadInput: On the first check, if the schema itself is not valid.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    @cached_property
    def _validator(self) -> Draft202012Validator:
        import jsonschema_rs

        try:
            return jsonschema_rs.Draft202012Validator(
                dict(self.schema),
                formats=_FORMATS,
                validate_formats=True,
                ignore_unknown_formats=True,
                pattern_options=jsonschema_rs.RegexOptions(),
                offline=True,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            message = str(error).splitlines()[0].rstrip(".")
            place = ".".join(map(str, getattr(error, "instance_path", ())))
            raise BadInput(
                f"The JSON Schema is not valid{f' at {place}' if place else ''}: {message}.",
                value=message,
                hint="Write draft 2020-12, with references into the same document (#/$defs/…).",
            ) from error
        except (ValueError, TypeError) as error:
            raise BadInput(f"The JSON Schema is not JSON: {error}.", value=str(error)) from error

    def prepare(self) -> None:
        """Compile the schema now, so that a fault in it shows."""
        self._validator.is_valid({})

    def faults(self, content: object, path: str = "") -> list[Fault]:
        """Return every fault of the content, each with its dotted path below `path`."""
        plain = list(_plain_faults(content, path))
        if plain:
            return plain
        found: list[Fault] = []
        for error in self._validator.iter_errors(content):
            found.extend(self._explain(error, path))
        return list(dict.fromkeys(found))

    def _explain(self, error: ValidationError, base: str) -> Iterator[Fault]:
        """Turn one error of the validator into faults."""
        kind, detail = error.kind.name, error.kind.as_dict()
        path = join(base, *error.instance_path)
        value = shown(error.instance)
        match kind:
            case "required":
                name = str(detail["property"])
                yield Fault(path=join(path, name), message=f"The field '{name}' is missing.")
            case "additionalProperties" | "unevaluatedProperties":
                known = self._properties(error)
                for name in detail["unexpected"]:
                    yield Fault(
                        path=join(path, name),
                        value=name,
                        message=f"Unknown field '{name}'.",
                        hint=did_you_mean(name, known),
                    )
            case "type":
                wanted = " or ".join(_TYPES.get(str(name), str(name)) for name in detail["types"])
                yield Fault(path=path, value=value, message=f"This must be {wanted}.")
            case "enum":
                options = [str(option) for option in detail["options"]]
                yield Fault(
                    path=path,
                    value=value,
                    message=f"'{error.instance}' is not one of the choices.",
                    hint=did_you_mean(str(error.instance), options),
                )
            case "minItems" | "maxItems" | "minLength" | "maxLength":
                yield _count_fault(kind, detail["limit"], error.instance, path)
            case "pattern" if detail["pattern"] == r"\S":
                yield Fault(
                    path=path, message="The text is empty.", hint="Write one, or leave it out."
                )
            case "format" if detail["format"] == HREF:
                yield Fault(
                    path=path,
                    value=value,
                    message=f"This address is not safe: {href_problem(str(error.instance))}.",
                    hint="Use a path such as /contact, or an https:// address.",
                )
            case "format" if detail["format"] == HTML:
                dropped = ", ".join(dropped_html(str(error.instance)))
                yield Fault(
                    path=path,
                    value=dropped[:200],
                    message=f"Not everything in this HTML is shown; dropped: {dropped[:500]}.",
                    hint="Remove it, or use a block type made for it.",
                    severity="warning",
                )
            case "format" if detail["format"] == ICON:
                yield Fault(
                    path=path,
                    value=value,
                    message=f"There is no icon '{error.instance}'; a neutral one is shown.",
                    hint=did_you_mean(str(error.instance), ICON_NAMES),
                    severity="warning",
                )
            case "anyOf" | "oneOf" if detail.get("context"):
                branches: Sequence[Sequence[ValidationError]] = detail["context"]
                for nested in min(branches, key=_distance):
                    yield from self._explain(nested, base)
            case _:
                yield Fault(path=path, value=value, message=f"{error.message[:300]}.")

    def _properties(self, error: ValidationError) -> list[str]:
        """Return the field names that the schema knows where this error arose."""
        node: Any = self.schema
        for step in list(error.schema_path)[:-1]:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return []
        return list(node.get("properties", ())) if isinstance(node, Mapping) else []


def join(path: str, *steps: object) -> str:
    """Append steps to a dotted path."""
    return ".".join(part for part in (path, *(str(step) for step in steps)) if part)


def shown(value: object) -> str:
    """Return a value as a fault shows it: short."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _distance(branch: Sequence[ValidationError]) -> tuple[bool, int]:
    """Order the branches of a choice: the one that the author most likely meant comes first."""
    wrong_type = any(error.kind.name == "type" and not error.instance_path for error in branch)
    return wrong_type, len(branch)


def _count_fault(kind: str, limit: int, instance: object, path: str) -> Fault:
    n = len(instance) if isinstance(instance, str | list | tuple | dict) else 0
    unit = "characters" if kind.endswith("Length") else "entries"
    few = kind.startswith("min")
    return Fault(
        path=path,
        value=str(n),
        message=f"Too {'few' if few else 'many'} {unit}: {n}.",
        hint=f"{'At least' if few else 'At most'} {limit} {'are needed' if few else 'fit'}.",
    )


def _plain_faults(content: object, path: str) -> Iterator[Fault]:
    """Find what no schema allows: values that are not JSON, control characters, excess."""
    if not isinstance(content, dict):
        yield Fault(path=path, value=shown(content), message="Content must be a map of fields.")
        return
    size = nodes = 0
    pending: list[tuple[str, object, int]] = [(path, content, 0)]
    while pending:
        place, value, depth = pending.pop()
        nodes += 1
        if size > MAX_SIZE or nodes > MAX_NODES:
            # Stop at once: YAML aliases can make a short file stand for billions of values.
            yield Fault(
                path=path,
                message=f"Content is too big: more than {MAX_SIZE:,} characters or"
                f" {MAX_NODES:,} values.",
            )
            return
        if depth > MAX_DEPTH:
            yield Fault(path=place, message=f"Content is nested deeper than {MAX_DEPTH} levels.")
        elif isinstance(value, str):
            size += len(value)
            if _CONTROL.search(value):
                yield Fault(
                    path=place, value=shown(value), message="The text holds control characters."
                )
        elif isinstance(value, dict):
            for key, entry in value.items():
                if isinstance(key, str) and not _CONTROL.search(key):
                    pending.append((join(place, key), entry, depth + 1))
                else:
                    yield Fault(
                        path=place,
                        value=shown(key),
                        message="A field's name must be plain text.",
                        hint="Put it in quotes.",
                    )
        elif isinstance(value, list | tuple):
            pending.extend((join(place, i), entry, depth + 1) for i, entry in enumerate(value))
        elif isinstance(value, float) and not math.isfinite(value):
            yield Fault(path=place, value=shown(value), message="This is not a finite number.")
        elif isinstance(value, int) and abs(value) > _LARGEST:
            yield Fault(path=place, value=shown(str(value)[:40]), message="The number is too big.")
        elif value is not None and not isinstance(value, bool | int | float):
            yield Fault(
                path=place,
                value=shown(value),
                message=f"A {type(value).__name__} cannot stand in content.",
                hint="Put it in quotes to make it a text.",
            )
