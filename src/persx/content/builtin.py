"""Built-in block types: a content struct, and the template that lies beside its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from persx.content.fields import Content
from persx.content.schema import ContentSchema
from persx.model.errors import Fault


class BuiltinType:
    """A block type written in Python: one file with a struct, one sibling with the template.

    Subclass it where a type has checks that a schema cannot say (`problems`), or where its
    content depends on the visitor (`reads` and `arrange`).

    Args:
        name: How workspaces call it.
        description: One sentence for people who choose among the types.
        schema: The struct of its content.
        file: The Python file that declares it; the template is its sibling ``.html``.
        arranged: The struct of content after `arrange`, where that adds fields.
    """

    trusted = True

    def __init__(
        self,
        name: str,
        description: str,
        schema: type[Content],
        file: str,
        *,
        arranged: type[Content] | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.schema = schema
        self._template = Path(file).with_suffix(".html")
        self._view = arranged or schema

    @cached_property
    def template(self) -> str:
        """The Jinja source of the block's inside."""
        return self._template.read_text("utf-8")

    @cached_property
    def _checked(self) -> ContentSchema:
        return ContentSchema(self.json_schema())

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of the content."""
        return msgspec.json.schema(self.schema)

    def check(self, content: object, path: str = "") -> list[Fault]:
        """Return every fault of the content, each with its dotted path below `path`."""
        faults = self._checked.faults(content, path)
        if isinstance(content, Mapping):
            faults.extend(self.problems(content, path))
        return faults

    def problems(self, content: Mapping[str, Any], path: str) -> Iterable[Fault]:
        """Return the faults that a schema cannot say. The content may have others too."""
        return ()

    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        """Return the attributes that `arrange` needs for this content."""
        return frozenset()

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any], locale: str = "en"
    ) -> Mapping[str, Any]:
        """Return the content as this visitor gets it; pure, and never fails on valid content."""
        return content

    def view(self, content: Mapping[str, Any], locale: str = "en") -> Any:
        """Return what the template sees as `content`.

        Raises:
            msgspec.ValidationError: If the content does not fit the schema.
        """
        return msgspec.convert(content, self._view)
