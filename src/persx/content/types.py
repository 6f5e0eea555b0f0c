"""What a block type is, and all of them that a workspace can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from persx.content.blocks import BLOCK_TYPES
from persx.content.declared import DeclaredType
from persx.model.errors import Fault
from persx.model.workspace import Workspace


class BlockType(Protocol):
    """Schema and template of a kind of block.

    Attributes:
        schema: A msgspec struct type, or a JSON Schema.
        template: Jinja source of what stands inside the block's section. It sees `content`,
            `block`, `context` (a `RenderContext`) and `heading_level`, the level that the
            block's own heading has.
        trusted: Whether the template is code of an installed package; others are sandboxed.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> type | Mapping[str, Any]: ...
    @property
    def template(self) -> str: ...
    @property
    def trusted(self) -> bool: ...

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of the content."""
        ...

    def check(self, content: object, path: str = "") -> list[Fault]:
        """Return every fault of the content, each with its dotted path below `path`."""
        ...

    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        """Return the attributes that `arrange` needs for this content."""
        ...

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any], locale: str = "en"
    ) -> Mapping[str, Any]:
        """Return the content as this visitor gets it: pure; absent attributes are unknown."""
        ...

    def view(self, content: Mapping[str, Any], locale: str = "en") -> Any:
        """Return what the template sees as `content`; raises where it does not fit."""
        ...


def block_types(workspace: Workspace) -> Mapping[str, BlockType]:
    """Return the built-in block types and those that the workspace declares, by name.

    A built-in name wins over a declared one; lint reports the clash.
    """
    found: dict[str, BlockType] = {
        name: DeclaredType(msgspec.structs.replace(document, name=name))
        for name, document in workspace.block_types.items()
    }
    found.update({entry.name: entry for entry in BLOCK_TYPES})
    return found
