"""Block types declared in the workspace: a JSON Schema and a sandboxed template, no Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from persx.content.icons import icon
from persx.content.safety import safe_href, sanitise
from persx.content.schema import MAX_DEPTH, ContentSchema, join
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.model.workspace import BlockTypeDocument

MAX_TEMPLATE: Final = 20_000
"""Characters that a declared template may have."""

MAX_LOOPS: Final = 2
"""How deep loops may be nested in a declared template."""

MAX_LIST: Final = 200
"""Entries that a list in a declared type's content may have; bounds what loops can do."""

FILTERS: Final = (
    "abs", "capitalize", "default", "e", "escape", "first", "float", "href", "icon", "int",
    "last", "length", "lower", "reverse", "rich_text", "round", "string", "title", "trim",
    "truncate", "upper",
)  # fmt: skip
"""The filters that a declared template may use: none that makes a text much longer."""

TESTS: Final = (
    "defined", "undefined", "none", "string", "number", "mapping", "sequence", "true", "false",
    "odd", "even", "divisibleby", "eq", "ne", "lt", "le", "gt", "ge", "in",
)  # fmt: skip

_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem,
    nodes.Const, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Filter, nodes.Test, nodes.Add, nodes.Sub, nodes.Neg, nodes.Tuple,
    nodes.List, nodes.Slice,
)  # fmt: skip

NAMES: Final = frozenset({"content", "block", "context", "heading_level"})
"""What a declared template finds: the content, the block's name, the page, the heading level."""


def sandbox() -> ImmutableSandboxedEnvironment:
    """Return an environment in which a declared template can only read its content."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.filters["href"] = safe_href
    environment.filters["rich_text"] = lambda html: Markup(sanitise(str(html)))
    environment.filters["icon"] = icon
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


class DeclaredType:
    """A block type that a workspace document declares."""

    trusted = False

    def __init__(self, document: BlockTypeDocument) -> None:
        self.name = document.name
        self.description = document.description
        self.schema = document.schema
        self.template = document.template
        self._checked = ContentSchema(self.json_schema())

    def json_schema(self) -> dict[str, Any]:
        """Return the schema; at its root, unknown fields are faults unless it says otherwise."""
        schema = {"type": "object", **self.schema}
        if not any(key in schema for key in _OPEN):
            schema["additionalProperties"] = False
        return schema

    def check_declaration(self, path: str = "") -> list[Fault]:
        """Return every fault of the schema and the template themselves."""
        faults = []
        if self.json_schema()["type"] != "object":
            faults.append(
                Fault(
                    path=join(path, "schema.type"),
                    value=str(self.schema.get("type")),
                    message="The schema's type must be 'object'.",
                )
            )
        try:
            self._checked.prepare()
        except BadInput as error:
            faults.append(Fault(path=join(path, "schema"), message=error.message, hint=error.hint))
        faults.extend(_template_faults(self.template, join(path, "template")))
        return faults

    def check(self, content: object, path: str = "") -> list[Fault]:
        """Return every fault of the content, each with its dotted path below `path`."""
        try:
            faults = self._checked.faults(content, path)
        except BadInput as error:
            return [Fault(path=path, message=error.message, hint=error.hint)]
        return [*faults, *_excess(content, path)]

    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        """Return nothing: a declared type's content is the same for every visitor."""
        return frozenset()

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any], locale: str = "en"
    ) -> Mapping[str, Any]:
        """Return the content as it is."""
        return content

    def view(self, content: Mapping[str, Any], locale: str = "en") -> Any:
        """Return the content.

        Raises:
            BadInput: If it is deeper or longer than a declared type's content may be.
        """
        for fault in _excess(content, self.name):
            raise BadInput(str(fault))
        return content


_OPEN: Final = (
    "additionalProperties", "unevaluatedProperties", "patternProperties", "allOf", "anyOf",
    "oneOf", "$ref", "if",
)  # fmt: skip


def _excess(content: object, path: str, depth: int = 0) -> Iterator[Fault]:
    if depth > MAX_DEPTH:
        yield Fault(path=path, message=f"Content is nested deeper than {MAX_DEPTH} levels.")
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _excess(value, join(path, key), depth + 1)
    elif isinstance(content, list | tuple):
        if len(content) > MAX_LIST:
            yield Fault(
                path=path,
                value=str(len(content)),
                message=f"Too many entries: {len(content)}.",
                hint=f"At most {MAX_LIST} fit.",
            )
            return
        for index, value in enumerate(content):
            yield from _excess(value, join(path, index), depth + 1)


def _template_faults(source: str, path: str) -> list[Fault]:
    """Find what a declared template may not do; an allow-list, so that nothing slips through."""
    if len(source) > MAX_TEMPLATE:
        return [
            Fault(
                path=path,
                value=str(len(source)),
                message=f"The template has {len(source):,} characters.",
                hint=f"At most {MAX_TEMPLATE:,} fit.",
            )
        ]
    environment = sandbox()
    try:
        tree = environment.parse(source)
        faults = list(_node_faults(tree, path, frozenset(NAMES), 0))
        if not faults:
            environment.from_string(source)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        return [
            Fault(
                path=path,
                value=f"line {line}" if line else "",
                message=f"The template is not valid Jinja: {error.message or error}.",
                hint="See docs/guides/blocks.md for what a template may hold.",
            )
        ]
    except RecursionError:
        return [Fault(path=path, message="The template is nested too deep.")]
    return faults


def _node_faults(node: nodes.Node, path: str, names: frozenset[str], loops: int) -> Iterator[Fault]:
    where = f"line {node.lineno}"
    if not isinstance(node, _NODES):
        yield Fault(
            path=path,
            value=where,
            message=f"A template may not use '{type(node).__name__.lower()}'.",
            hint="It may print values, use if and for, compare, add and filter.",
        )
        return
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        yield Fault(
            path=path,
            value=where,
            message=f"Unknown filter '{node.name}'.",
            hint=did_you_mean(node.name, FILTERS),
        )
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        yield Fault(
            path=path,
            value=where,
            message=f"Unknown test '{node.name}'.",
            hint=did_you_mean(node.name, TESTS),
        )
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in names:
        yield Fault(
            path=path,
            value=where,
            message=f"Unknown name '{node.name}'.",
            hint=did_you_mean(node.name, [*names, f"content.{node.name}"]),
        )
    if isinstance(node, nodes.For):
        loops += 1
        targets = [node.target, *node.target.find_all(nodes.Name)]
        names = names | {"loop"} | {name.name for name in targets if isinstance(name, nodes.Name)}
        if loops > MAX_LOOPS or node.recursive:
            yield Fault(
                path=path,
                value=where,
                message=f"Loops are nested deeper than {MAX_LOOPS}, or recursive.",
            )
            return
    for child in node.iter_child_nodes():
        yield from _node_faults(child, path, names, loops)
