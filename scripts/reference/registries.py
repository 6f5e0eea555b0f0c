"""The reference of what is registered: rule functions, folds, block types, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from persx.audience.function import Parameter, RuleFunction, Takes
from persx.audience.functions import FUNCTIONS
from persx.audience.schema import contextual_attributes
from persx.content.blocks import BLOCK_TYPES
from persx.demo import DEMOS, demo_folder
from persx.experiments.learning import LEARNERS
from persx.experiments.metrics import METRICS
from persx.recommend.recommenders import RECOMMENDERS
from persx.visitors.computed import COMPUTED
from persx.workspace.attribute_uses import CatalogueEntry, attribute_catalogue
from persx.workspace.layout import read_folder
from persx.workspace.validation import check
from scripts.reference.structs import markdown_table, summary, table


def rules() -> str:
    """Return the page on rule functions, and on the attributes that are always there."""
    parts = [
        "How rules are written is told in [the guide](../guides/rules.md).\n",
        "## Functions\n",
    ]
    parts += [_function(function) for function in FUNCTIONS]
    parts += [
        "## Attributes that are always there\n",
        "They come from the request at hand; a workspace need not declare them.\n",
        markdown_table(
            ("attribute", "type", "values", "meaning"),
            [
                (
                    f"`{attribute.name}`",
                    attribute.type,
                    _values(attribute.values),
                    attribute.description,
                )
                for attribute in contextual_attributes().values()
            ],
        ),
    ]
    return "\n".join(parts)


def _function(function: RuleFunction) -> str:
    names = ", ".join(parameter.name for parameter in function.parameters)
    rows = [
        (f"`{parameter.name}`", _takes(parameter), ", ".join(parameter.types))
        for parameter in function.parameters
    ]
    return (
        f"### `{function.name}({names})` → {function.result}\n\n{function.doc}\n\n"
        f"```text\n{function.example}\n```\n\n"
        + markdown_table(("argument", "what may stand there", "type"), rows)
    )


def _takes(parameter: Parameter) -> str:
    return {
        Takes.VALUE: "any value of the type",
        Takes.LITERAL: "a text in quotes",
        Takes.ATTRIBUTE: "an attribute's name",
        Takes.AUDIENCE: "an audience's name in quotes",
        Takes.EVENT: "an event's name in quotes",
        Takes.DURATION: 'a length of time in quotes, such as `"30d"`',
    }[parameter.takes]


def _values(values: Iterable[str] | str) -> str:
    return f"the workspace's {values}" if isinstance(values, str) else ", ".join(values)


def computed() -> str:
    """Return the page on the kinds of computed attributes."""
    parts = [
        "`compute.kind` of an [attribute](workspace.md#attributes) is one of these. Each is a "
        "commutative monoid: neither the order nor the batching of events matters.\n"
    ]
    for kind in COMPUTED:
        of = kind.value_type({})
        parts.append(
            f"## `{kind.name}`{f' → {of}' if of else ''}\n\n{kind.description}\n\n"
            f"{summary(type(kind))}\n"
        )
    return "\n".join(parts)


def blocks() -> str:
    """Return the page on the built-in block types and the fields of their contents."""
    parts = [
        "`type` of a [block](workspace.md#blocks) is one of these, or one that the workspace "
        "declares itself.\n"
    ]
    for kind in BLOCK_TYPES:
        parts.append(f"## `{kind.name}`\n\n{kind.description}\n")
        parts.append(schema_tables(kind.json_schema()))
    return "\n".join(parts)


def schema_tables(schema: Mapping[str, Any]) -> str:
    """Return the fields of a JSON Schema as tables: the outermost first, then what it names."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    outer = schema
    if "$ref" in schema:
        outer = definitions[schema["$ref"].rpartition("/")[2]]
    parts = [_schema_table(outer)]
    for name, definition in definitions.items():
        if definition is not outer and definition.get("properties"):
            parts.append(f"\n**{name}**\n\n{_schema_table(definition)}")
    return "".join(parts)


