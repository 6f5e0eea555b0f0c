"""Probes: synthetic visitors that walk the running site, and what they should and did see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from persx.model.clock import Millis
from persx.model.decision import Reason

MARK_HEADER = "Persx-Probe"
"""The header that carries a probe's signed mark."""

PERSONAL = frozenset({Reason.TARGETED, Reason.ARM, Reason.LEARNED})
"""Reasons of content that was chosen for the visitor."""

BROKEN = frozenset({Reason.ERROR, Reason.INVALID})
"""Reasons that say that something is wrong with the content itself."""


class ExpectedBlock(msgspec.Struct, frozen=True):
    """A block as the engine decides it for a probe, before anything is sent or rendered.

    Attributes:
        text: The first text of that content, which stands in the page; empty where it has none.
    """

    block: str
    variant: str
    reason: Reason
    text: str = ""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A page that a probe visits.

    Attributes:
        confirms: The page holds the image that confirms its delivery.
    """

    page: str
    path: str
    blocks: tuple[ExpectedBlock, ...]
    confirms: bool


class ProbeVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic visitor and what it should see.

    Attributes:
        name: The industry that it declares; `ANYONE` declares none.
        cookie: The value of the visitor cookie that it comes with.
        held: It is in the holdout: everything is generic.
    """

    name: str
    industry: str
    cookie: str
    held: bool = False
    stops: tuple[Stop, ...] = ()


ANYONE = "anyone"
"""The visitor of whom nothing is known."""

HELD = "held out"
"""The visitor who declared an industry and is in the holdout."""


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to walk on a site now.

    Attributes:
        site: The workspace's name.
        write_key: The public key, with which the API is asked.
        industries: Those that the start form offers.
    """

    site: str
    snapshot: int
    write_key: str
    industries: tuple[str, ...]
    visitors: tuple[ProbeVisitor, ...]


class SeenBlock(msgspec.Struct, frozen=True):
    """A block as it stood in the delivered page."""

    block: str
    variant: str
    reason: str


class CellState(StrEnum):
    """What became of a visit to one page."""

    PERSONAL = "personal"
    GENERIC = "generic"
    BROKEN = "broken"


class ProbeCell(msgspec.Struct, frozen=True, kw_only=True):
    """What one probe saw on one page.

    Attributes:
        status: The HTTP status; 0 where no answer came.
        milliseconds: From asking until the page was there.
        faults: What is wrong, in words; empty where nothing is.
    """

    visitor: str
    page: str
    path: str
    status: int
    milliseconds: float
    blocks: tuple[SeenBlock, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def state(self) -> CellState:
        """Whether the page was personal, generic as it should be, or broken."""
        if self.faults:
            return CellState.BROKEN
        return CellState.PERSONAL if self.personal else CellState.GENERIC

    @property
    def personal(self) -> tuple[SeenBlock, ...]:
        """The blocks that were chosen for the visitor."""
        return tuple(each for each in self.blocks if each.reason in PERSONAL)

    @property
    def fallbacks(self) -> Mapping[str, int]:
        """Reason → blocks with default content."""
        return Counter(each.reason for each in self.blocks if each.reason not in PERSONAL)


class ProbeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Something missing was asked for: what should happen, and what did.

    Attributes:
        asked: What was asked for.
        promised: What should come of it.
        fault: What came instead, in words; empty where all is well.
    """

    asked: str
    promised: str
    milliseconds: float = 0.0
    fault: str = ""


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one walk: every visitor × page, and what came of asking for what is missing.

    Attributes:
        at: When the walk began.
        url: The address that was walked.
        snapshot: What was served.
        problem: Why nothing could be walked at all; empty where it could.
    """

    at: Millis
    url: str
    snapshot: int = 0
    milliseconds: float = 0.0
    problem: str = ""
    cells: tuple[ProbeCell, ...] = ()
    checks: tuple[ProbeCheck, ...] = ()

    @property
    def states(self) -> Mapping[CellState, int]:
        """State → cells, each state with its number."""
        found = Counter(cell.state for cell in self.cells)
        return {state: found[state] for state in CellState}

    @property
    def broken(self) -> Sequence[str]:
        """What is broken: where, and what it is, one line each; empty where nothing is."""
        lines = [self.problem] if self.problem else []
        lines += [
            f"{cell.visitor} × {cell.page} ({cell.path}): {fault}"
            for cell in self.cells
            for fault in cell.faults
        ]
        return lines + [f"{check.asked}: {check.fault}" for check in self.checks if check.fault]
