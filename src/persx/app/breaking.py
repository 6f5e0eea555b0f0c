"""Breaking on purpose: a plan in which one variant cannot be shown, as if it were damaged."""

from __future__ import annotations

import msgspec

from persx.decide.compilation import compile_snapshot
from persx.decide.plan import Plan
from persx.model.errors import BadInput, did_you_mean


def broken_plan(plan: Plan, block: str, variant: str) -> Plan:
    """Return the plan with a variant's content damaged; nothing is published.

    Whoever the variant is for gets the default content, with the reason ``invalid``.

    Raises:
        BadInput: There is no such variant, or nothing can break it.
    """
    snapshot = plan.snapshot
    blocks = snapshot.workspace.blocks
    if block not in blocks:
        raise BadInput(
            f"There is no block '{block}'.", value=block, hint=did_you_mean(block, blocks)
        )
    found = {each.name: each for each in blocks[block].variants}
    if variant not in found:
        raise BadInput(
            f"Block '{block}' has no variant '{variant}'.",
            value=variant,
            hint=did_you_mean(variant, found),
        )
    whole = {**blocks[block].content, **found[variant].content}
    damaged = msgspec.structs.replace(
        found[variant], content={name: {"broken": "on purpose"} for name in whole}
    )
    variants = [damaged if each.name == variant else each for each in blocks[block].variants]
    changed = msgspec.structs.replace(
        blocks[block], variants=type(blocks[block].variants)(variants)
    )
    workspace = msgspec.structs.replace(snapshot.workspace, blocks={**blocks, block: changed})
    broken = compile_snapshot(msgspec.structs.replace(snapshot, workspace=workspace))
    if not any(f"'{variant}' of block '{block}'" in fault for fault in broken.faults):
        raise BadInput(
            f"The variant '{variant}' of block '{block}' shows whatever its content holds: "
            "it cannot be broken.",
            value=variant,
        )
    return broken
