"""The audit log: who of the team changed what, in a chain that shows where somebody changed it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

import msgspec

from persx.app.looks import note_look
from persx.app.services import Services
from persx.app.use_cases import Noted, UseCase
from persx.model.clock import Millis
from persx.model.errors import BadInput
from persx.model.staff import Actor, AuditEntry
from persx.storage.ports import Record

Request = TypeVar("Request")
Result = TypeVar("Result")

LOG: Final = "audit"
LOOK: Final = Noted("visitor.look")
_PIECE: Final = 1_000
_LONGEST: Final = 1_000
_decode: Final = msgspec.json.Decoder(AuditEntry).decode


def chained(noted: Noted, actor: Actor, at: Millis, number: int, before: bytes | None) -> bytes:
    """Return an entry as it is stored: it holds the hash of the one before."""
    return msgspec.json.encode(
        AuditEntry(
            number=number,
            at=at,
            who=actor.who[:200],
            where=actor.where,
            what=noted.what,
            on=noted.on[:200],
            detail=noted.detail[:_LONGEST],
            previous=digest(before) if before is not None else "",
        )
    )


def digest(body: bytes) -> str:
    """Return the hash of an entry as it is stored."""
    return hashlib.sha256(body).hexdigest()


async def note(services: Services, actor: Actor, noted: Noted) -> None:
    """Add to the audit log, durably.

    Raises:
        Unavailable: It cannot be kept now.
    """
    at = services.clock()
    await services.store.add_record(
        LOG, lambda number, before: chained(noted, actor, at, number, before)
    )


async def perform(
    services: Services, use_case: UseCase[Request, Result], request: Request, actor: Actor
) -> Result:
    """Run a use case for somebody, and note what they changed, and at whom they looked."""
    result = await use_case.run(services, request)
    if use_case.looked is not None and (seen := use_case.looked(request, result)):
        await note_look(services, by=actor.who, asked=min(seen), identities=seen)
        await note(services, actor, LOOK)
    if use_case.notes is not None:
        for noted in use_case.notes(request, result):
            await note(services, actor, noted)
    return result


class AuditRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are asked for; empty leaves a thing open.

    Attributes:
        since: The first moment.
        what: What an entry's `what` begins with, such as ``account`` or ``account.role``.
        before: Only entries with a lesser number; 0 for the newest.
        limit: The newest so many of them.
    """

    since: Millis = 0
    who: str = ""
    what: str = ""
    before: int = 0
    limit: int = 100


class AuditEntries(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first; `more` says that older ones fit too."""

    entries: tuple[AuditEntry, ...]
    more: bool = False


async def entries(services: Services, request: AuditRequest) -> AuditEntries:
    """Return the newest entries that fit."""
    found: list[AuditEntry] = []
    async for record in _newest_first(services):
        entry = _decode(record.body)
        if entry.at < request.since:
            # The clock may have been set back: one late entry does not hide those before it.
            continue
        if request.before and entry.number >= request.before:
            continue
        if request.who and entry.who != request.who:
            continue
        if request.what and not f"{entry.what}.".startswith(f"{request.what}."):
            continue
        if len(found) == request.limit:
            return AuditEntries(entries=tuple(found), more=True)
        found.append(entry)
    return AuditEntries(entries=tuple(found))


async def _newest_first(services: Services) -> AsyncIterator[Record]:
    newest = await services.store.records(LOG, limit=1, newest=True)
    to = newest[0].number if newest else 0
    while to > 0:
        after = max(0, to - _PIECE)
        piece = await services.store.records(LOG, after=after, limit=to - after)
        for record in reversed(piece):
            yield record
        to = after


async def lines(services: Services) -> AsyncIterator[bytes]:
    """Yield all entries as they are stored, oldest first, a line each.

    The SHA-256 of a line without its end is the next one's `previous`: whoever has this file can
    check it without us.
    """
    after = 0
    while piece := await services.store.records(LOG, after=after, limit=_PIECE):
        yield b"".join(record.body + b"\n" for record in piece)
        after = piece[-1].number


class VerifyAudit(msgspec.Struct, frozen=True, kw_only=True):
    """`head` is what an earlier check told, ``NUMBER:HASH``; empty checks the chain alone."""

    head: str = ""


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the log is whole.

    Attributes:
        broken: The first entry that does not rest on the one before it; 0 where all do.
        head: ``NUMBER:HASH`` of the newest entry, to be noted elsewhere.
        problem: What is wrong, in words; empty where nothing is.
    """

    entries: int
    broken: int = 0
    head: str = ""
    problem: str = ""


async def verify(services: Services, request: VerifyAudit) -> AuditVerdict:
    """Tell whether an entry was changed or taken out.

    The chain shows any change in it but one: that its newest entries were cut off, or all from
    some entry on written anew. Only a head that was noted elsewhere shows that.

    Raises:
        BadInput: `head` is none.
    """
    number, _, hash = request.head.partition(":")
    if request.head and not (number.isdecimal() and len(hash) == 64):
        raise BadInput(
            f"'{request.head[:100]}' is no head of the log.",
            value=request.head,
            hint="Give what 'persx audit verify' printed: NUMBER:HASH.",
        )
    after, previous, known = 0, "", False
    while piece := await services.store.records(LOG, after=after, limit=_PIECE):
        broken, problem, last = _check(piece, after, previous)
        if problem:
            return AuditVerdict(entries=after + len(piece), broken=broken, problem=problem)
        known = known or any(
            each.number == int(number) and digest(each.body) == hash
            for each in piece
            if request.head
        )
        after, previous = piece[-1].number, last
    head = f"{after}:{previous}" if after else ""
    problem = ""
    if request.head and not known:
        problem = f"Entry {number} is not what it was: the log was cut or written anew."
    return AuditVerdict(entries=after, head=head, problem=problem)


def _check(piece: Sequence[Record], after: int, previous: str) -> tuple[int, str, str]:
    """Return the first broken number and what is wrong, and the hash of the last entry."""
    for expected, record in enumerate(piece, after + 1):
        if record.number != expected:
            return expected, f"Entry {expected} is missing.", previous
        try:
            entry = _decode(record.body)
        except msgspec.DecodeError:
            return expected, f"Entry {expected} cannot be read.", previous
        if entry.number != expected or entry.previous != previous:
            return (
                expected,
                f"Entry {expected} does not rest on the one before it: one of them was changed, "
                "or one between them was taken out.",
                previous,
            )
        previous = digest(record.body)
    return 0, "", previous


async def hand_out(_: Services, request: Noted) -> Noted:
    """Let visitors' data leave the home: all that is to do is to note it."""
    return request


HAND_OUT: Final = UseCase("hand-out", Noted, Noted, hand_out, notes=lambda asked, _: [asked])
AUDIT: Final = UseCase("audit", AuditRequest, AuditEntries, entries, writes=False)
VERIFY_AUDIT: Final = UseCase("verify-audit", VerifyAudit, AuditVerdict, verify, writes=False)
