"""Identities: who belongs together and why, a merge taken back, and that undone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from persx.app.kept_sums import forgetting
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.clock import Millis
from persx.model.errors import BadInput, NotFound
from persx.model.event import (
    IdentityKey,
    account_key,
    anonymous_key,
    claimed_key,
    email_key,
    user_key,
)
from persx.model.visitor import Cut, Edge, EdgeKind
from persx.storage.joining import is_account, is_device, is_person
from persx.storage.reading import VisitorReader
from persx.storage.scope import Staff

_SCOPE: Final = Staff("operator", "looking at identities")


class IdentityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One identity, or two.

    Each is a key such as ``u:ada`` or ``a:…``, or a bare user id, anonymous id or e-mail address.
    """

    id: str
    other: str = ""


class ShownIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """One of the identities that belong together."""

    identity: str
    events: int
    first_seen: Millis
    last_seen: Millis


class ShownEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge, and whether somebody has cut it."""

    left: str
    right: str
    kind: str
    at: Millis
    latest: Millis
    cut: bool


class IdentityResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who is read for an identity, and why.

    Attributes:
        bucketing_id: What experiments hash.
        shared: A device that several persons were verified on; then the others in `identities`
            are those of the person for whom it speaks now.
        account: The account that they belong to, where there is one.
        edges: All edges that touch one of the identities.
    """

    identity: str
    bucketing_id: str
    shared: bool
    account: str = ""
    identities: list[ShownIdentity]
    edges: list[ShownEdge]


class UnmergeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The edges that were cut or mended, and who is read now for each identity asked for."""

    edges: list[ShownEdge]
    after: list[IdentityResult]


async def show(services: Services, request: IdentityRequest) -> IdentityResult:
    """Tell who belongs together with an identity, and which edges say so.

    Raises:
        NotFound: Nothing is known under this id.
        BadInput: It may be several.
    """
    return await _shown(services, await _identity(services, request.id))


async def unmerge(services: Services, request: IdentityRequest) -> UnmergeResult:
    """Cut the edge between two identities, or all that join one to others, for good.

    Later events that say the same again join nothing. Profiles are then what they would be had
    the edge never been said, with all events that came since.

    Raises:
        NotFound: Nothing is known under an id, or no verified edge is there to cut.
    """
    asked = await _asked(services, request)
    one = asked[0]
    edges = [
        edge for edge in await _reader(services).edges([one]) if edge.kind is EdgeKind.VERIFIED
    ]
    cut = {(each.left, each.right) for each in await _reader(services).cuts()}
    if len(asked) > 1:
        edges = [edge for edge in edges if {edge.left, edge.right} == set(asked)]
    else:
        edges = [edge for edge in edges if not is_account(_far(edge, one))]
    if not edges:
        raise NotFound(await _no_edge(services, asked), value=request.id)
    edges = [edge for edge in edges if (edge.left, edge.right) not in cut]
    async with forgetting(services.store):
        for edge in edges:
            await services.store.cut(Cut(edge.left, edge.right, services.clock()))
    services.forget_profiles()
    return UnmergeResult(
        edges=[_edge(edge, cut=True) for edge in edges],
        after=[await _shown(services, each) for each in _told(asked, edges)],
    )


async def link(services: Services, request: IdentityRequest) -> UnmergeResult:
    """Undo the cut between two identities, or all cuts of one.

    Raises:
        NotFound: Nothing is known under an id, or nothing was cut.
    """
    asked = await _asked(services, request)
    one = asked[0]
    cuts = [each for each in await _reader(services).cuts() if one in (each.left, each.right)]
    if len(asked) > 1:
        cuts = [each for each in cuts if asked[1] in (each.left, each.right)]
    if not cuts:
        raise NotFound(
            f"Nothing of {' and '.join(asked)} was unmerged.",
            value=request.id,
            hint="'persx identity show' lists the edges; 'link' only undoes 'unmerge'.",
        )
    pairs = {(each.left, each.right) for each in cuts}
    async with forgetting(services.store):
        for each in cuts:
            await services.store.mend(each.left, each.right)
    services.forget_profiles()
    edges = [
        edge for edge in await _reader(services).edges([one]) if (edge.left, edge.right) in pairs
    ]
    return UnmergeResult(
        edges=[_edge(edge, cut=False) for edge in edges],
        after=[await _shown(services, each) for each in _told(asked, edges)],
    )


def _told(asked: Sequence[IdentityKey], edges: Sequence[Edge]) -> list[IdentityKey]:
    """Return what was asked for, or, where that is one identity, its neighbours too."""
    if len(asked) > 1:
        return list(asked)
    return list(dict.fromkeys([*asked, *(_far(edge, asked[0]) for edge in edges)]))


def _far(edge: Edge, identity: IdentityKey) -> IdentityKey:
    return edge.right if edge.left == identity else edge.left


async def _no_edge(services: Services, asked: Sequence[IdentityKey]) -> str:
    if len(asked) == 1:
        return f"No verified edge joins {asked[0]} to anybody."
    one, other = [await _reader(services).states(each) for each in asked]
    if {state.identity for state in one} != {state.identity for state in other}:
        return f"{asked[0]} and {asked[1]} are not merged."
    return (
        f"{asked[0]} and {asked[1]} are merged through others, not by an edge of their own. "
        f"'persx identity show {asked[0]}' lists the edges."
    )


async def _asked(services: Services, request: IdentityRequest) -> list[IdentityKey]:
    """Return the one or two identities that a request names."""
    asked = [await _identity(services, request.id)]
    if request.other:
        asked.append(await _identity(services, request.other))
        if asked[0] == asked[1]:
            raise BadInput(
                f"Both are {asked[0]}.", value=request.other, hint="Name two identities, or one."
            )
    return asked


async def _identity(services: Services, text: str) -> IdentityKey:
    """Return the identity that somebody means."""
    if await _is_known(services, IdentityKey(text)):
        return IdentityKey(text)
    keys = [user_key(text), anonymous_key(text), claimed_key(text)]
    if "@" in text:
        keys.append(email_key(text))
    found = [key for key in keys if await _is_known(services, key)]
    if user_key(text) in found and claimed_key(text) in found:
        found.remove(claimed_key(text))
    if not found and await _is_known(services, account := account_key(text)):
        return account
    if not found:
        raise NotFound(
            f"Nothing is known under '{text}'.",
            value=text,
            hint="Give a user id, an anonymous id, an e-mail address or an account's id.",
        )
    if len(found) > 1:
        raise BadInput(
            f"'{text}' may be {' or '.join(found)}.", value=text, hint="Write it in full."
        )
    return found[0]


def _reader(services: Services) -> VisitorReader:
    return services.store.seen_by(_SCOPE)


async def _is_known(services: Services, key: IdentityKey) -> bool:
    reader = _reader(services)
    return bool(await reader.states(key) or await reader.edges([key]))


async def _shown(services: Services, identity: IdentityKey) -> IdentityResult:
    reader = _reader(services)
    states = await reader.states(identity)
    account = await reader.account(identity)
    keys = {identity, *(state.identity for state in states)}
    cut = {(each.left, each.right) for each in await reader.cuts()}
    edges = await reader.edges(keys)
    return IdentityResult(
        identity=identity,
        bucketing_id=states[0].identity if states else identity,
        shared=await _is_shared(services, identity, edges, cut),
        account=account.identity if account else "",
        identities=[
            ShownIdentity(
                identity=state.identity,
                events=state.events,
                first_seen=state.first_seen,
                last_seen=state.last_seen,
            )
            for state in states
        ],
        edges=[_edge(edge, cut=(edge.left, edge.right) in cut) for edge in edges],
    )


async def _is_shared(
    services: Services,
    identity: IdentityKey,
    edges: Sequence[Edge],
    cut: Collection[tuple[IdentityKey, IdentityKey]],
) -> bool:
    """Tell whether a device's verified edges lead to several persons."""
    if not is_device(identity):
        return False
    persons = {
        edge.right
        for edge in edges
        if edge.left == identity
        and edge.kind is EdgeKind.VERIFIED
        and is_person(edge.right)
        and (edge.left, edge.right) not in cut
    }
    read = {
        tuple(state.identity for state in await _reader(services).states(person))
        for person in sorted(persons)
    }
    return len(read) > 1


def _edge(edge: Edge, *, cut: bool) -> ShownEdge:
    return ShownEdge(
        left=edge.left,
        right=edge.right,
        kind=edge.kind.value,
        at=edge.at,
        latest=edge.latest,
        cut=cut,
    )


def _noted(what: str, done: UnmergeResult) -> list[Noted]:
    """Tell how many edges, and not whose: nobody is in the audit log who may be erased."""
    return [Noted(what, "", f"{len(done.edges)} edges")]


SHOW: Final = UseCase(
    "identity-show",
    IdentityRequest,
    IdentityResult,
    show,
    notes=lambda *_: (),
    looked=lambda _, shown: [IdentityKey(each.identity) for each in shown.identities],
)
UNMERGE: Final = UseCase(
    "identity-unmerge",
    IdentityRequest,
    UnmergeResult,
    unmerge,
    notes=lambda _, done: _noted("identity.unmerge", done),
)
LINK: Final = UseCase(
    "identity-link",
    IdentityRequest,
    UnmergeResult,
    link,
    notes=lambda _, done: _noted("identity.link", done),
)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (SHOW, UNMERGE, LINK)
"""What can be asked about identities."""
