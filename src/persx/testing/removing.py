"""The contract of removing: one visitor, or what is too old, goes; everybody else keeps it all."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
import pytest

from persx.model.decision import DecisionRecord
from persx.model.errors import Conflict
from persx.model.event import Event, EventType, IdentityKey, RejectedEvent, anonymous_key, user_key
from persx.storage.backends import Storage
from persx.storage.removal import PLACES, Erasure, Expiry, Tombstone
from persx.testing.events import HOSTILE, NOW, CountingProjector, make_event, make_events
from persx.testing.storage import Opener, StorageContract, see

GONE = frozenset({anonymous_key("visitor-3")})


def _record(number: int) -> DecisionRecord:
    return DecisionRecord(
        id=f"{number:08d}",
        at=NOW + number,
        bucketing_id=f"a:visitor-{number % 10}",
        page="home",
        snapshot=1,
        body="{}",
    )


async def _fill(storage: Storage) -> None:
    """Keep 200 events and 40 lines in packets, half of them sealed."""
    await storage.stream.use_projector(CountingProjector())
    for start in (0, 100):
        await storage.stream.append(make_events(start, start + 100))
        for first in range(start, start + 100, 50):
            await storage.store.log_decisions([_record(first + place) for place in range(10)])
        if not start:
            await storage.warehouse.seal(segment_rows=30)


async def _numbers(storage: Storage) -> list[int]:
    """Return the numbers of all events, having checked that each way to read them agrees."""
    scanned = [
        event async for piece in see(storage.warehouse).scan_events(chunk=7) for event in piece
    ]
    rows = await see(storage.warehouse).query("SELECT sequence FROM events ORDER BY sequence")
    assert [event.sequence for event in scanned] == [row[0] for row in rows.rows]
    return [int(event.message_id.removeprefix("message-")) for event in scanned]


class RemovalContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_one_visitor_goes_from_hot_and_sealed_rows(self, opener: Opener) -> None:
        left = [number for number in range(200) if number % 10 != 3]

        async def scenario(storage: Storage) -> None:
            await _fill(storage)
            before = await storage.warehouse.segments()
            removed = await storage.warehouse.remove(Erasure(identities=GONE, at=NOW + 500))
            assert set(removed.counts) == set(PLACES)
            assert removed.counts["events_hot"] == removed.counts["events_sealed"] == 10
            assert removed.counts["decisions_hot"] == removed.counts["decisions_sealed"] == 2
            assert removed.counts["states"] == 1
            assert len(removed.tombstones) == 1
            assert await _numbers(storage) == left
            assert await see(storage.store).states(anonymous_key("visitor-3")) == []
            assert len(await see(storage.store).states(anonymous_key("visitor-4"))) == 1
            after = await storage.warehouse.segments()
            assert [(one.first_sequence, one.last_sequence) for one in before] == [
                (one.first_sequence, one.last_sequence) for one in after
            ], "segments stand for the same sequences"
            lines = await see(storage.warehouse).query(
                "SELECT sequence, id FROM decisions ORDER BY 1"
            )
            assert [int(id) % 10 for _, id in lines.rows] == [0, 1, 2, 4, 5, 6, 7, 8, 9] * 4
            for sequence, id in lines.rows[-18:]:
                assert (await see(storage.store).decision(id)) is not None, sequence
            again = await storage.stream.append(make_events(0, 200))
            assert (again.accepted, again.duplicates) == (0, 200)
            await storage.warehouse.seal()
            assert await _numbers(storage) == left
            rows = await see(storage.warehouse).query("SELECT count(*) FROM decisions")
            assert rows.rows == [(36,)]

        async def later(storage: Storage) -> None:
            assert await _numbers(storage) == left
            told = await storage.stream.append([make_event(13, message_id="late")])
            assert (told.accepted, told.erased) == (0, 1)

        self.run(opener, scenario)
        self.reopened(opener, later)

    def test_tombstones_turn_away_what_is_older(self, opener: Opener) -> None:
        stranger = msgspec.structs.replace(make_event(14), message_id="a stranger's")

        async def scenario(storage: Storage) -> None:
            await storage.warehouse.remove(
                Erasure(identities=frozenset({user_key("u"), *GONE}), at=NOW + 50)
            )
            old: list[Event] = [
                make_event(13),
                make_event(15, user_id="u"),
                make_event(16, anonymous_id=None, user_id="u", verified=True),
                make_event(17, type=EventType.ALIAS, previous_id="visitor-3", user_id="x"),
                make_event(18, timestamp=NOW, received=NOW + 90_000, user_id="u"),
            ]
            told = await storage.stream.append([*old, stranger])
            assert (told.accepted, told.erased, told.duplicates) == (1, len(old), 0)
            told = await storage.stream.append([make_event(53)])
            assert (told.accepted, told.erased) == (1, 0)
            await storage.store.log_decisions([_record(3), _record(4), _record(63)])
            assert await see(storage.store).decision("00000003") is None
            assert await see(storage.store).decision("00000004") is not None
            assert await see(storage.store).decision("00000063") is not None
            stones = await storage.store.tombstones()
            assert stones.at("u:u") == NOW + 50
            assert stones.at("u:v") is None
            await storage.store.add_tombstones(
                [Tombstone(stones.id_of("u:v"), NOW), Tombstone(stones.id_of("u:u"), NOW)]
            )
            again = await storage.store.tombstones()
            assert (again.at("u:v"), again.at("u:u")) == (NOW, NOW + 50), "the later counts"
            assert again.fingerprint == stones.fingerprint

        self.run(opener, scenario)

    def test_edges_components_values_and_what_was_set_aside_go(self, opener: Opener) -> None:
        ada, phone, laptop = user_key("ada"), anonymous_key("phone"), anonymous_key("laptop")
        claimer = anonymous_key("claimer")

        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append(
                [
                    make_event(1, anonymous_id="phone", user_id="ada", verified=True),
                    make_event(2, anonymous_id="laptop", user_id="ada", verified=True),
                    make_event(3, anonymous_id="claimer", user_id="ada", traits={"plan": "pro"}),
                    make_event(4, anonymous_id="claimer"),
                ],
                [
                    RejectedEvent(received=NOW, reason="no type", body='{"userId":"ada"}'),
                    RejectedEvent(received=NOW, reason="no type", body='{"userId":"adamant"}'),
                    RejectedEvent(received=NOW, reason="no type", body='{"userId":"\\u0061da"}'),
                ],
            )
            for name in ("consent/u:ada", "consent/u:adamant", "u:ada"):
                await storage.store.set_value(name, b"yes")
            assert await see(storage.store).linked(phone) == [laptop, phone, ada]
            assert await see(storage.store).identities() == [
                claimer,
                laptop,
                phone,
                ada,
            ]
            with pytest.raises(Conflict):
                await storage.warehouse.remove(Erasure(identities=frozenset({ada}), at=NOW))
            assert len(await see(storage.store).states(phone)) == 1
            # Without what it is joined to: the others stay joined to nobody.
            removed = await storage.warehouse.remove(
                Erasure(identities=frozenset({ada}), at=NOW + 10, complete=False)
            )
            assert removed.touched == (claimer, laptop, phone) or removed.touched == (claimer,)
            assert removed.counts["edges"] == 3
            assert removed.counts["values"] == 2
            assert removed.counts["rejected"] == 2
            assert await see(storage.store).edges() == []
            for identity in (phone, laptop, claimer):
                assert await see(storage.store).linked(identity) == [identity]
            assert await see(storage.store).bucketing_ids() == {}
            assert await see(storage.store).states(claimer) == [], "it is to be folded again"
            assert list(await see(storage.store).values_of("consent")) == ["u:adamant"]
            (note,) = (await storage.store.values("refold/")).values()
            assert b"a:claimer" in note

        self.run(opener, scenario)

    def test_hostile_ids_can_be_erased(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            names = [text for text in HOSTILE if text]
            events = [make_event(place, anonymous_id=text) for place, text in enumerate(names)]
            for sealed in (True, False):
                await storage.stream.append(events[: len(events) // 2 if sealed else None])
                if sealed:
                    await storage.warehouse.seal()
            rejected = [
                RejectedEvent(received=NOW, reason="no", body=msgspec.json.encode([text]).decode())
                for text in names
                if "\ud800" not in text
            ]
            await storage.stream.append([], rejected)
            kept = {
                event.anonymous_id
                async for piece in see(storage.warehouse).scan_events()
                for event in piece
            }
            assert len(kept) == len(names)
            for text in sorted(filter(None, kept)):
                await storage.warehouse.remove(
                    Erasure(identities=frozenset({anonymous_key(text)}), at=NOW + 99)
                )
            assert await _numbers(storage) == []

        self.run(opener, scenario)

    def test_what_is_too_old_goes_by_kind(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await _fill(storage)
            await storage.stream.append(
                [
                    make_event(300, received=NOW, type=EventType.PAGE, name="Home"),
                    make_event(301, received=NOW, type=EventType.PAGE, name="Home"),
                    make_event(302, received=NOW, name="Order Completed"),
                ],
                [RejectedEvent(received=NOW + at, reason="no", body="x") for at in (1, 9)],
            )
            removed = await storage.warehouse.remove(
                Expiry(
                    events={"default": NOW + 150, "page": NOW + 1, "Order Completed": NOW},
                    decisions=NOW + 105,
                    rejected=NOW + 5,
                )
            )
            assert await _numbers(storage) == [*range(150, 200), 302]
            assert removed.counts["events_sealed"] == 100
            assert removed.counts["events_hot"] == 52
            assert (removed.counts["decisions_sealed"], removed.counts["decisions_hot"]) == (20, 5)
            assert [one.received for one in await see(storage.stream).rejected()] == [NOW + 9]
            assert len(await see(storage.store).states(anonymous_key("visitor-3"))) == 1
            assert list(await storage.store.tombstones()) == []
            told = await storage.stream.append([make_event(400)])
            assert told.last_sequence == 204, "no sequence comes twice"
            nothing = await storage.warehouse.remove(Expiry())
            assert sum(nothing.counts.values()) == 0

        self.run(opener, scenario)

    def test_facts_expire_from_states(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append(
                [make_event(number, traits={"city": "Graz", "plan": "pro"}) for number in range(10)]
            )
            assert await storage.store.expire_facts({"city": NOW + 4, "none": NOW + 9}) == 4
            assert await storage.store.expire_facts({"city": NOW + 4}) == 0
            for number in range(10):
                (state,) = await see(storage.store).states(anonymous_key(f"visitor-{number}"))
                assert set(state.facts) == ({"plan"} if number < 4 else {"city", "plan"})
            await storage.stream.append([make_event(20, traits={"city": "Linz"})])
            (state,) = await see(storage.store).states(anonymous_key("visitor-0"))
            assert state.facts["city"].value == "Linz"

        self.run(opener, scenario)

    def test_imported_tables_lose_the_rows_that_name_the_visitor(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rows.csv"
                path.write_text(
                    "who,note,n\nvisitor-one,,1\nother,saw Visitor-One.,2\nother,visitor-oner,3\n"
                )
                await storage.warehouse.import_file("people", str(path))
                path.write_text("a,b\nvisitor,1\n")
                await storage.warehouse.import_file("strangers", str(path))
            one = Erasure(identities=frozenset({anonymous_key("visitor-one")}), at=NOW)
            assert (await storage.warehouse.remove(one)).counts["tables"] == 2
            rows = await see(storage.warehouse).query("SELECT n FROM people")
            assert rows.rows == [(3,)]
            rows = await see(storage.warehouse).query("SELECT a, b FROM strangers")
            assert rows.rows == [("visitor", 1)]
            assert (await storage.warehouse.remove(one)).counts["tables"] == 0
            expiry = Expiry(events={"default": NOW}, decisions=NOW, rejected=NOW)
            assert (await storage.warehouse.remove(expiry)).counts["tables"] == 0

        self.run(opener, scenario)

    def test_attributes_are_forgotten_by_name(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append(
                [make_event(number, traits={"city": "Graz", "plan": "pro"}) for number in range(3)]
            )
            own, other = (anonymous_key(f"visitor-{number}") for number in (0, 1))
            (state,) = await see(storage.store).states(own)
            counted = {key.rpartition("@")[0] for key in state.computed}
            assert await storage.store.forget_attributes([own], {"city", "nothing"}) == 1
            assert await storage.store.forget_attributes([own], {"city"}) == 0
            gone = await storage.store.forget_attributes([own], {"plan", *counted})
            assert gone == 1 + len(counted)
            (state,) = await see(storage.store).states(own)
            assert (state.facts, state.computed, state.events) == ({}, {}, 1)
            (state,) = await see(storage.store).states(other)
            assert set(state.facts) == {"city", "plan"}
            nobody = anonymous_key("nobody")
            assert await storage.store.forget_attributes([nobody], {"city"}) == 0
            assert await see(storage.store).states(nobody) == []

        self.run(opener, scenario)

    def test_others_read_each_row_once_meanwhile(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await _fill(storage)
            left = [number for number in range(200) if number % 10]
            done = asyncio.Event()

            async def read() -> None:
                while not done.is_set():
                    found = [
                        int(event.message_id.removeprefix("message-"))
                        async for piece in see(storage.warehouse).scan_events(chunk=31)
                        for event in piece
                    ]
                    assert [number for number in found if number in left] == left

            async def erase() -> None:
                try:
                    for number in (0, 20, 40):
                        key = IdentityKey(f"a:visitor-{number % 10}")
                        await storage.warehouse.remove(
                            Erasure(identities=frozenset({key}), at=NOW + 500)
                        )
                        await storage.warehouse.seal(keep=60 - number)
                finally:
                    done.set()

            await asyncio.gather(read(), read(), erase())
            assert await _numbers(storage) == left

        self.run(opener, scenario)
