"""Events, merges and cuts in any order: what is kept is a fold without the edges that are cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.model.event import Event, EventType, IdentityKey, anonymous_key
from persx.model.visitor import Cut, Edge, EdgeKind
from persx.storage.backends import Storage
from persx.storage.joining import MOST_USERS
from persx.testing import Opener, StorageContract, see
from persx.testing.events import comparable
from persx.testing.identities import FOLD, call
from persx.visitors.identity import edges_of
from tests.storage.test_contracts import EveryBackend

Pair: TypeAlias = tuple[IdentityKey, IdentityKey]
_Made: TypeAlias = Event | tuple[bool, IdentityKey, IdentityKey]
_Step: TypeAlias = Callable[[str, Sequence[Edge]], _Made | None]

_DEVICES: Final = ("1", "2", "3")
_USERS: Final = ("1", "2", "3", "4", "5", "6")
_ADDRESSES: Final = ("a@x.io", "b@x.io")
_UUID: Final = "a UUID"


def _uuid(prefix: str) -> str:
    return f"00000000-0000-4000-8000-{int(prefix[:-1]):012d}"


def _steps() -> st.SearchStrategy[_Step]:
    events = st.builds(
        _event,
        type=st.sampled_from([EventType.IDENTIFY, EventType.IDENTIFY, *EventType]),
        device=st.sampled_from([None, *_DEVICES]),
        user=st.sampled_from([None, *_USERS]),
        address=st.sampled_from([None, *_ADDRESSES, "a@x.io", "a@x.io"]),
        previous=st.sampled_from([*_USERS, _UUID]),
        verified=st.sampled_from([True, True, False]),
        at=st.integers(0, 1_000),
    )
    changes = st.builds(_change, st.booleans(), st.integers(0, 1_000))
    return st.one_of(events, events, events, changes)


def _event(
    type: EventType,
    device: str | None,
    user: str | None,
    address: str | None,
    previous: str,
    verified: bool,
    at: int,
) -> _Step:
    def make(prefix: str, _said: Sequence[Edge]) -> Event:
        traits: dict[str, Any] = {"industry": f"i{at}", "plan": f"p{at}"}
        if address:
            traits["email"] = prefix + address
        return call(
            type,
            at,
            verified=verified,
            anonymous_id=prefix + device if device else None if user else prefix + "1",
            user_id=prefix + user if user else None,
            group_id=f"{prefix}{at % 2}",
            previous_id=_uuid(prefix) if previous == _UUID else prefix + previous,
            traits=traits,
        )

    return make


def _change(cut: bool, number: int) -> _Step:
    def make(_prefix: str, said: Sequence[Edge]) -> _Made | None:
        if not said:
            return None
        edge = said[number % len(said)]
        return cut, edge.left, edge.right

    return make


class TestFromScratch(EveryBackend, StorageContract):
    def test_what_is_kept_is_a_fold_from_scratch_without_the_cut_edges(
        self, opener: Opener
    ) -> None:
        examples = itertools.count()

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(steps=st.lists(_steps(), max_size=40), data=st.data())
        def holds(steps: list[_Step], data: st.DataObject) -> None:
            prefix = f"{next(examples)}-"
            made: list[_Made] = []
            said: list[Edge] = []
            for step in steps:
                if (one := step(prefix, said)) is not None:
                    made.append(one)
                    said += edges_of(one) if isinstance(one, Event) else []

            async def scenario(storage: Storage) -> None:
                await storage.stream.use_projector(FOLD)
                batch: list[Event] = []
                for each in made:
                    if isinstance(each, Event):
                        batch.append(each)
                        if data.draw(st.booleans()):
                            await storage.stream.append(batch)
                            batch = []
                        continue
                    await storage.stream.append(batch)
                    batch = []
                    cut, left, right = each
                    if cut:
                        await storage.store.cut(Cut(left, right))
                    else:
                        await storage.store.mend(left, right)
                await storage.stream.append(batch)
                await _is_from_scratch(storage, made, prefix)

            self.run(opener, scenario)

        holds()


async def _is_from_scratch(storage: Storage, steps: Iterable[_Made], prefix: str) -> None:
    events = [step for step in steps if isinstance(step, Event)]
    cuts: set[Pair] = set()
    for step in steps:
        if isinstance(step, tuple):
            pair = (step[1], step[2])
            cuts = cuts | {pair} if step[0] else cuts - {pair}
    states = FOLD.fold(events).states
    edges = [
        edge
        for event in events
        for edge in edges_of(event)
        if edge.kind is EdgeKind.VERIFIED and (edge.left, edge.right) not in cuts
    ]
    groups, speaks_for = _groups(edges)
    bucketing: dict[IdentityKey, IdentityKey] = {}
    for identity in {side for edge in edges for side in (edge.left, edge.right)} | set(states):
        if identity.startswith("g:"):
            continue
        own = next((group for group in groups if identity in group), {identity})
        known = [states[key] for key in own if key in states]
        known.sort(key=lambda state: (state.first_seen, state.identity))
        if known and known[0].identity != identity:
            bucketing[identity] = known[0].identity
        if identity in speaks_for:
            person = next(group for group in groups if speaks_for[identity] in group)
            others = [states[key] for key in person if key in states]
            known += sorted(others, key=lambda state: (state.first_seen, state.identity))
        found = await see(storage.store).states(identity)
        assert list(map(comparable, found)) == list(map(comparable, known)), identity
        account = await see(storage.store).account(identity)
        expected = _account({*own, *(person if identity in speaks_for else ())}, edges)
        assert (account.identity if account else None) == expected
    mine = {key[:2] + prefix for key in ("a:", "u:")}
    mine_uuid = anonymous_key(_uuid(prefix))
    kept = {
        key: oldest
        for key, oldest in (await see(storage.store).bucketing_ids()).items()
        if key == mine_uuid or any(key.startswith(start) for start in mine)
    }
    assert kept == {key: oldest for key, oldest in bucketing.items() if key[0] != "e"}


def _account(members: Iterable[IdentityKey], edges: Iterable[Edge]) -> IdentityKey | None:
    """The account that was said last, the greater key where two were said at once."""
    said: dict[Pair, list[Edge]] = {}
    for edge in edges:
        said.setdefault((edge.left, edge.right), []).append(edge)
    found: list[tuple[int, int, IdentityKey]] = []
    for (left, right), each in said.items():
        for account, member in ((left, right), (right, left)):
            if account.startswith("g:") and member in members:
                latest = max(edge.latest for edge in each)
                found.append((latest, min(edge.at for edge in each), account))
    return max(found)[2] if found else None


def _groups(
    edges: Sequence[Edge],
) -> tuple[list[set[IdentityKey]], dict[IdentityKey, IdentityKey]]:
    """Who belongs together, found by joining sets until nothing changes any more."""
    pairs = {(edge.left, edge.right) for edge in edges}
    users = {
        left: sum(1 for other, _ in pairs if other == left) for left, _ in pairs if left[0] == "e"
    }
    groups = [{key} for key in {side for pair in pairs for side in pair} if key[0] in "ue"]
    changed = True
    while changed:
        changed = False
        for left, right in pairs:
            if left[0] in "ue" and right[0] in "ue" and users.get(left, 0) <= MOST_USERS:
                one = next(group for group in groups if left in group)
                other = next(group for group in groups if right in group)
                if one is not other:
                    one |= other
                    groups.remove(other)
                    changed = True
    speaks_for: dict[IdentityKey, IdentityKey] = {}
    for device in sorted({left for left, right in pairs if left[0] == "a" and right[0] in "ue"}):
        said: dict[IdentityKey, list[Edge]] = {}
        for edge in edges:
            if edge.left == device and edge.right[0] in "ue":
                said.setdefault(edge.right, []).append(edge)
        persons = [group for group in groups if group & said.keys()]
        if len(persons) == 1:
            persons[0].add(device)
        else:
            groups.append({device})
            speaks_for[device] = max(
                said,
                key=lambda key: (
                    max(edge.latest for edge in said[key]),
                    min(edge.at for edge in said[key]),
                    key,
                ),
            )
    return groups, speaks_for
