"""Blocks: content, locales, schedules, coverage names, and variants that can never be shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from persx.content.blocks import BLOCK_TYPES
from persx.content.blocks.recommendations import RECOMMENDATIONS
from persx.content.lint import check_block, check_block_type
from persx.content.types import block_types
from persx.model.errors import Fault
from persx.model.workspace import Block, BlockTypeDocument, Policy, Variant
from persx.workspace.checks.learning import check_learning
from persx.workspace.checks.recommended_blocks import check_recommended
from persx.workspace.checks.schedules import check_schedule
from persx.workspace.checks.subject import Subject
from persx.workspace.conversion import shown
from persx.workspace.coverage import ALL
from persx.workspace.documents import EVERYTHING

_KIND: Final = "blocks"
_TYPE: Final = "block_types"


def check_blocks(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all block types and blocks, and warnings for what is of no use."""
    broken = {*subject.damaged.get("block_types", ())}
    for name, document in subject.workspace.block_types.items():
        faults = list(_block_type(subject, name, document))
        if any(fault.severity == "error" for fault in faults):
            broken.add(name)
        yield from faults
    types = block_types(subject.workspace)
    for name, block in subject.workspace.blocks.items():
        # Content of a type that is broken itself may be right.
        if block.type not in broken and (block.type in types or EVERYTHING not in broken):
            yield from _content(subject, name, check_block(block, types, subject.workspace))
        yield from _places(subject, name, block)
        yield from check_learning(subject, name, block)
        yield from check_recommended(subject, name, block)
        for variant in block.variants:
            path = f"variants.{variant.name}"
            for locale in variant.locales:
                yield from subject.unknown(
                    _KIND, name, f"{path}.locales.{locale}", "locales", [locale]
                )
            if variant.schedule is not None:
                yield from check_schedule(subject, name, f"{path}.schedule", variant.schedule)
        if not 0 <= block.holdout < 1:
            yield subject.fault(
                _KIND,
                name,
                "holdout",
                "A holdout is a share of the visitors, from 0 to less than 1.",
                value=block.holdout,
                hint="Write 0.1 to hold out one in ten.",
            )
        elif block.holdout and not (
            block.variants or block.type == RECOMMENDATIONS.name or subject.is_damaged(_KIND, name)
        ):
            yield subject.fault(
                _KIND,
                name,
                "holdout",
                "The block has no variants: everybody sees the default, held out or not.",
                value=block.holdout,
                hint="Add a variant, or remove the holdout.",
                severity="warning",
            )
        if not subject.is_damaged(_KIND, name) and block.policy is Policy.FIRST_MATCH:
            yield from _shadowed(subject, name, block)
    yield from _unused(subject)


def _block_type(subject: Subject, name: str, document: BlockTypeDocument) -> Iterator[Fault]:
    if name in BLOCK_TYPES:
        yield subject.fault(
            _TYPE,
            name,
            "",
            f"'{name}' is a built-in block type.",
            value=name,
            hint="Choose another name.",
        )
    for fault in check_block_type(document):
        yield msgspec.structs.replace(fault, file=f"{_TYPE}/{name}.yaml")


def _content(subject: Subject, name: str, faults: list[Fault]) -> Iterator[Fault]:
    for fault in faults:
        reads = fault.message.startswith("Unknown attribute")
        if not (reads and subject.is_damaged("attributes", fault.value)):
            yield msgspec.structs.replace(
                fault, file=f"{_KIND}/{name}.yaml", value=shown(fault.value)
            )


def _places(subject: Subject, name: str, block: Block) -> Iterator[Fault]:
    for locale in block.locales:
        yield from subject.unknown(_KIND, name, f"locales.{locale}", "locales", [locale])
    opted = [industry for industry in block.coverage_opt_out if industry != ALL]
    yield from subject.unknown(_KIND, name, "coverage_opt_out", "industries", opted)


def _shadowed(subject: Subject, name: str, block: Block) -> Iterator[Fault]:
    """Yield warnings for variants behind one that is eligible whenever they are."""
    before: list[Variant] = []
    for variant in sorted(block.variants, key=lambda each: -each.priority):
        for earlier in before:
            always = earlier.schedule is None or earlier.schedule == variant.schedule
            if always and earlier.when.strip() in ("", variant.when.strip()):
                yield subject.fault(
                    _KIND,
                    name,
                    f"variants.{variant.name}",
                    f"The variant is shadowed: '{earlier.name}' comes first whenever its rule "
                    "holds.",
                    value=variant.when,
                    hint="Change the rule or the priority of one of them.",
                    severity="warning",
                )
                break
        before.append(variant)


def _unused(subject: Subject) -> Iterator[Fault]:
    used = {block for page in subject.workspace.pages.values() for block in page.blocks}
    # A page that cannot be read, or lists a block that is not there, may mean any of them.
    if subject.damaged.get("pages") or not used <= subject.workspace.blocks.keys():
        return
    for name, block in subject.workspace.blocks.items():
        if name not in used and not block.external:
            yield subject.fault(
                _KIND,
                name,
                "",
                "No page shows this block.",
                hint="List it on a page, or write external: true.",
                severity="warning",
            )
