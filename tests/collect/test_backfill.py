"""Backfilling: whatever is published when, and wherever it is cut off, each event counts once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from persx.app.backfill import backfill, fill, progress, switch
from persx.app.services import Keys, Services
from persx.model.attribute import Attribute, Computation, Source, ValueType
from persx.model.event import Event, EventType, IdentityKey
from persx.model.visitor import IdentityState
from persx.storage.backends import open_storage
from persx.storage.ports import Store
from persx.testing import see
from persx.visitors.fold import Fold, computed_key, fact_key

NOW = 1_795_773_600_000


def computed(name: str, **definition: Any) -> Attribute:
    return Attribute(
        name=name, type=ValueType.NUMBER, source=Source.COMPUTED, compute=Computation(**definition)
    )


ATTRIBUTES = {
    attribute.name: attribute
    for attribute in [
        Attribute(name="industry"),
        computed("orders", kind="count", event="Order Completed"),
        computed("revenue", kind="sum", event="Order Completed", property="revenue"),
        computed("visits", kind="sessions"),
        computed("recent", kind="count", options={"within": "24h"}),
    ]
}


def fold_of(*names: str) -> Fold:
    return Fold({name: ATTRIBUTES[name] for name in names})


class Visits:
    """Makes events; remembers all of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.events: list[Event] = []

    def more(self, count: int) -> list[Event]:
        made = []
        for _ in range(count):
            number = len(self.events) + len(made)
            kind = self.random.choice([EventType.TRACK, EventType.IDENTIFY])
            made.append(
                Event(
                    type=kind,
                    message_id=f"m{number}",
                    anonymous_id=f"v{self.random.randrange(5)}",
                    name="Order Completed" if kind is EventType.TRACK else None,
                    timestamp=NOW - self.random.randrange(3 * 86_400_000),
                    received=NOW,
                    properties={"revenue": number / 7},
                    traits={"industry": f"i{number}"},
                )
            )
        self.events += made
        return made


class Opened:
    """A home's services, reopened as after a crash."""

    def __init__(self, home: Path) -> None:
        self.storage = open_storage(home)
        self.services = Services(
            store=self.storage.store,
            stream=self.storage.stream,
            warehouse=self.storage.warehouse,
            artifacts=self.storage.artifacts,
            items=self.storage.items,
            keys=Keys(write_key="w", server_key="s", secret="x"),
        )


async def kept(store: Store, fold: Fold) -> dict[str, IdentityState]:
    """What is kept of every visitor, as far as this fold is concerned."""
    found = {}
    for number in range(5):
        for state in await see(store).states(IdentityKey(f"a:v{number}")):
            computed = {key: it for key, it in state.computed.items() if key in fold.keys}
            found[state.identity] = msgspec.structs.replace(state, computed=computed)
    return found


def expected(fold: Fold, events: list[Event]) -> dict[Any, Any]:
    return dict(fold.fold(events).states)


def test_what_is_defined_anew_is_unknown_until_it_is_folded_from_all_events(tmp_path: Path) -> None:
    async def run() -> None:
        opened, visits = Opened(tmp_path), Visits(1)
        services = opened.services
        first, second = fold_of("orders"), fold_of("orders", "revenue", "industry")
        await backfill(services, first)
        assert services.publication.ready == first.keys
        await services.stream.append(visits.more(200))
        jobs = await switch(services, second)
        assert services.publication.ready == first.keys
        (job,) = jobs
        assert set(job.keys) == {
            computed_key(ATTRIBUTES["revenue"]),
            fact_key(ATTRIBUTES["industry"]),
        }
        assert (job.after, job.until, job.done) == (0, 200, 0.0)
        await services.stream.append(visits.more(100))
        await fill(services, second, job, chunk=30)
        assert services.publication.ready == second.keys
        assert await progress(services.store, second) == []
        assert await kept(services.store, second) == expected(second, visits.events)
        await opened.storage.close()

    asyncio.run(run())


def test_a_restart_without_a_new_publication_has_nothing_to_do(tmp_path: Path) -> None:
    async def run() -> None:
        fold, visits = fold_of("orders", "visits"), Visits(2)
        for _ in range(3):
            opened = Opened(tmp_path)
            assert await switch(opened.services, fold) == []
            assert opened.services.publication.ready == fold.keys
            await opened.services.stream.append(visits.more(20))
            assert await kept(opened.services.store, fold) == expected(fold, visits.events)
            notes = await opened.services.store.values("projector/")
            assert len(notes) == 1
            await opened.storage.close()

    asyncio.run(run())


def test_events_that_arrive_while_the_fold_is_switched_count_once(tmp_path: Path) -> None:
    async def run() -> None:
        opened, visits = Opened(tmp_path), Visits(3)
        services = opened.services
        await backfill(services, fold_of("orders"))
        last = fold_of("orders", "revenue", "recent")

        async def send() -> None:
            for _ in range(40):
                await services.stream.append(visits.more(5))

        async def publish() -> None:
            for names in (["revenue"], ["orders", "revenue"], ["recent"]):
                await asyncio.sleep(0.01)
                await backfill(services, fold_of(*names))
            await backfill(services, last)

        await asyncio.gather(send(), send(), publish())
        assert await kept(services.store, last) == expected(last, visits.events)
        await opened.storage.close()

    asyncio.run(run())


class Cut(Exception):
    """The process ends here."""


class CutStore:
    """A store whose process ends at one of its merges, before or after it is durable."""

    def __init__(self, store: Store, merges: int, *, before: bool) -> None:
        self._store = store
        self._left = merges
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def merge_states(self, *arguments: Any) -> None:
        self._left -= 1
        if self._left < 0 and self._before:
            raise Cut
        await self._store.merge_states(*arguments)
        if self._left < 0:
            raise Cut


@pytest.mark.parametrize("seed", range(12))
def test_any_history_of_publications_and_crashes_counts_each_event_once(
    tmp_path: Path, seed: int
) -> None:
    async def run() -> None:
        visits, choice = Visits(seed), random.Random(seed)
        names = list(ATTRIBUTES)
        fold = fold_of()
        opened = Opened(tmp_path)
        for _ in range(8):
            wanted = choice.sample(names, choice.randrange(len(names) + 1))
            fold = fold_of(*wanted)
            store = opened.services.store
            opened.services.store = CutStore(
                store, choice.randrange(6), before=choice.random() < 0.5
            )
            try:
                for job in await switch(opened.services, fold):
                    await opened.services.stream.append(visits.more(choice.randrange(20)))
                    await fill(opened.services, fold, job, chunk=choice.choice([3, 10, 1_000]))
            except Cut:
                await opened.storage.close()
                opened = Opened(tmp_path)
                await switch(opened.services, fold)
            else:
                opened.services.store = store
            await opened.services.stream.append(visits.more(choice.randrange(30)))
            if choice.random() < 0.3:
                await opened.services.warehouse.seal(keep=choice.randrange(10))
        await backfill(opened.services, fold)
        assert opened.services.publication.ready == fold.keys
        found = await kept(opened.services.store, fold)
        wanted_states = expected(fold, visits.events)
        for key, state in found.items():
            declared = {} if "industry" not in fold_names(fold) else state.facts
            found[key] = msgspec.structs.replace(state, facts=declared)
        assert found == wanted_states
        await opened.storage.close()

    asyncio.run(run())


def fold_names(fold: Fold) -> set[str]:
    return {key.split("@")[0].split("=")[0] for key in fold.keys}
