"""Visitor scopes: who reads visitors' data, and whose they may see. Nothing is read without one.

A scope names who asks, never what they see: a backend works that out anew with each read, next
to the rows. See ``docs/adr/0019-visitor-scopes-and-keys.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from persx.model.errors import Forbidden
from persx.model.event import IdentityKey
from persx.storage.joining import is_device
from persx.storage.keeping import storable

_ABOUT: Final = re.compile(r"(?:^|/)([auceg]:.*)", re.DOTALL)
_BEARERS: Final = ("a:", "u:")


class Bearer(msgspec.Struct, frozen=True):
    """Whoever carries an identity: a browser with our cookie, or an id that somebody names.

    Attributes:
        identity: An anonymous id or a user id.
        proven: Our signature or the server key vouches for it. Then what verified edges join to
            it may be read too; otherwise only what an anonymous id has of its own.
    """

    identity: IdentityKey
    proven: bool = False


class Staff(msgspec.Struct, frozen=True):
    """Somebody of the team, or a server with its key: they may see everyone.

    Attributes:
        who: Who looks, as the visitor is told of it.
        why: What they do.
    """

    who: str
    why: str


class System(msgspec.Struct, frozen=True):
    """persx itself at work on everyone's data, such as folding or counting, for nobody's eyes."""

    task: str


Everyone: TypeAlias = Staff | System
"""The scopes that see all rows."""

VisitorScope: TypeAlias = Bearer | Staff | System


def sees_everyone(scope: VisitorScope) -> bool:
    """Tell whether a scope sees all rows. Whatever is not known to, does not."""
    return isinstance(scope, Staff | System)


def is_own(scope: Bearer, identity: str) -> bool:
    """Tell whether this is the identity that a bearer carries, and may read about.

    Requests ask this most, so that it says in one comparison what `visible` says in general.
    """
    kind = identity[:2]
    return scope.identity == identity and (kind == "a:" or (kind == "u:" and scope.proven))


def follows_edges(scope: VisitorScope) -> bool:
    """Tell whether a scope may learn what verified edges say; who proved nothing may not."""
    return scope.proven if isinstance(scope, Bearer) else sees_everyone(scope)


def check_everyone(scope: VisitorScope) -> None:
    """Refuse a scope that does not see all rows; the types say so, and this holds without them.

    Raises:
        Forbidden: It is a bearer's.
    """
    if not sees_everyone(scope):
        raise Forbidden("A visitor cannot read this: it holds the data of others too.")


def visible(
    scope: Bearer, together: Callable[[IdentityKey], Iterable[IdentityKey]]
) -> frozenset[IdentityKey]:
    """Return the identities that a bearer may read about.

    Args:
        together: Identity → those that are read for it now: itself, all that belong together
            with it, and those of the person for whom a shared device speaks.
    """
    identity = IdentityKey(storable(scope.identity))
    if not _is_bearer(identity):
        return frozenset()
    if scope.proven:
        return frozenset((identity, *together(identity)))
    return frozenset((identity,)) if is_device(identity) else frozenset()


def _is_bearer(identity: str) -> bool:
    return identity.startswith(_BEARERS) and len(identity) > len(_BEARERS[0])


def check_about_nobody(name: str) -> str:
    """Return the name of a small value that is about no visitor.

    Raises:
        Forbidden: It is about one: its name ends in an identity, ``KIND/a:…``.
    """
    if about := _ABOUT.search(name):
        raise Forbidden(
            f"The value '{name}' is about a visitor.",
            value=name,
            hint=f"Read it with seen_by(scope).value_of(kind, '{about[1]}').",
        )
    return name


def is_about_visitor(name: str) -> bool:
    """Tell whether a small value is about a visitor."""
    return _ABOUT.search(name) is not None


def identity_in(name: str, kind: str) -> IdentityKey | None:
    """Return the identity that the small value of a kind is about, if it is of this kind."""
    about = _ABOUT.search(name)
    return IdentityKey(about[1]) if about and name[: about.start()] == kind else None


def value_name(kind: str, identity: IdentityKey) -> str:
    """Return the name of the small value of a kind that is about an identity.

    Raises:
        Forbidden: The kind is empty, or holds an identity itself.
    """
    if not kind or is_about_visitor(kind):
        raise Forbidden(f"'{kind}' is no kind of value.", value=kind)
    return f"{kind}/{storable(identity)}"
