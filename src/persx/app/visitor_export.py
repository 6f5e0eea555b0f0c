"""Exporting one visitor: everything that is held on them, as JSON, piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from persx.app.deciding import current_plan
from persx.app.erasing import named_identities
from persx.app.exporting import segment_form
from persx.app.knowledge import Knowledge, knowledge_of
from persx.app.looks import looks_at
from persx.app.services import Services
from persx.app.use_cases import Noted, UseCase
from persx.app.visiting import Visitor
from persx.app.withdrawals import withdrawn_of
from persx.decide.plan import Plan
from persx.decide.receipt import Receipt, receipt
from persx.model.clock import iso
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput, NotFound
from persx.model.event import EXPOSURE, Event, EventType, IdentityKey
from persx.storage.ports import Rows
from persx.storage.scope import Bearer, Staff

CHUNK: Final = 5_000
_OPERATOR: Final = Staff("operator", "exporting a visitor")

_EVENT: Final = (
    "sequence", "received", "timestamp", "type", "name", "message_id", "anonymous_id", "user_id",
    "group_id", "previous_id", "verified", "properties", "traits", "context",
)  # fmt: skip
_DECISION: Final = ("sequence", "id", "at", "bucketing_id", "page", "snapshot", "body")

_EVENTS: Final = f"""
select {", ".join(_EVENT)} from events where sequence > $after order by sequence limit {CHUNK}
"""
_DECISIONS: Final = f"""
select sequence, id, "at", bucketing_id, page, snapshot, body from decisions
where sequence > $after order by sequence limit {CHUNK}
"""


async def export_visitor(
    services: Services, plan: Plan, knowledge: Knowledge
) -> AsyncIterator[bytes]:
    """Yield the pieces of one JSON object with all that is held on a visitor.

    Whatever an event, a decision or a state says is in it, and nothing of anybody else: storage
    shows what the scope of this knowledge covers, and no more.

    Raises:
        Unavailable: Too many ask at once; raised before the first piece.
    """
    scope = knowledge.scope
    await services.decision_log.flush(services.store)
    arms: dict[tuple[str, str, int], dict[str, Any]] = {}
    head = msgspec.json.encode(await _head(services, plan, knowledge))
    # Before the first piece, for an answer that has begun cannot become an error any more.
    first = [await _rows(services, sql, scope, 0) for sql in (_EVENTS, _DECISIONS)]
    yield head[:-1] + b',"events":['
    async for piece in _listed(services, _EVENTS, scope, first[0], arms):
        yield piece
    yield b'],"decisions":['
    async for piece in _listed(services, _DECISIONS, scope, first[1], arms):
        yield piece
    yield b'],"experiments":' + msgspec.json.encode(list(arms.values())) + b"}"


async def _head(services: Services, plan: Plan, knowledge: Knowledge) -> dict[str, Any]:
    persona = plan.workspace.personas.get(knowledge.persona or "")
    return {
        "exported": iso(services.clock()),
        "visitor": knowledge.profile.bucketing_id,
        "genericContent": knowledge.generic,
        "facts": [
            {
                "name": fact.name,
                "label": plan.attributes[fact.name].label,
                "value": fact.value,
                "source": fact.source,
                "at": iso(fact.at) if fact.at is not None else None,
                "purpose": fact.purpose,
                "used": fact.used,
                "usedFor": fact.uses,
            }
            for fact in knowledge.facts
        ],
        "audiences": list(knowledge.audiences),
        "persona": {"name": persona.name, "label": persona.label} if persona else None,
        "identities": [msgspec.to_builtins(state) for state in knowledge.states],
        "withdrawn": {
            identity: withdrawn
            for identity in sorted(knowledge.identities)
            if (withdrawn := await withdrawn_of(services, identity, knowledge.scope))
        },
        "staffLooks": [
            {"at": iso(look.at), "by": look.by}
            for look in await looks_at(services, knowledge.identities)
        ],
    }


async def _listed(
    services: Services,
    sql: str,
    scope: Bearer,
    rows: Rows | None,
    arms: dict[tuple[str, str, int], dict[str, Any]],
) -> AsyncIterator[bytes]:
    """Yield the items of a list, and note the arms that they tell of."""
    separator = b""
    after = 0
    while True:
        rows = rows or await _rows(services, sql, scope, after)
        for row in rows.rows:
            after = row[0]
            item: object
            if sql is _EVENTS:
                event = _event(row)
                item = segment_form(event)
                _note_exposure(arms, event)
            else:
                found = _receipt(row)
                item = {**msgspec.to_builtins(found), "at": iso(found.at)}
                _note_decision(arms, found)
            yield separator + msgspec.json.encode(item)
            separator = b","
        if len(rows.rows) < CHUNK:
            return
        rows = None


async def _rows(services: Services, sql: str, scope: Bearer, after: int) -> Rows:
    async with services.slow_reads.turn():
        return await services.warehouse.seen_by(scope).query(sql, {"after": after})


def _event(row: tuple[Any, ...]) -> Event:
    fields = dict(zip(_EVENT, row, strict=True))
    for name in ("properties", "traits", "context"):
        fields[name] = msgspec.json.decode(fields[name] or "{}", type=dict[str, Any])
    fields["type"] = EventType(fields["type"])
    return Event(**fields)


def _receipt(row: tuple[Any, ...]) -> Receipt:
    return receipt(DecisionRecord(**dict(zip(_DECISION[1:], row[1:], strict=True))), None)


def _note_exposure(arms: dict[tuple[str, str, int], dict[str, Any]], event: Event) -> None:
    if event.name != EXPOSURE or event.type is not EventType.TRACK:
        return
    said = event.properties
    epoch = said.get("epoch", 1)
    key = (str(said.get("experiment_id")), str(said.get("variation_id")), epoch)
    if isinstance(epoch, int):
        arms.setdefault(key, _arm(*key, event.timestamp))["counted"] = True


def _note_decision(arms: dict[tuple[str, str, int], dict[str, Any]], found: Receipt) -> None:
    for each in found.experiments:
        key = (each.experiment, each.arm, each.epoch)
        arms.setdefault(key, _arm(*key, found.at))


def _arm(experiment: str, arm: str, epoch: int, at: int) -> dict[str, Any]:
    return {
        "experiment": experiment, "arm": arm, "epoch": epoch, "since": iso(at), "counted": False,
    }  # fmt: skip


class ExportVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data is asked for, by one of the three."""

    user: str = ""
    anonymous: str = ""
    email: str = ""


class ExportedVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """What `export_visitor` yields, in one piece, and whose it is."""

    identities: tuple[IdentityKey, ...]
    held: msgspec.Raw


async def export_one(services: Services, request: ExportVisitor) -> ExportedVisitor:
    """Return everything that is held on one visitor, whom an operator names.

    Raises:
        BadInput: Not exactly one id is given.
        NotFound: Nothing is known of them.
        Unavailable: Nothing is published yet.
    """
    named = named_identities(request.user, request.anonymous, request.email)
    if len(named) != 1:
        raise BadInput("Name one visitor: by a user id, an anonymous id or an e-mail address.")
    await services.refresh()
    plan = current_plan(services)
    linked = await services.store.seen_by(_OPERATOR).visitor(named[0])
    kept = sorted(key for key in linked if key[:2] in ("u:", "a:"))
    for identity in [named[0]] if named[0] in kept else kept[::-1]:
        id = identity[2:]
        user = id if identity.startswith("u:") else ""
        visitor = Visitor(user_id=user, anonymous_id="" if user else id, trusted=True)
        knowledge = await knowledge_of(services, plan, visitor, {})
        if knowledge.states:
            pieces = [piece async for piece in export_visitor(services, plan, knowledge)]
            return ExportedVisitor(
                identities=tuple(sorted(knowledge.identities)),
                held=msgspec.Raw(b"".join(pieces)),
            )
    name = request.user or request.anonymous or request.email
    raise NotFound(
        f"Nothing is known of a visitor '{name}'.",
        value=name,
        hint="An e-mail address finds whom your servers sent it for, with a user id.",
    )


EXPORT_VISITOR: Final = UseCase(
    "export-visitor",
    ExportVisitor,
    ExportedVisitor,
    export_one,
    notes=lambda *_: [Noted("visitor.export", "", "one visitor")],
    looked=lambda _, exported: exported.identities,
)
