"""The team: accounts with their roles, and what each role may do, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from persx.model.clock import Millis


class Role(StrEnum):
    """What somebody of the team may do; each may do what those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    PUBLISHER = "publisher"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do what another may.

        >>> Role.EDITOR.includes(Role.VIEWER), Role.VIEWER.includes(Role.EDITOR)
        (True, False)
        """
        order = list(Role)
        return order.index(self) >= order.index(other)


class Action(StrEnum):
    """What can be done in the studio, as far as the right to do it is concerned."""

    OWN = "look after one's own account"
    READ = "read figures and settings"
    READ_VISITORS = "see visitors' data"
    EDIT = "change drafts"
    PUBLISH = "publish and roll back"
    MANAGE = "manage people and keys, and read the audit log"


class Need(msgspec.Struct, frozen=True):
    """The least role that may do something.

    Attributes:
        visitors: Who has this role or a greater one also needs the right to see visitors' data,
            which administrators always have.
    """

    role: Role
    visitors: bool = False


NEEDS: Final[Mapping[Action, Need]] = {
    Action.OWN: Need(Role.VIEWER),
    Action.READ: Need(Role.VIEWER),
    Action.READ_VISITORS: Need(Role.VIEWER, visitors=True),
    Action.EDIT: Need(Role.EDITOR),
    Action.PUBLISH: Need(Role.PUBLISHER),
    Action.MANAGE: Need(Role.ADMIN),
}
"""The only place that says who may do what."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the team.

    Attributes:
        id: Tells this account from a later one of the same name.
        name: What they sign in with, lower case: an e-mail address or a short name.
        display: What others read.
        visitors: They may see visitors' data.
        password: An argon2id hash; empty until an invitation is taken.
        totp: The secret of the second factor, sealed; empty where there is none. It is never shown
            again.
        totp_step: The last time step whose code was used; none counts twice.
        recovery: Hashes of the recovery codes that are left.
        signed_in: When they last did; 0 for never.
        epoch: Sessions of an earlier one have ended.
    """

    id: str
    name: str
    display: str = ""
    role: Role
    visitors: bool = False
    created: Millis
    password: str = ""
    totp: str = ""
    totp_step: int = 0
    recovery: tuple[str, ...] = ()
    signed_in: Millis = 0
    disabled: bool = False
    epoch: int = 0

    def may(self, action: Action) -> bool:
        """Tell whether this account may do something."""
        need = NEEDS[action]
        seen = not need.visitors or self.visitors or self.role is Role.ADMIN
        return not self.disabled and self.role.includes(need.role) and seen


class Actor(msgspec.Struct, frozen=True):
    """Who does something, for the audit log.

    Attributes:
        who: The name of an account, ``cli:`` and the user of the machine, ``server key``,
            ``visitor``, or ``persx`` for what it does by itself.
        where: The network that it came from, made coarse; empty for what came from the machine.
    """

    who: str
    where: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log.

    Attributes:
        what: What was done, such as ``account.role``.
        on: What it was done to: an account, a snapshot's number. Never a visitor.
        detail: Before and after in short.
        previous: SHA-256 of the entry before, as it is stored; empty for the first.
    """

    number: int
    at: Millis
    who: str
    what: str
    on: str = ""
    detail: str = ""
    where: str = ""
    previous: str = ""