def _schema_table(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (
            f"`{name}`",
            schema_type(field),
            "yes" if name in required else "no",
            str(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return markdown_table(("field", "type", "required", "meaning"), rows)


def schema_type(field: Mapping[str, Any]) -> str:
    """Return a JSON Schema as people would say it.

    >>> schema_type({"type": "array", "items": {"$ref": "#/$defs/Reason"}, "minItems": 3})
    'list of Reason, 3 or more'
    >>> schema_type({"anyOf": [{"type": "string", "maxLength": 80}, {"type": "null"}]})
    'text, up to 80 characters'
    """
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(schema_type(part) for part in field["anyOf"] if part != {"type": "null"})
    if "enum" in field:
        return ", ".join(str(value) for value in field["enum"])
    kind = field.get("type")
    if kind == "array":
        return f"list of {schema_type(field.get('items', {}))}{_count(field, 'Items')}"
    if kind == "string":
        form = f" ({field['format']})" if "format" in field else ""
        return f"text{form}{_count(field, 'Length', ' characters')}"
    return {
        "number": "number",
        "integer": "whole number",
        "boolean": "true or false",
        "object": "map",
    }.get(str(kind), "anything")


def _count(field: Mapping[str, Any], what: str, unit: str = "") -> str:
    least, most = field.get(f"min{what}", 0), field.get(f"max{what}")
    if what == "Length" and least <= 1:
        least = 0
    if least and most:
        return f", {least} to {most}{unit}"
    if least:
        return f", {least} or more{unit}"
    return f", up to {most}{unit}" if most else ""


def metrics() -> str:
    """Return the page on the kinds of metrics."""
    parts = ["How a report judges an arm. Each sees sums, never the events themselves.\n"]
    for kind in METRICS:
        needs = ", ".join(sorted(kind.needs))
        parts.append(
            f"## `{kind.name}`\n\n{summary(type(kind))}\n\n"
            f"Shown as: {kind.rate_label}. Reads per arm: {needs}.\n"
        )
    return "\n".join(parts)


def learners() -> str:
    """Return the page on the learners."""
    parts = [
        "`learn.learner` of a [block](workspace.md) is one of these. How blocks learn is told in "
        "[the guide](../guides/learning.md).\n"
    ]
    parts += [f"## `{each.name}`\n\n{each.description}\n" for each in LEARNERS]
    return "\n".join(parts)


def recommenders() -> str:
    """Return the page on the recommenders and their options."""
    parts = [
        "How to find out which is best is told in "
        "[the guide](../guides/evaluating-recommenders.md).\n"
    ]
    for each in RECOMMENDERS:
        parts.append(f"## `{each.name}`\n\n{each.description}\n\n{summary(type(each))}\n")
        parts.append(table(each.config))
    return "\n".join(parts)


def demo_attributes() -> str:
    """Return the page on the attributes of the demo workspaces."""
    parts = ["`persx catalogue DIR` prints the same of any workspace.\n"]
    for name in DEMOS:
        workspace, _ = check(read_folder(demo_folder(name), []))
        if workspace is None:
            raise ValueError(f"The demo '{name}' is not valid.")
        parts += [
            f"## {workspace.settings.name}\n",
            markdown_table(
                (
                    *("attribute", "source", "fresh", "purpose", "expires"),
                    *("asked in", "used by", "what it is"),
                ),
                [_catalogue_row(entry) for entry in attribute_catalogue(workspace)],
            ),
        ]
    return "\n".join(parts)


def _catalogue_row(entry: CatalogueEntry) -> tuple[str, ...]:
    return (
        f"`{entry.name}`",
        entry.source.value,
        entry.freshness,
        entry.purpose.value + (", sensitive" if entry.sensitive else ""),
        entry.expires or "never",
        ", ".join(entry.asked_in),
        entry.used_by() or f"kept for {entry.kept_for}",
        entry.description,
    )
