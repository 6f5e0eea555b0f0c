"""Interactions of the log: what may be learned from about items, read as readouts read the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.app.population import visitors
from persx.app.services import Services
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.clock import Millis
from persx.model.errors import Conflict
from persx.model.item import Item
from persx.model.workspace import Workspace
from persx.recommend.catalogue import pages_of
from persx.recommend.gathering import BYTES_A_TOUCH, Touches, interactions_of
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.sql import query
from persx.storage.ports import Rows
from persx.storage.reading import VisitorReader
from persx.storage.scope import System
from persx.visitors.computed.touches import ACTION_BY_EVENT
from persx.visitors.consent import answers_of, granted

_SCOPE: Final = System("learning what to recommend")

_ALLOWED: Final = frozenset({Purpose.ANALYTICS, Purpose.PERSONALIZATION})
"""Learning from many is analytics, and what is learned is for personalization."""

_SHORTEST_PRODUCT: Final = 20
"""Characters of a product in an order's event at least: ``{"product_id":"a"},``."""

MEGABYTE: Final = 1_000_000


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What of a log is read: the same again gives the same, if nobody was erased meanwhile.

    Attributes:
        events: Those up to this sequence.
        now: Those before this moment.
    """

    events: int
    now: Millis


class Gathered(NamedTuple):
    """What a pipeline is trained on.

    Attributes:
        simulated: Touches by simulated visitors among them.
        unwilling: Visitors who were left out because they do not allow it.
    """

    data: Interactions
    moment: Moment
    simulated: int
    unwilling: int


async def moment_of(services: Services) -> Moment:
    """Return the log as it is now."""
    rows = await services.warehouse.seen_by(_SCOPE).query("SELECT max(sequence) FROM events")
    return Moment(events=int(rows.rows[0][0] or 0), now=services.clock())


async def most_touches(services: Services, since: Millis, moment: Moment) -> int:
    """Return how many touches there are at most; cheap, for what events hold is not read."""
    rows = await services.warehouse.seen_by(_SCOPE).query(
        query("touching_events"),
        {"since": since, "until": moment.now + 1},
        tables={"actions": _actions()},
        as_of=moment.events,
    )
    pages, tracked, ordered = (int(each or 0) for each in rows.rows[0])
    return pages + tracked + ordered // _SHORTEST_PRODUCT


async def gather(
    services: Services,
    plan: Plan | None,
    moment: Moment,
    *,
    since: Millis = 0,
    most_megabytes: int,
    told: Callable[[int], object] | None = None,
) -> Gathered:
    """Read what visitors who allow it did with items.

    Args:
        since: From when on.
        most_megabytes: What reading may take.
        told: Called with the touches that were read so far.

    Raises:
        Conflict: It would take more than it may.
    """
    catalogue = (await services.catalogue.current(services.items, plan)).present()
    expected = await most_touches(services, since, moment)
    if expected * BYTES_A_TOUCH > most_megabytes * MEGABYTE:
        raise too_large("Reading the log", expected * BYTES_A_TOUCH, most_megabytes)
    reader = services.store.seen_by(_SCOPE)
    usual, exceptions, unwilling = await _allowing(services, plan)
    pages = sorted({path for item in catalogue.values() for path in pages_of(item)})
    tables = {
        "bucketing": await bucketing(reader),
        "exceptions": Rows(columns=("unit",), rows=[(each,) for each in exceptions] or [("",)]),
        "actions": _actions(),
        "pages": Rows(columns=("path",), rows=[(path,) for path in pages] or [("",)]),
    }
    wanted = {"since": since, "until": moment.now + 1, "usual": usual}
    collected = _Collected(told)
    rows = services.warehouse.seen_by(_SCOPE)
    await rows.hand_rows(
        collected.take, query("touches"), wanted, tables=tables, as_of=moment.events,
        portion=50_000,
    )  # fmt: skip
    names: dict[int, str] = {}
    items = services.catalogue.now

    def name(keys: Sequence[tuple[Any, ...]]) -> None:
        for number, key in keys:
            if not key.startswith("/"):
                names[number] = key
            elif (item := items.at(key)) is not None:
                names[number] = item.id

    await rows.hand_rows(name, query("touched_keys"), wanted, tables=tables, as_of=moment.events)
    zone = plan.workspace.settings.zone if plan else "UTC"
    by_id: dict[str, Item] = {str(id): item for id, item in catalogue.items()}
    data = interactions_of(collected.touches(), names, by_id, zone=zone)
    return Gathered(
        data=data,
        moment=moment,
        simulated=int(np.isin(data.units, collected.made_up())[data.users].sum()),
        unwilling=unwilling,
    )


async def bucketing(reader: VisitorReader) -> Rows:
    """Return the identities whose oldest verified identity is another, with that one."""
    oldest = await reader.bucketing_ids()
    return Rows(
        columns=("identity", "bucketing_id"),
        rows=[(str(key), str(old)) for key, old in oldest.items()] or [("", "")],
    )


async def _allowing(services: Services, plan: Plan | None) -> tuple[bool, list[str], int]:
    """Return whether who says nothing allows learning, for whom it is otherwise, how many do not.

    Of whom nothing is known, that holds which holds for who says nothing.
    """
    settings = (plan.workspace if plan else Workspace()).settings
    usual = granted({}, settings.consent.mode) >= _ALLOWED
    exceptions: list[str] = []
    unwilling = 0
    async for states in visitors(services, _SCOPE):
        allows = granted(answers_of(states), settings.consent.mode) >= _ALLOWED
        unwilling += not allows
        if allows is not usual:
            exceptions.append(states[0].identity)
    return usual, exceptions, unwilling


def too_large(what: str, wanted: int, most_megabytes: int) -> Conflict:
    """Return the error for work that does not fit."""
    return Conflict(
        f"{what} would take up to {-(-wanted // MEGABYTE):,} MB, and {most_megabytes:,} MB are "
        "allowed.",
        value=wanted,
        hint="Allow more with PERSX_TRAIN_MEGABYTES, or learn from less with since: 180d.",
    )


def _actions() -> Rows:
    rows = [(name, ACTIONS.index(action)) for name, action in ACTION_BY_EVENT.items()]
    return Rows(columns=("name", "action"), rows=rows)


class _Collected:
    """Takes rows portion by portion, and keeps of them columns of numbers."""

    def __init__(self, told: Callable[[int], object] | None) -> None:
        self._rows = 0
        self._told = told
        self._made_up: list[NDArray[np.uint64]] = []
        self._portions: list[Touches] = []

    def take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep a portion."""
        units, keys, times, actions, devices, simulated = zip(*rows, strict=True)
        self._portions.append(
            Touches(
                np.array(units, dtype=np.uint64),
                np.array(keys, dtype=np.uint64),
                np.array(times, dtype=np.int64),
                np.array(actions, dtype=np.uint8),
                np.array(devices, dtype=np.int16),
            )
        )
        if any(simulated):
            self._made_up.append(
                np.unique(self._portions[-1].units[np.array(simulated, dtype=np.bool_)])
            )
        self._rows += len(rows)
        if self._told is not None:
            self._told(self._rows)

    def made_up(self) -> NDArray[np.uint64]:
        """Return the visitors who are simulated."""
        return np.unique(np.concatenate([np.empty(0, np.uint64), *self._made_up]))

    def touches(self) -> Touches:
        """Return all of them, and keep none."""
        portions, self._portions = self._portions, []
        if not portions:
            return Touches(
                np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64),
                np.empty(0, np.uint8), np.empty(0, np.int16),
            )  # fmt: skip
        return Touches(*(np.concatenate(column) for column in zip(*portions, strict=True)))
