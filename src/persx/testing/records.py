"""The contract of values that change hands once, and of logs that only grow."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from persx.model.errors import Forbidden
from persx.model.event import anonymous_key
from persx.storage.backends import Storage
from persx.storage.ports import Record
from persx.storage.removal import Erasure
from persx.testing.events import HOSTILE, NOW
from persx.testing.storage import Opener, StorageContract


def chained(number: int, before: bytes | None) -> bytes:
    """Return a body that tells which one it rests on."""
    return b"%d after %d" % (number, len(before or b""))


class RecordContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_a_value_is_swapped_by_who_knows_it(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            swap, value = storage.store.swap_value, storage.store.value
            assert not await swap("link", b"", b"x"), "what is not there is no empty value"
            assert await swap("link", None, b"one")
            assert not await swap("link", None, b"two")
            assert not await swap("link", b"on", b"two")
            assert await value("link") == b"one"
            assert await swap("link", b"one", b"\x00\xff")
            assert await swap("link", b"\x00\xff", b""), "an empty value is one"
            assert await value("link") == b""
            assert await swap("link", b"", None)
            assert await value("link") is None
            assert await swap("link", None, None)

        self.run(opener, scenario)

    def test_what_is_about_a_visitor_is_not_guessed_by_swapping(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for name in ("consent/a:1", "a:1"):
                await storage.store.set_value(name, b"secret")
                for believed in (b"secret", b"wrong", None):
                    with pytest.raises(Forbidden):
                        await storage.store.swap_value(name, believed, b"secret")

        self.run(opener, scenario)

    def test_a_value_is_taken_once(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for taking in range(20):
                name = f"link/{taking}"
                await storage.store.set_value(name, b"good")
                taken = await asyncio.gather(
                    *(storage.store.swap_value(name, b"good", None) for _ in range(8))
                )
                assert sum(taken) == 1
                made = await asyncio.gather(
                    *(storage.store.swap_value(name, None, b"%d" % n) for n in range(8))
                )
                assert sum(made) == 1
                assert await storage.store.value(name) == b"%d" % made.index(True)

        self.run(opener, scenario)

    def test_records_are_numbered_and_rest_on_each_other(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            store = storage.store
            assert await store.records("audit") == []
            added = await asyncio.gather(*(store.add_record("audit", chained) for _ in range(40)))
            assert sorted(each.number for each in added) == list(range(1, 41))
            assert await store.add_record("other", chained) == Record(1, b"1 after 0")
            found = list(await store.records("audit"))
            assert found == sorted(added, key=lambda each: each.number)
            for before, after in itertools.pairwise(found):
                assert after.body == chained(after.number, before.body)

        self.run(opener, scenario)

        async def later(storage: Storage) -> None:
            assert (await storage.store.add_record("audit", chained)).number == 41

        self.reopened(opener, later)

    def test_pieces_of_a_log(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            store = storage.store
            for _ in range(7):
                await store.add_record("audit", chained)

            async def numbers(after: int, limit: int, newest: bool = False) -> list[int]:
                found = await store.records("audit", after=after, limit=limit, newest=newest)
                return [each.number for each in found]

            assert await numbers(0, 3) == [1, 2, 3]
            assert await numbers(5, 100) == [6, 7]
            assert await numbers(7, 100) == []
            assert await numbers(0, 0) == []
            assert await numbers(0, 2, newest=True) == [7, 6]
            assert await numbers(5, 100, newest=True) == [7, 6]

        self.run(opener, scenario)

    def test_what_cannot_be_made_leaves_nothing(self, opener: Opener) -> None:
        def fails(_number: int, _before: bytes | None) -> bytes:
            raise ValueError("no")

        async def scenario(storage: Storage) -> None:
            await storage.store.add_record("audit", chained)
            with pytest.raises(ValueError, match="no"):
                await storage.store.add_record("audit", fails)
            assert (await storage.store.add_record("audit", chained)).number == 2

        self.run(opener, scenario)

    def test_an_erasure_leaves_records_as_they_are(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.store.add_record("audit", chained)
            await storage.warehouse.remove(
                Erasure(identities=frozenset([anonymous_key("1")]), at=NOW)
            )
            assert len(await storage.store.records("audit")) == 1

        self.run(opener, scenario)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_names(self, opener: Opener, text: str) -> None:
        async def scenario(storage: Storage) -> None:
            assert await storage.store.swap_value(text, None, b"x")
            assert await storage.store.value(text) == b"x"
            await storage.store.add_record(text, chained)
            assert [each.number for each in await storage.store.records(text)] == [1]

        self.run(opener, scenario)
