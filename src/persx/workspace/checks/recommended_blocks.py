"""Blocks that recommend: the pipeline that each of their contents names has to be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from persx.content.blocks.recommendations import RECOMMENDATIONS
from persx.model.errors import Fault
from persx.model.workspace import Block
from persx.workspace.checks.subject import Subject

_KIND: Final = "blocks"


def check_recommended(subject: Subject, name: str, block: Block) -> Iterator[Fault]:
    """Yield a fault for each content of a block that names a pipeline which is not there."""
    if block.type != RECOMMENDATIONS.name:
        return
    for path, content in _contents(block):
        pipeline = content.get("pipeline")
        if isinstance(pipeline, str):
            yield from subject.unknown(_KIND, name, f"{path}pipeline", "pipelines", [pipeline])


def _contents(block: Block) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "content.", block.content
    for locale, content in block.locales.items():
        yield f"locales.{locale}.", content
    for variant in block.variants:
        yield f"variants.{variant.name}.content.", variant.content
        for locale, content in variant.locales.items():
            yield f"variants.{variant.name}.locales.{locale}.", content
