"""Receipts: lines of the decision log, hot, sealed or carried, explained to their bearer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from persx.app.carried import read_carried
from persx.app.decision_log import decided_at
from persx.app.list_receipts import as_it_is_now
from persx.app.retention import cutoff
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.decide.list_receipt import ListReceipt
from persx.decide.receipt import Receipt, Rulebook, receipt
from persx.model.decision import DecisionRecord
from persx.model.errors import NotFound, Unreadable
from persx.model.event import IdentityKey
from persx.storage.scope import Bearer, Staff, VisitorScope

_OPERATOR: Final = Staff("operator", "explaining a decision")
_ID: Final = re.compile(r"[0-9a-f]{27}")
_NEWEST: Final = (
    'select id, "at", bucketing_id, page, snapshot, body from decisions '
    'order by "at" desc, id limit $limit'
)


async def receipt_for(services: Services, id: str, scope: VisitorScope) -> Receipt:
    """Return the receipt of a decision, or of one of its blocks, to whom it concerns.

    Args:
        id: A decision's id or a carried receipt, alone or with ``.BLOCK`` behind it. Who has
            a carried receipt may read it: it says nothing that its page did not.

    Raises:
        NotFound: There is no such decision, or it is somebody else's: both sound alike; or it is
            older than what is kept, or a carried receipt too old.
        Unavailable: Too many ask for sealed lines.
    """
    number, _, block = id.partition(".")
    if not _ID.fullmatch(number):
        return await carried_receipt(services, id)
    line = await _line(services, number, scope)
    if line is None:
        raise _too_old(services, number) or _no_decision()
    found = receipt(line, await _rulebook(services, line.snapshot), block)
    if isinstance(found.recommended, ListReceipt):
        told = await as_it_is_now(services, found.recommended, found.artifacts)
        return msgspec.structs.replace(found, recommended=told)
    if not found.blocks:
        raise _no_decision()
    return found


async def carried_receipt(services: Services, token: str) -> Receipt:
    """Return the receipt that a page's token carries.

    Raises:
        NotFound: The token is not one of ours, was changed, or is too old (`ReceiptExpired`).
    """
    read = read_carried(services, token)
    if read is None:
        raise _no_decision()
    carried, block = read
    rulebook = await _rulebook(services, carried.snapshot)
    found = receipt(carried.line(), rulebook, block, hidden=frozenset(carried.hidden))
    if not found.blocks:
        raise _no_decision()
    return found


async def recent_receipts(
    services: Services, scope: Bearer, *, pages: int, sealed: bool = False
) -> Sequence[Receipt]:
    """Return the receipts of the pages that somebody saw last, each page once, newest first.

    It looks where lines are quick to find: in those that are not sealed yet.

    Args:
        sealed: Look through sealed lines too, which takes a while and is done in turn.

    Raises:
        Unavailable: Too many ask for sealed lines.
    """
    reader = services.store.seen_by(scope)
    identities = await reader.visitor(scope.identity)
    lines = [
        *services.decision_log.waiting_of(identities),
        *await reader.decisions_of(identities, 10 * pages),
    ]
    if sealed and identities:
        async with services.slow_reads.turn():
            # As far as the scope may see: rows of nobody else.
            rows = await services.warehouse.seen_by(scope).query(_NEWEST, {"limit": 20 * pages})
        known = {line.id for line in lines}
        found = [DecisionRecord(**dict(zip(rows.columns, row, strict=True))) for row in rows.rows]
        lines += [line for line in found if line.id not in known]
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


def _too_old(services: Services, id: str) -> NotFound | None:
    """Return what is said of a decision whose line is gone because of its age.

    The id itself tells when it was made: nothing is told of whether there was such a decision.
    """
    plan = services.publication.plan
    keep = plan.workspace.settings.retention.decisions if plan is not None else None
    if not keep or decided_at(id) >= cutoff(keep, services.clock()):
        return None
    return NotFound(
        f"Decisions are kept for {keep}, and this id is of an older one: nothing of it is left.",
        value=id,
    )


def _no_decision() -> NotFound:
    return NotFound(
        "There is no such decision, or it is not yours to read.",
        hint="Of visitors who allow no storage nothing is kept: send the answer's 'receipt'.",
    )


class DecisionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which decision: its id, as `receipt_for` takes it."""

    id: str


async def explain_decision(services: Services, request: DecisionRequest) -> Receipt:
    """Return the receipt of any decision, to somebody of the team.

    Raises:
        NotFound: There is no such decision, or it is older than what is kept.
    """
    await services.refresh()
    return await receipt_for(services, request.id, _OPERATOR)


def _looked(_: DecisionRequest, found: Receipt) -> list[IdentityKey]:
    return [IdentityKey(found.visitor)] if found.visitor else []


EXPLAIN_DECISION: Final = UseCase(
    "explain-decision",
    DecisionRequest,
    Receipt,
    explain_decision,
    notes=lambda *_: (),
    looked=_looked,
)
