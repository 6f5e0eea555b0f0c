"""The contract of items: kept whole, changed one by one, and told of by revisions."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from persx.model.errors import BadInput
from persx.model.item import Item, ItemId, ItemTexts
from persx.storage.backends import Storage
from persx.storage.items import LARGEST, ItemsWritten, put, remove
from persx.testing.events import NOW
from persx.testing.storage import Opener, StorageContract

SHOE = Item(
    id=ItemId("wren"),
    title="Wren First",
    text="Soft, wide, forgiving.",
    category=("Running", "Shoes"),
    brand="Wren",
    price=89.9,
    was=99.0,
    tags=("road", "soft"),
    image="https://shop.example/wren.jpg",
    url="/products/wren",
    added=NOW,
    attributes={"sizes": [38, 39], "vegan": True},
    translations={
        "de": ItemTexts(
            title="Wren Erster", category=("Laufen", "Schuhe"), url="https://shop.example/de/wren"
        ),
        "de-AT": ItemTexts(text="Weich, breit, verzeiht."),
    },
)


def item(id: str, **facts: Any) -> Item:
    """Return an item with a title."""
    return Item(id=ItemId(id), title=id.title(), **facts)


class ItemsContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_what_was_put_comes_back(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            assert await storage.items.revision() == 0
            written = await put(storage.items, [SHOE, item("b"), item("ü 1")])
            assert written == ItemsWritten(added=3)

        async def later(storage: Storage) -> None:
            assert await storage.items.get(["wren", "nothing", "ü 1"]) == {
                "wren": SHOE, "ü 1": item("ü 1"),
            }  # fmt: skip
            assert (await storage.items.changes()).items == (SHOE, item("b"), item("ü 1"))
            assert await storage.items.revision() == 3

        async def both(storage: Storage) -> None:
            await scenario(storage)
            await later(storage)

        self.run(opener, both)
        self.reopened(opener, later)

    def test_only_what_changes_takes_a_revision(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            items = storage.items
            await put(items, [item("a"), item("b"), item("c")])
            assert await put(items, [item("a"), item("b", price=2.0)]) == ItemsWritten(
                same=1, changed=1
            )
            assert await items.revision() == 4
            found = await items.changes(3)
            assert (found.items, found.removed, found.revision) == ((item("b", price=2.0),), (), 4)
            assert await items.changes(4) == msgspec.structs.replace(found, items=(), revision=4)

        self.run(opener, scenario)

    def test_a_removal_is_told_of_until_the_item_comes_back(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            items = storage.items
            await put(items, [item("a"), item("b")])
            gone = await remove(items, [ItemId("a"), ItemId("never")])
            assert gone == ItemsWritten(removed=1, same=1)
            assert await items.get(["a"]) == {}
            found = await items.changes(0)
            assert (found.items, found.removed, found.revision) == ((item("b"),), ("a",), 3)
            assert await put(items, [item("a")]) == ItemsWritten(added=1)
            found = await items.changes(2)
            assert (found.items, found.removed, found.revision) == ((item("a"),), (), 4)

        self.run(opener, scenario)

    def test_changes_are_read_piece_by_piece(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            items = storage.items
            await put(items, [item(f"i{n:03}") for n in range(250)])
            await remove(items, [ItemId("i007")])
            seen, since = [], 0
            while (found := await items.changes(since, 100)).revision > since:
                seen += [each.id for each in found.items]
                since = found.revision
            assert seen == [f"i{n:03}" for n in range(250) if n != 7]
            assert since == await items.revision() == 251

        self.run(opener, scenario)

    def test_pages_are_in_the_order_of_ids(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            items = storage.items
            await put(items, [item(id) for id in ("b", "a", "c", "B", "ä")])
            await remove(items, [ItemId("c")])
            assert [each.id for each in await items.page(limit=2)] == ["B", "a"]
            assert [each.id for each in await items.page("a")] == ["b", "ä"]
            assert await items.page("ä") == []

        self.run(opener, scenario)

    def test_two_at_once_change_different_facts_of_one_item(self, opener: Opener) -> None:
        def priced(_: ItemId, before: Item | None) -> Item | None:
            assert before is not None
            return msgspec.structs.replace(before, price=(before.price or 0) + 1)

        def hidden(_: ItemId, before: Item | None) -> Item | None:
            assert before is not None
            return msgspec.structs.replace(before, hidden=True)

        async def scenario(storage: Storage) -> None:
            items, one = storage.items, [ItemId("a")]
            await put(items, [item("a")])
            await asyncio.gather(
                *(items.update(one, priced) for _ in range(20)), items.update(one, hidden)
            )
            assert await items.get(one) == {"a": item("a", price=20.0, hidden=True)}

        self.run(opener, scenario)

    @pytest.mark.parametrize(
        "bad",
        [
            Item(id=ItemId("")),
            Item(id=ItemId("x" * 201)),
            Item(id=ItemId("/products/a")),
            Item(id=ItemId("a\x00b")),
            Item(id=ItemId("a\nb")),
            Item(id=ItemId("a\ud800")),
            item("a", price=float("nan")),
            item("a", price=float("inf")),
            item("a", price=-1.0),
            item("a", was=1e300),
            item("a", added=-1),
            item("a", text="x" * LARGEST),
            item("a", attributes={"what": {1, 2, object()}}),
        ],
        ids=lambda each: repr(each)[:60],
    )
    def test_what_cannot_be_kept_is_refused_and_nothing_kept(
        self, opener: Opener, bad: Item
    ) -> None:
        async def scenario(storage: Storage) -> None:
            with pytest.raises(BadInput):
                await put(storage.items, [item("good"), bad])
            assert await storage.items.revision() == 0
            assert await storage.items.page() == []

        self.run(opener, scenario)

    def test_hostile_strings_are_kept_as_they_can_be(self, opener: Opener) -> None:
        hostile = "a\x00b\ud800 '; DROP TABLE item; -- <script>\u202e"

        async def scenario(storage: Storage) -> None:
            items = storage.items
            words = {"de": ItemTexts(title=hostile)}
            facts = {"tags": (hostile,), "attributes": {hostile: 1}, "translations": words}
            await put(items, [item("a", text=hostile, **facts)])
            clean = "a\ufffdb\ufffd '; DROP TABLE item; -- <script>\u202e"
            assert await items.get(["a"]) == {
                "a": item(
                    "a",
                    text=clean,
                    tags=(clean,),
                    attributes={clean: 1},
                    translations={"de": ItemTexts(title=clean)},
                )
            }
            assert await items.get([hostile, "%", "_", ""]) == {}
            assert await items.page(hostile) == []

        self.run(opener, scenario)
