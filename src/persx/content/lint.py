"""Lint: every fault of a block's contents, as each variant and locale would be shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from persx.audience.schema import contextual_attributes
from persx.content.declared import DeclaredType
from persx.content.schema import join
from persx.content.texts import locale_chain, localized
from persx.content.types import BlockType
from persx.model.errors import Fault, did_you_mean
from persx.model.workspace import Block, BlockTypeDocument, Variant, Workspace


def check_block(block: Block, types: Mapping[str, BlockType], workspace: Workspace) -> list[Fault]:
    """Return every fault of a block's contents, with paths inside the block's document.

    Default content, each variant over it and each locale over both are checked as a visitor
    would get them; a fault is reported where it comes from, not in every layer above it.
    """
    type_ = types.get(block.type)
    if type_ is None:
        return [
            Fault(
                path="type",
                value=block.type,
                message=f"Unknown block type '{block.type}'.",
                hint=did_you_mean(block.type, types),
            )
        ]
    layers = _Layers(block, type_, workspace)
    faults = list(layers.check(None))
    for variant in block.variants:
        faults += layers.check(variant)
    return faults


def check_block_type(document: BlockTypeDocument) -> list[Fault]:
    """Return every fault of a declared block type, with paths inside its document."""
    return DeclaredType(document).check_declaration()


class _Layers:
    """The contents of one block, layer over layer, and what is wrong in each."""

    def __init__(self, block: Block, type_: BlockType, workspace: Workspace) -> None:
        self.block = block
        self.type = type_
        self.workspace = workspace
        self.default = self._faults(None, "")

    def check(self, variant: Variant | None) -> Iterator[Fault]:
        """Yield the faults of the default content (None) or a variant, then of its locales."""
        at = join("variants", variant.name) if variant else ""
        base = self.default if variant is None else self._faults(variant, "")
        shown = base if variant is None else _without(base, self.default)
        yield from _placed(shown, join(at, "content"))
        yield from self._attribute_faults(variant, join(at, "content"))
        texts = self.block.locales if variant is None else variant.locales
        for code in sorted(texts, key=self._depth):
            if code in self.workspace.locales:
                below = list(base)
                for more_general in list(locale_chain(code, self.workspace.locales))[:-1]:
                    below += self._faults(variant, more_general)
                if variant is not None:
                    below += [*self.default, *self._faults(None, code)]
                found = _without(self._faults(variant, code), below)
                yield from _placed(found, join(at, "locales", code))

    def _depth(self, code: str) -> tuple[int, str]:
        return len(list(locale_chain(code, self.workspace.locales))), code

    def _faults(self, variant: Variant | None, locale: str) -> list[Fault]:
        content = localized(self.block, variant, locale, self.workspace.locales)
        return self.type.check(content)

    def _attribute_faults(self, variant: Variant | None, at: str) -> Iterator[Fault]:
        """Find attributes that the content reads and nobody declares."""
        known = known_attributes(self.workspace)
        content = localized(self.block, variant, "", self.workspace.locales)
        before = localized(self.block, None, "", self.workspace.locales) if variant else {}
        for name in sorted(_reads(self.type, content) - (_reads(self.type, before))):
            if name not in known:
                yield Fault(
                    path=at,
                    value=name,
                    message=f"Unknown attribute '{name}'.",
                    hint=did_you_mean(name, known),
                )


def known_attributes(workspace: Workspace) -> frozenset[str]:
    """Return the names of the attributes that content may read."""
    return frozenset(workspace.attributes) | frozenset(contextual_attributes())


def _reads(type_: BlockType, content: Mapping[str, Any]) -> frozenset[str]:
    return type_.reads(content) if content else frozenset()


def _without(faults: Iterable[Fault], known: Iterable[Fault]) -> list[Fault]:
    dropped = set(known)
    return [fault for fault in faults if fault not in dropped]


def _placed(faults: Iterable[Fault], at: str) -> Iterator[Fault]:
    for fault in faults:
        yield msgspec.structs.replace(fault, path=join(at, fault.path))
