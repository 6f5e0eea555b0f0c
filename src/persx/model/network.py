"""What a workspace makes of the network that a visitor comes from."""

from __future__ import annotations

from typing import Final

import msgspec

NETWORK_INDUSTRY: Final = "network.industry"
"""The contextual attribute with the industry that a visitor's network speaks for."""


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read of the network database that the server was given, and what it speaks for.

    Attributes:
        attributes: Contextual attribute → path of a field in the database's record, such as
            ``autonomous_system_organization`` or ``country.iso_code``.
        industries: Industry → a rule about these attributes that speaks for it; the first that
            holds is the value of ``network.industry``.
        suggest: Whether the question for the industry suggests it.
    """

    attributes: dict[str, str] = {}
    industries: dict[str, str] = {}
    suggest: bool = True
