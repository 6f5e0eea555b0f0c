"""A draft of one block's probabilities, as a person writes it into a file."""

from __future__ import annotations

import math

import msgspec

from persx.experiments.live import learning_blocks
from persx.experiments.probabilities import Cell, Probabilities
from persx.model.errors import BadInput, InvalidWorkspace, NotFound, did_you_mean
from persx.model.workspace import Workspace
from persx.workspace.source import load


class _DraftCell(msgspec.Struct, forbid_unknown_fields=True):
    context: dict[str, str]
    shares: dict[str, float]


class _Draft(msgspec.Struct, forbid_unknown_fields=True):
    """What the file holds: shares in any unit, alike for everybody or by context."""

    block: str
    shares: dict[str, float]
    exploration: float = 0.0
    cells: list[_DraftCell] = []


def draft_probabilities(text: str, workspace: Workspace) -> Probabilities:
    """Read a block's draft probabilities from YAML or JSON.

    Raises:
        BadInput: It is none; the message says what is wrong with it.
        NotFound: The block does not learn.
    """
    source, faults = load(text, "the policy")
    if source is None or faults:
        raise InvalidWorkspace(faults)
    try:
        draft = msgspec.convert(source.value, _Draft, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"These are no probabilities of a block: {error}.",
            hint="Write block: NAME and shares: {VARIANT: NUMBER, …}.",
        ) from error
    learning = learning_blocks(workspace)
    if draft.block not in learning:
        raise NotFound(
            f"'{draft.block}' does not learn.",
            value=draft.block,
            hint=did_you_mean(draft.block, learning),
        )
    if not 0 <= draft.exploration <= 1:
        raise BadInput("Exploration is a share from 0 to 1.", value=draft.exploration)
    by = learning[draft.block].by
    variants = [variant.name for variant in workspace.blocks[draft.block].variants]
    return Probabilities(
        block=draft.block,
        learner="draft",
        by=by,
        exploration=draft.exploration,
        lanes={name: lane for lane, name in enumerate(variants)},
        overall=Cell(context=(), shares=_shares(draft.shares, variants)),
        cells=tuple(
            Cell(context=_context(each.context, by), shares=_shares(each.shares, variants))
            for each in draft.cells
        ),
    )


def _shares(given: dict[str, float], variants: list[str]) -> dict[str, float]:
    for name, share in given.items():
        if name not in variants:
            raise BadInput(
                f"There is no variant '{name}'.", value=name, hint=did_you_mean(name, variants)
            )
        if not (math.isfinite(share) and share >= 0):
            raise BadInput(f"The share of '{name}' is not 0 or more.", value=share)
    total = sum(given.values())
    if total <= 0:
        raise BadInput("The shares add up to nothing.", hint="Write a number above 0 for one.")
    return {name: given.get(name, 0.0) / total for name in variants}


def _context(given: dict[str, str], by: tuple[str, ...]) -> tuple[str | None, ...]:
    for name in given:
        if name not in by:
            raise BadInput(
                f"The block does not learn by '{name}'.", value=name, hint=did_you_mean(name, by)
            )
    return tuple(given.get(name) for name in by)
