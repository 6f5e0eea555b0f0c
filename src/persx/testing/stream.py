"""The contract of a stream: durable, in order, idempotent, and not to be upset by any event."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from persx.model.clock import DAY
from persx.model.event import Event, IdentityKey, RejectedEvent
from persx.model.visitor import IdentityState
from persx.storage.backends import Storage
from persx.storage.keeping import REJECTED_KEPT
from persx.storage.ports import Projection
from persx.testing.events import (
    HOSTILE,
    NOW,
    CountingProjector,
    comparable,
    make_event,
    make_events,
    refolded,
)
from persx.testing.storage import Opener, StorageContract, see


class Refusing(CountingProjector):
    """A fold with a bug that a certain event brings out."""

    def fold(
        self, events: Sequence[Event], known: Mapping[IdentityKey, IdentityState] | None = None
    ) -> Projection:
        """Fail on the events that are named so."""
        if any(event.name == "poison" for event in events):
            raise ZeroDivisionError("a fold's bug")
        return super().fold(events, known)


class StreamContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_append_gives_sequences_in_the_order_of_the_batch(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            first = await storage.stream.append(make_events(0, 5))
            second = await storage.stream.append(make_events(5, 8))
            assert (first.accepted, first.last_sequence) == (5, 5)
            assert (second.accepted, second.last_sequence) == (3, 8)
            events = await see(storage.stream).read()
            assert [event.sequence for event in events] == list(range(1, 9))
            assert [event.properties["number"] for event in events] == list(range(8))
            assert [event.sequence for event in await see(storage.stream).read(6)] == [
                7,
                8,
            ]
            assert [event.sequence for event in await see(storage.stream).read(2, 3)] == [3, 4, 5]

        self.run(opener, scenario)

    def test_an_event_is_read_back_as_it_was_written(self, opener: Opener) -> None:
        event = make_event(
            1,
            user_id="u1",
            group_id="g1",
            previous_id="p1",
            verified=True,
            properties={"a": [1, 2.5, None, True, {"b": "ü"}], "big": 2**62, "": "empty key"},
            traits={"industry": "SaaS"},
            context={"page": {"path": "/"}},
        )

        async def scenario(storage: Storage) -> None:
            await storage.stream.append([event])
            assert await see(storage.stream).read() == [msgspec.structs.replace(event, sequence=1)]

        self.run(opener, scenario)

    def test_an_empty_batch_changes_nothing(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            appended = await storage.stream.append([])
            assert (appended.accepted, appended.duplicates, appended.last_sequence) == (0, 0, 0)
            await storage.stream.append(make_events(0, 3))
            assert (await storage.stream.append([])).last_sequence == 3
            assert len(await see(storage.stream).read()) == 3

        self.run(opener, scenario)

    def test_a_batch_again_counts_once(self, opener: Opener) -> None:
        events = make_events(0, 50)
        shuffled = list(events)
        random.Random(1).shuffle(shuffled)

        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append(events)
            for again in (events, shuffled, events[10:20]):
                appended = await storage.stream.append(again)
                assert (appended.accepted, appended.duplicates) == (0, len(again))
                assert appended.last_sequence == 50
            assert len(await see(storage.stream).read()) == 50
            await self._states_are_folded(storage, events)

        self.run(opener, scenario)

    def test_duplicates_within_a_batch_count_once(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            events = [*make_events(0, 5), *make_events(3, 8), make_event(0, name="Other")]
            appended = await storage.stream.append(events)
            assert (appended.accepted, appended.duplicates) == (8, 3)
            names = {event.name for event in await see(storage.stream).read()}
            assert names == {"Product Viewed"}, "the first of two with one id is kept"

        self.run(opener, scenario)

    def test_an_id_is_remembered_for_a_week_and_forgotten_later(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            async def again(days: float) -> int:
                event = make_event(1, received=NOW + int(days * DAY))
                return (await storage.stream.append([event])).accepted

            assert [await again(0), await again(6.9), await again(7)] == [1, 0, 0]
            assert await again(8.5) == 1, "the week is over"
            assert await again(9) == 0

        self.run(opener, scenario)

    def test_ids_are_remembered_by_a_new_process(self, opener: Opener) -> None:
        self.run(opener, lambda storage: storage.stream.append(make_events(0, 40)))

        async def scenario(storage: Storage) -> None:
            appended = await storage.stream.append(make_events(20, 60))
            assert (appended.accepted, appended.duplicates) == (20, 20)
            assert appended.last_sequence == 60
            assert len(await see(storage.stream).read()) == 60

        self.reopened(opener, scenario)

    def test_many_ids_are_told_apart(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for start in range(0, 40_000, 4_000):
                appended = await storage.stream.append(make_events(start, start + 4_000))
                assert appended.accepted == 4_000
            appended = await storage.stream.append(make_events(100, 3_900))
            assert (appended.accepted, appended.duplicates) == (0, 3_800)

        self.run(opener, scenario)

        async def later(storage: Storage) -> None:
            appended = await storage.stream.append(make_events(39_000, 41_000))
            assert (appended.accepted, appended.duplicates) == (1_000, 1_000)

        self.reopened(opener, later)

    def test_concurrent_appends_lose_and_repeat_nothing(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            batches = [make_events(start, start + 30) for start in range(0, 600, 15)]
            appended = await asyncio.gather(*map(storage.stream.append, batches))
            assert sum(one.accepted for one in appended) == 615
            assert sum(one.duplicates for one in appended) == 40 * 30 - 615
            events = await see(storage.stream).read()
            assert [event.sequence for event in events] == list(range(1, 616))
            assert {event.message_id for event in events} == {
                f"message-{number}" for number in range(615)
            }
            await self._states_are_folded(storage, events)

        self.run(opener, scenario)

    def test_what_was_acknowledged_is_there_after_reopening(self, opener: Opener) -> None:
        async def write(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await asyncio.gather(*(storage.stream.append([event]) for event in make_events(0, 100)))

        self.run(opener, write)

        async def read(storage: Storage) -> None:
            events = await see(storage.stream).read()
            assert sorted(event.message_id for event in events) == sorted(
                f"message-{number}" for number in range(100)
            )
            await self._states_are_folded(storage, events)

        self.reopened(opener, read)

    def test_states_do_not_depend_on_order_and_batches(self, opener: Opener) -> None:
        events = [
            make_event(number, traits={"industry": f"I{number}"} if number % 3 else {})
            for number in range(60)
        ]
        shuffled = list(events)
        random.Random(2).shuffle(shuffled)

        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            for start, stop in ((0, 1), (1, 20), (20, 21), (21, 60)):
                await storage.stream.append(shuffled[start:stop])
            await self._states_are_folded(storage, events)

        self.run(opener, scenario)

    def test_a_switch_of_the_projector_takes_its_place_in_the_queue(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            before = asyncio.ensure_future(storage.stream.append(make_events(0, 10)))
            switch = asyncio.ensure_future(
                storage.stream.use_projector(CountingProjector(), b"a note")
            )
            after = asyncio.ensure_future(storage.stream.append(make_events(10, 30)))
            await asyncio.gather(before, switch, after)
            assert switch.result() == 10
            assert await storage.store.values("projector/") == {
                "projector/" + "10".zfill(20): b"a note"
            }
            await self._states_are_folded(storage, make_events(10, 30))
            assert await storage.stream.use_projector(CountingProjector()) == 30
            assert len(await storage.store.values("projector/")) == 1, "no note, nothing kept"

        self.run(opener, scenario)

    def test_a_failing_fold_takes_only_its_own_batch_down(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(Refusing())
            await storage.stream.append(make_events(50, 70))
            poisoned = [make_event(100), make_event(101, name="poison")]
            batches = [make_events(0, 10), poisoned, make_events(10, 20)]
            outcomes = await asyncio.gather(
                *map(storage.stream.append, batches), return_exceptions=True
            )
            assert isinstance(outcomes[1], ZeroDivisionError)
            assert [getattr(outcome, "accepted", None) for outcome in outcomes] == [10, None, 10]
            events = await see(storage.stream).read()
            assert {event.properties["number"] for event in events} == {
                *range(20),
                *range(50, 70),
            }
            await storage.stream.append(make_events(70, 90))
            await self._states_are_folded(storage, await see(storage.stream).read())
            again = await storage.stream.append([make_event(100)])
            assert again.accepted == 1, "the failed batch left no id behind"

        self.run(opener, scenario)

    @pytest.mark.parametrize("field", ["message_id", "anonymous_id", "user_id", "name", "group_id"])
    def test_hostile_strings_in_ids_and_names(self, opener: Opener, field: str) -> None:
        events = [
            make_event(number, **{field: text, "verified": True})
            for number, text in enumerate(HOSTILE)
            if text or field == "name"
        ]

        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            appended = await storage.stream.append(events)
            assert (appended.accepted, appended.rejected) == (len(events), 0)
            kept = await see(storage.stream).read()
            for event, read in zip(events, kept, strict=True):
                assert getattr(read, field) == _storable(getattr(event, field))
            # The caller asks with the text that it knows; it finds what was kept.
            for event, read in zip(events, kept, strict=True):
                states = await see(storage.store).states(event.identity)
                assert read.identity in {state.identity for state in states}

        self.run(opener, scenario)

    @pytest.mark.parametrize("field", ["properties", "traits", "context"])
    def test_hostile_strings_inside_documents(self, opener: Opener, field: str) -> None:
        events = [
            make_event(number, **{field: {text: text, "list": [text]}})
            for number, text in enumerate(HOSTILE)
        ]

        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            assert (await storage.stream.append(events)).accepted == len(events)
            for text, read in zip(HOSTILE, await see(storage.stream).read(), strict=True):
                clean = _storable(text)
                assert getattr(read, field) == {clean: clean, "list": [clean]}

        self.run(opener, scenario)

    @pytest.mark.parametrize(
        "broken",
        [
            {"message_id": ""},
            {"anonymous_id": None},
            {"anonymous_id": ""},
            {"timestamp": 2**63},
            {"received": -1},
            {"properties": {"no JSON": object()}},
            {"properties": {"large": "x" * 2_000_000}},
            {"properties": {"deep": None}},
        ],
        ids=lambda broken: next(iter(broken)),
    )
    def test_what_cannot_be_kept_is_put_aside(self, opener: Opener, broken: dict[str, Any]) -> None:
        if "deep" in broken.get("properties", {}):
            deep: Any = []
            for _ in range(200):
                deep = [deep]
            broken = {"properties": {"deep": deep}}

        async def scenario(storage: Storage) -> None:
            events = [make_event(1), make_event(2, **broken), make_event(3)]
            appended = await storage.stream.append(events)
            assert (appended.accepted, appended.rejected) == (2, 1)
            (aside,) = await see(storage.stream).rejected()
            assert "event" in aside.reason
            assert len(await see(storage.stream).read()) == 2

        self.run(opener, scenario)

    def test_numbers_beyond_64_bits_do_not_stop_the_fold(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            event = make_event(1, traits={"huge": 2**70, "small": 1})
            batches = [[event], make_events(2, 5)]
            appended = await asyncio.gather(*map(storage.stream.append, batches))
            assert [one.accepted for one in appended] == [1, 3]
            (state,) = await see(storage.store).states(event.identity)
            assert state.facts["huge"].value == pytest.approx(2.0**70)

        self.run(opener, scenario)

    def test_of_rejected_events_the_newest_are_kept(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for start in range(0, REJECTED_KEPT + 200, 400):
                aside = [
                    RejectedEvent(received=NOW, reason="no", body=str(number))
                    for number in range(start, start + 400)
                ]
                await storage.stream.append([], aside)
            found = await see(storage.stream).rejected(2 * REJECTED_KEPT)
            assert len(found) == REJECTED_KEPT
            assert found[0].body == aside[-1].body

        self.run(opener, scenario)

    def test_rejected_events_are_kept_newest_first(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for number in range(3):
                rejected = [
                    RejectedEvent(received=NOW + number, reason=text, body=text * 2)
                    for text in HOSTILE
                ]
                appended = await storage.stream.append([make_event(number)], rejected)
                assert (appended.accepted, appended.rejected) == (1, len(HOSTILE))
            found = await see(storage.stream).rejected()
            assert [one.received - NOW for one in found[:: len(HOSTILE)]] == [2, 1, 0]
            assert found[0].reason == _storable(HOSTILE[-1])
            assert len(await see(storage.stream).rejected(2)) == 2
            assert max(len(one.body) for one in found) <= 32_768

        self.run(opener, scenario)

    async def _states_are_folded(self, storage: Storage, events: Sequence[Event]) -> None:
        """The kept states are those that a fold of all these events gives."""
        expected = refolded(events)
        found: dict[str, bytes] = {}
        for key in expected:
            states: Sequence[IdentityState] = await see(storage.store).states(key)
            found |= {state.identity: comparable(state) for state in states}
        assert found == expected


def _storable(text: str) -> str:
    """The rule of `persx.storage.keeping`, said once more: what no database must refuse."""
    return "".join(
        "\ufffd" if character == "\0" or 0xD800 <= ord(character) < 0xE000 else character
        for character in text
    )
