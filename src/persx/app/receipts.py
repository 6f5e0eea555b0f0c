"""Receipts: finds lines of the decision log, hot or sealed, and explains them to their bearer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from persx.app.services import Services
from persx.decide.receipt import Receipt, Rulebook, receipt
from persx.model.decision import DecisionRecord
from persx.model.errors import NotFound
from persx.model.event import IdentityKey
from persx.storage.scope import Bearer, VisitorScope

_ID: Final = re.compile(r"[0-9a-f]{27}")


async def receipt_for(services: Services, id: str, scope: VisitorScope) -> Receipt:
    """Return the receipt of a decision, or of one of its blocks, to whom it concerns.

    Args:
        id: A decision's id, alone or with ``.BLOCK`` behind it.

    Raises:
        NotFound: There is no such decision, or it is somebody else's: both sound alike.
        Unavailable: Too many ask for sealed lines.
    """
    number, _, block = id.partition(".")
    line = await _line(services, number, scope) if _ID.fullmatch(number) else None
    if line is None:
        raise _no_decision()
    found = receipt(line, await _rulebook(services, line.snapshot), block)
    if not found.blocks:
        raise _no_decision()
    return found


async def recent_receipts(services: Services, scope: Bearer, *, pages: int) -> Sequence[Receipt]:
    """Return the receipts of the pages that somebody saw last, each page once, newest first.

    It looks where lines are quick to find: in those that are not sealed yet.
    """
    reader = services.store.seen_by(scope)
    identities = await reader.visitor(scope.identity)
    lines = [
        *services.decision_log.waiting_of(identities),
        *await reader.decisions_of(identities, 10 * pages),
    ]
    newest: dict[str, DecisionRecord] = {}
    for line in sorted(lines, key=lambda line: (-line.at, line.id)):
        if line.page and line.page not in newest and len(newest) < pages:
            newest[line.page] = line
    return [receipt(line, await _rulebook(services, line.snapshot)) for line in newest.values()]


async def _line(services: Services, id: str, scope: VisitorScope) -> DecisionRecord | None:
    reader = services.store.seen_by(scope)
    if isinstance(scope, Bearer) and not await reader.sees(scope.identity):
        # Who carries no id has no decisions, and costs no search.
        return None
    waiting = services.decision_log.waiting(id)
    if waiting is not None:
        return waiting if await reader.sees(IdentityKey(waiting.bucketing_id)) else None
    found = await reader.decision(id)
    if found is None:
        async with services.slow_reads.turn():
            found = await services.warehouse.seen_by(scope).decision(id)
    return found


async def _rulebook(services: Services, number: int) -> Rulebook | None:
    """Return the rules of a snapshot, which are kept for the next one who asks."""
    kept = services.rulebooks
    if number not in kept:
        snapshot = await services.store.snapshot(number)
        if snapshot is None:
            return None
        if len(kept) >= KEPT_RULEBOOKS:
            kept.pop(next(iter(kept)))
        kept[number] = Rulebook(snapshot.workspace)
    return kept[number]


KEPT_RULEBOOKS: Final = 8


def _no_decision() -> NotFound:
    return NotFound("There is no such decision, or it is not yours to read.")
