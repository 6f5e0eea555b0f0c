"""Receipts: finds lines of the decision log, hot or sealed, and explains them to their bearer."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from persx.app.services import Services
from persx.app.visiting import Visitor
from persx.decide.receipt import Receipt, Rulebook, receipt
from persx.model.decision import DecisionRecord
from persx.model.errors import NotFound, Unreadable
from persx.model.event import IdentityKey

_ID: Final = re.compile(r"[0-9a-f]{27}")
_BY_ID: Final = (
    'select id, "at", bucketing_id, page, snapshot, body from decisions where id = $id limit 1'
)


async def identities_of(services: Services, visitor: Visitor) -> frozenset[IdentityKey]:
    """Return the identities whose facts the bearer may read: their own, and those joined to it.

    Nobody who did not prove who they are gets more than what they call themselves.
    """
    own = frozenset((visitor.identity,)) if visitor.anonymous_id or visitor.user_id else frozenset()
    if visitor.new or not visitor.trusted or not own:
        return own
    return own.union(state.identity for state in await services.store.states(visitor.identity))


async def receipt_for(
    services: Services, id: str, identities: Collection[IdentityKey] | None
) -> Receipt:
    """Return the receipt of a decision, or of one of its blocks, to whom it concerns.

    Args:
        id: A decision's id, alone or with ``.BLOCK`` behind it.
        identities: The bearer's; None for whoever may read everything.

    Raises:
        NotFound: There is no such decision, or it is somebody else's: both sound alike.
        Unavailable: Too many ask for sealed lines.
    """
    number, _, block = id.partition(".")
    line = None
    if _ID.fullmatch(number) and (identities is None or identities):
        line = await _line(services, number)
    if line is None or (identities is not None and line.bucketing_id not in identities):
        raise _no_decision()
    found = receipt(line, await _rulebook(services, line.snapshot), block)
    if not found.blocks:
        raise _no_decision()
    return found


async def recent_receipts(
    services: Services, identities: Collection[IdentityKey], *, pages: int
) -> Sequence[Receipt]:
    """Return the receipts of the pages that somebody saw last, each page once, newest first.

    It looks where lines are quick to find: in those that are not sealed yet.
    """
    lines = [
        *services.decision_log.waiting_of(identities),
        *await services.store.decisions_of(identities, 10 * pages),
    ]
    newest: dict[str, DecisionRecord] = {}
    for line in sorted(lines, key=lambda line: (-line.at, line.id)):
        if line.page and line.page not in newest and len(newest) < pages:
            newest[line.page] = line
    return [receipt(line, await _rulebook(services, line.snapshot)) for line in newest.values()]


async def _line(services: Services, id: str) -> DecisionRecord | None:
    found = services.decision_log.waiting(id) or await services.store.decision(id)
    if found is not None:
        return found
    async with services.slow_reads.turn():
        rows = await services.warehouse.query(_BY_ID, {"id": id})
    for row in rows.rows:
        return DecisionRecord(**dict(zip(rows.columns, row, strict=True)))
    return None


async def _rulebook(services: Services, number: int) -> Rulebook | None:
    """Return the rules of a snapshot, which are kept for the next one who asks."""
    kept = services.rulebooks
    if number not in kept:
        try:
            snapshot = await services.store.snapshot(number)
        except Unreadable:
            snapshot = None
        if snapshot is None:
            return None
        if len(kept) >= KEPT_RULEBOOKS:
            kept.pop(next(iter(kept)))
        kept[number] = Rulebook(snapshot.workspace)
    return kept[number]


KEPT_RULEBOOKS: Final = 8


def _no_decision() -> NotFound:
    return NotFound("There is no such decision, or it is not yours to read.")
