"""The contract of artifacts: numbered, whole, one of them active, the earlier ones kept."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from persx.model.artifact import Origin
from persx.model.errors import BadInput, NotFound
from persx.storage.artifacts import LARGEST
from persx.storage.backends import Storage
from persx.testing.events import NOW
from persx.testing.storage import Opener, StorageContract

ORIGIN = Origin(made=NOW, events=12, snapshot=3)


class ArtifactsContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_numbers_count_up_for_each_kind_and_name(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            put = storage.artifacts.put
            assert await put("prediction", "a", b"one", origin=ORIGIN, meta={}) == 1
            assert await put("prediction", "a", b"two", origin=ORIGIN, meta={}) == 2
            assert await put("prediction", "b", b"three", origin=ORIGIN, meta={}) == 1
            assert await put("arms", "a", b"four", origin=ORIGIN, meta={}) == 1
            heads = await storage.artifacts.heads("prediction", "a")
            assert [head.number for head in heads] == [2, 1]
            assert [head.key for head in await storage.artifacts.heads()] == [
                "arms/a", "prediction/a", "prediction/a", "prediction/b",
            ]  # fmt: skip
            assert [head.key for head in await storage.artifacts.heads(name="b")] == [
                "prediction/b"
            ]

        self.run(opener, scenario)

    def test_what_was_put_comes_back_with_its_digest_and_origin(self, opener: Opener) -> None:
        body = bytes(range(256)) * 4
        meta = {"figures": {"ece": 0.02}, "classes": ["a", "b"]}

        async def scenario(storage: Storage) -> None:
            await storage.artifacts.put("prediction", "a", body, origin=ORIGIN, meta=meta)

        async def later(storage: Storage) -> None:
            found = await storage.artifacts.get("prediction", "a", 1)
            assert found is not None
            assert found.body == body
            assert found.head.digest == hashlib.sha256(body).hexdigest()
            assert (found.head.size, found.head.origin, found.head.meta) == (1_024, ORIGIN, meta)
            assert not found.head.active
            assert await storage.artifacts.get("prediction", "a", 2) is None
            assert await storage.artifacts.get("prediction", "a") is None, "none is active"

        async def both(storage: Storage) -> None:
            await scenario(storage)
            await later(storage)

        self.run(opener, both)
        self.reopened(opener, later)

    def test_one_is_active_and_an_earlier_one_can_be_again(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            artifacts = storage.artifacts
            for body in (b"one", b"two"):
                await artifacts.put("prediction", "a", body, origin=ORIGIN, meta={})
            await artifacts.put("arms", "a", b"other", origin=ORIGIN, meta={})
            assert await artifacts.active() == {}
            for number, body in ((1, b"one"), (2, b"two"), (1, b"one")):
                await artifacts.activate("prediction", "a", number, now=NOW + number)
                found = await artifacts.get("prediction", "a")
                assert found is not None
                assert (found.head.number, found.body) == (number, body)
                assert await artifacts.active() == {"prediction/a": number}
            await artifacts.activate("arms", "a", 1, now=NOW)
            heads = await artifacts.heads("prediction", "a")
            assert [(head.active, head.activated) for head in heads] == [
                (False, NOW + 2), (True, NOW + 1),
            ]  # fmt: skip
            await artifacts.activate("prediction", "a", None, now=NOW)
            assert await artifacts.active() == {"arms/a": 1}
            assert await artifacts.get("prediction", "a") is None

        self.run(opener, scenario)

    def test_an_unknown_number_leaves_the_active_one_so(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            artifacts = storage.artifacts
            await artifacts.put("prediction", "a", b"one", origin=ORIGIN, meta={})
            await artifacts.activate("prediction", "a", 1, now=NOW)
            with pytest.raises(NotFound, match="no artifact 7"):
                await artifacts.activate("prediction", "a", 7, now=NOW)
            assert await artifacts.active() == {"prediction/a": 1}
            await artifacts.activate("prediction", "nothing", None, now=NOW)

        self.run(opener, scenario)

    def test_what_is_too_large_or_misnamed_is_refused(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            put = storage.artifacts.put
            for kind, name in (("", "a"), ("a", ""), ("a/b", "c"), ("a", "x" * 300), ("a", "\0")):
                with pytest.raises(BadInput, match="cannot be called"):
                    await put(kind, name, b"", origin=ORIGIN, meta={})
            with pytest.raises(BadInput, match="too large"):
                await put("a", "b", bytes(LARGEST + 1), origin=ORIGIN, meta={})
            assert await storage.artifacts.heads() == []
            assert await put("a", "b/c", b"", origin=ORIGIN, meta={}) == 1

        self.run(opener, scenario)

    def test_many_at_once_get_a_number_each(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            numbers = await asyncio.gather(
                *(
                    storage.artifacts.put("a", "b", b"%d" % each, origin=ORIGIN, meta={})
                    for each in range(20)
                )
            )
            assert sorted(numbers) == list(range(1, 21))
            for body, number in enumerate(numbers):
                found = await storage.artifacts.get("a", "b", number)
                assert found is not None
                assert found.body == b"%d" % body

        self.run(opener, scenario)
