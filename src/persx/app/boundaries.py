"""Boundaries: where a number divides the visitors that are kept into equally large parts."""

from __future__ import annotations

from statistics import quantiles
from typing import Final

import msgspec

from persx.app.deciding import current_plan
from persx.app.population import visitors
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.model.attribute import Purpose, ValueType
from persx.model.counting import counted
from persx.model.errors import BadInput, NotFound, did_you_mean
from persx.storage.scope import System
from persx.visitors.fold import computed_key

MOST_PARTS: Final = 20
_SCOPE: Final = System("dividing visitors")


class BoundariesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which attribute, and into how many parts."""

    attribute: str
    parts: int = 5


class BoundariesResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attribute divides visitors.

    Attributes:
        visitors: Of how many it is known, from some event where it is computed.
        boundaries: One fewer than parts, the least first; fewer where many have the same value.
    """

    attribute: str
    visitors: int
    least: float
    most: float
    boundaries: tuple[float, ...]


async def boundaries(services: Services, request: BoundariesRequest) -> BoundariesResult:
    """Return the quantiles of a number over all visitors who have one.

    Raises:
        NotFound: There is no such attribute.
        BadInput: It is no number, it is known for too few, or so many parts are not allowed.
        Unavailable: Nothing is published yet.
    """
    await services.publication.refresh(services.store)
    plan = current_plan(services)
    name = request.attribute
    attribute = plan.attributes.get(name)
    if attribute is None:
        raise NotFound(
            f"Unknown attribute '{name}'.", value=name, hint=did_you_mean(name, plan.attributes)
        )
    if attribute.type is not ValueType.NUMBER:
        raise BadInput(
            f"'{name}' is no number.",
            value=attribute.type.value,
            hint="Only numbers have boundaries.",
        )
    if not 2 <= request.parts <= MOST_PARTS:
        raise BadInput(
            f"{request.parts} parts are not allowed.",
            value=request.parts,
            hint=f"Use 2 to {MOST_PARTS}.",
        )
    key = computed_key(attribute) if attribute.compute is not None else ""
    now = services.clock()
    numbers: list[float] = []
    async for states in visitors(services, _SCOPE):
        if key and not any(key in state.computed for state in states):
            continue
        known = plan.assembler.assemble(
            states, now, granted=frozenset(Purpose), ready=services.publication.ready
        )
        value = known.attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(value)
    if len(numbers) < request.parts:
        raise BadInput(
            f"'{name}' is known for {counted(len(numbers), 'visitor')} only.",
            value=len(numbers),
            hint="Wait for more, or import what happened before: persx import parquet.",
        )
    found = quantiles(numbers, n=request.parts, method="inclusive")
    return BoundariesResult(
        attribute=name,
        visitors=len(numbers),
        least=min(numbers),
        most=max(numbers),
        boundaries=tuple(dict.fromkeys(round(each, 2) for each in found)),
    )


BOUNDARIES: Final = UseCase(
    "boundaries", BoundariesRequest, BoundariesResult, boundaries, writes=False
)
