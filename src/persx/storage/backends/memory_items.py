"""Items in plain dicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from persx.model.item import Item, ItemId
from persx.storage.items import Change, ItemChanges, ItemsWritten, check_id, kept, read


class MemoryItems:
    """Implements `persx.storage.items.Items`; nothing here gives way to another task."""

    def __init__(self) -> None:
        self._bodies: dict[ItemId, bytes] = {}
        self._revisions: dict[ItemId, int] = {}
        self._revision = 0

    async def update(self, ids: Collection[ItemId], change: Change) -> ItemsWritten:
        """Change some items, all or none of them."""
        written: dict[ItemId, bytes | None] = {}
        added = changed = same = removed = 0
        for id in dict.fromkeys(ids):
            check_id(id)
            before = self._bodies.get(id)
            wanted = change(id, None if before is None else read(before))
            body = None if wanted is None else kept(wanted)[1]
            if body == before:
                same += 1
                continue
            added += before is None
            removed += body is None
            changed += before is not None and body is not None
            written[id] = body
        for id, body in written.items():
            self._revision += 1
            self._revisions.pop(id, None)
            self._revisions[id] = self._revision
            if body is None:
                del self._bodies[id]
            else:
                self._bodies[id] = body
        return ItemsWritten(added=added, changed=changed, removed=removed, same=same)

    async def get(self, ids: Collection[str]) -> Mapping[ItemId, Item]:
        """Return those of some items that are kept."""
        return {
            ItemId(id): read(self._bodies[ItemId(id)])
            for id in dict.fromkeys(ids)
            if id in self._bodies
        }

    async def page(self, after: str = "", limit: int = 1_000) -> Sequence[Item]:
        """Return the items with the next ids after one."""
        ids = sorted(id for id in self._bodies if id > after)[: max(limit, 0)]
        return [read(self._bodies[id]) for id in ids]

    async def changes(self, since: int = 0, limit: int = 1_000) -> ItemChanges:
        """Return the first changes after a revision."""
        found = [(id, number) for id, number in self._revisions.items() if number > since]
        found = found[: max(limit, 0)]
        return ItemChanges(
            items=tuple(read(self._bodies[id]) for id, _ in found if id in self._bodies),
            removed=tuple(id for id, _ in found if id not in self._bodies),
            revision=found[-1][1] if found else since,
        )

    async def revision(self) -> int:
        """Return the last change's revision."""
        return self._revision
