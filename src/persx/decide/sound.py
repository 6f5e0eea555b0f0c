"""Soundness: what of a stored snapshot cannot be shown any more, found before anybody asks for it.

A snapshot was valid when it was published. A later version of persx may know a block type no
longer, want other fields of it, or read rules otherwise. What is left is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from persx.audience.program import Program
from persx.content.types import BlockType
from persx.model.errors import PersxError
from persx.model.workspace import Block, Variant

T = TypeVar("T")

NOTHING: Final[Mapping[str, Any]] = {}
"""The content of a block of which nothing can be shown."""


def content_fault(type_: BlockType | None, content: Mapping[str, Any]) -> str:
    """Return why a content cannot be shown; empty where it can.

    What a built-in type's template would be given is made of it. A declared type's template is
    lenient, and would show gaps, so there the schema decides.
    """
    if type_ is None:
        return "there is no such block type"
    try:
        if type_.trusted:
            type_.view(content)
            return ""
        faults = [each for each in type_.check(content) if each.severity == "error"]
        return str(faults[0]) if faults else ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def sound_variants(block: Block, program: Program, faults: list[str]) -> list[Variant]:
    """Return the variants whose rules can be read, by priority; the others can never be chosen."""
    found = []
    for variant in sorted(block.variants, key=lambda each: -each.priority):
        try:
            if variant.when:
                program.predicate(variant.when)
        except PersxError as error:
            faults.append(f"Variant '{variant.name}' of block '{block.name}': {error}")
            continue
        found.append(variant)
    return found


def sound_contents(
    block: Block,
    type_: BlockType | None,
    names: Sequence[str],
    contents: Sequence[Mapping[str, Any]],
    faults: list[str],
) -> tuple[tuple[Mapping[str, Any], ...], frozenset[int]]:
    """Return contents that can be shown, and the places where they stand for broken ones.

    A broken variant shows the default content; of a broken default nothing is left.

    Args:
        names: The variants' names, the default's last.
        contents: In the same order.
        faults: Takes what is broken, and why.
    """
    why = [content_fault(type_, content) for content in contents]
    if not any(why):
        return tuple(contents), frozenset()
    faults += (
        f"Content '{name}' of block '{block.name}' ({block.type}): {told}"
        for name, told in zip(names, why, strict=True)
        if told
    )
    default = NOTHING if why[-1] else contents[-1]
    broken = frozenset(at for at, told in enumerate(why) if told)
    return tuple(
        default if at in broken else content for at, content in enumerate(contents)
    ), broken


def sound_blocks(
    names: Iterable[str], blocks: Mapping[str, T], page: str, faults: list[str]
) -> list[T]:
    """Return the blocks of a page that there are."""
    found: list[T] = []
    for name in names:
        if name in blocks:
            found.append(blocks[name])
        else:
            faults.append(f"Page '{page}': there is no block '{name}'.")
    return found
