"""The contract of identities: who belongs together, who shares a device, and what is taken back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.model.attribute import Attribute, Computation, Source, ValueType
from persx.model.event import (
    Event,
    EventType,
    IdentityKey,
    account_key,
    anonymous_key,
    email_key,
    user_key,
)
from persx.model.visitor import Cut, Edge, EdgeKind, IdentityState
from persx.storage.backends import Storage
from persx.storage.joining import MOST_USERS
from persx.testing.events import NOW, comparable
from persx.testing.storage import Opener, StorageContract
from persx.visitors.fold import Fold
from persx.visitors.identity import edges_of

Pair: TypeAlias = tuple[IdentityKey, IdentityKey]

FOLD: Final = Fold(
    {
        each.name: each
        for each in (
            Attribute(name="industry"),
            Attribute(name="account.plan"),
            Attribute(
                name="views",
                type=ValueType.NUMBER,
                source=Source.COMPUTED,
                compute=Computation(kind="count", event="page"),
            ),
        )
    }
)
LAPTOP, PHONE, KIOSK = (anonymous_key(name) for name in ("laptop", "phone", "kiosk"))
ADA, BOB = user_key("ada"), user_key("bob")

_numbers = itertools.count()


def call(type: EventType, at: int = 0, *, verified: bool = True, **fields: Any) -> Event:
    """Return an event, verified unless said otherwise, with a message id of its own."""
    return Event(
        type=type,
        message_id=f"call-{next(_numbers)}",
        timestamp=NOW + at,
        received=NOW + 10_000,
        verified=verified,
        **fields,
    )


def visit(device: str, at: int) -> Event:
    """Return a page view of an anonymous id."""
    return call(EventType.PAGE, at, anonymous_id=device)


def login(device: str, user: str, at: int, **fields: Any) -> Event:
    """Return what a site's server says when somebody signs in on a device."""
    return call(EventType.IDENTIFY, at, anonymous_id=device, user_id=user, **fields)


async def keys(storage: Storage, identity: IdentityKey) -> list[IdentityKey]:
    """Return whose states are read for an identity, in the order in which they come."""
    return [state.identity for state in await storage.store.states(identity)]


class IdentityContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_devices_of_one_user_belong_together(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(
                storage,
                [visit("phone", 5), visit("laptop", 3), login("phone", "ada", 9)],
                [login("laptop", "ada", 10)],
            )
            for identity in (LAPTOP, PHONE, ADA):
                assert await keys(storage, identity) == [LAPTOP, PHONE, ADA]
            assert await storage.store.bucketing_ids() == {PHONE: LAPTOP, ADA: LAPTOP}

        self.run(opener, scenario)

    def test_a_shared_device_joins_nobody_and_speaks_for_the_latest(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(
                storage,
                [visit("phone", 1), login("phone", "ada", 2), visit("kiosk", 3)],
                [login("kiosk", "ada", 4)],
            )
            assert await keys(storage, ADA) == [PHONE, ADA, KIOSK]
            await storage.stream.append([login("kiosk", "bob", 5)])
            assert await keys(storage, ADA) == [PHONE, ADA]
            assert await keys(storage, BOB) == [BOB]
            assert await keys(storage, KIOSK) == [KIOSK, BOB]
            # Events that merely carry the user id do not tell that somebody has signed in.
            await storage.stream.append(
                [call(EventType.TRACK, 9, name="Seen", anonymous_id="kiosk", user_id="ada")]
            )
            assert await keys(storage, KIOSK) == [KIOSK, BOB]
            await storage.stream.append([login("kiosk", "ada", 10)])
            assert await keys(storage, KIOSK) == [KIOSK, PHONE, ADA]
            assert await keys(storage, BOB) == [BOB]
            assert await storage.store.bucketing_ids() == {ADA: PHONE}

        self.run(opener, scenario)

        async def reopened(storage: Storage) -> None:
            assert await keys(storage, KIOSK) == [KIOSK, PHONE, ADA]
            await storage.stream.use_projector(FOLD)
            await storage.stream.append([login("kiosk", "ada", 1)])
            assert await keys(storage, KIOSK) == [KIOSK, PHONE, ADA]

        self.reopened(opener, reopened)

    def test_users_with_one_address_are_one_person(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(
                storage,
                [
                    call(EventType.IDENTIFY, 1, user_id="ada", traits={"email": "Ada@x.io "}),
                    call(EventType.IDENTIFY, 2, user_id="bob", traits={"email": "ada@x.io"}),
                    login("kiosk", "ada", 3),
                ],
                [login("kiosk", "bob", 4)],
            )
            assert await keys(storage, BOB) == [ADA, BOB], "and the device has no state"
            assert await keys(storage, KIOSK) == [ADA, BOB]
            edges = [edge for edge in await storage.store.edges() if "x.io" in repr(edge)]
            assert not edges, "an address is never a key"
            touching = await storage.store.edges([ADA, KIOSK])
            assert [(edge.left, edge.right) for edge in touching] == [
                (KIOSK, ADA),
                (KIOSK, BOB),
                (email_key("ada@x.io"), ADA),
            ]

        self.run(opener, scenario)

    def test_an_address_of_many_users_joins_nobody(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(storage, [])
            for number in range(MOST_USERS + 2):
                users = [user_key(str(each)) for each in range(number)]
                together = users if number <= MOST_USERS else users[:1]
                if users:
                    assert await keys(storage, users[0]) == together
                await storage.stream.append(
                    [
                        call(
                            EventType.IDENTIFY,
                            number,
                            user_id=str(number),
                            traits={"email": "info@x.io"},
                        )
                    ]
                )

        self.run(opener, scenario)

    def test_a_claim_joins_nothing_whatever_it_claims(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            ada = {"email": "ada@x.io"}
            await self.begin(
                storage,
                [
                    visit("laptop", 1),
                    login("laptop", "ada", 2, traits=ada),
                    call(EventType.GROUP, 3, user_id="ada", group_id="acme", traits={"plan": "x"}),
                ],
                [
                    login("phone", "ada", 4, verified=False),
                    call(EventType.IDENTIFY, 5, verified=False, anonymous_id="phone", traits=ada),
                    call(
                        EventType.ALIAS, 6, verified=False, user_id="phone", previous_id="ada",
                        anonymous_id="phone",
                    ),
                    call(EventType.GROUP, 7, verified=False, anonymous_id="phone", group_id="acme"),
                    call(
                        EventType.IDENTIFY, 8, anonymous_id="phone",
                        traits={**ada, "email_verified": False},
                    ),
                ],
            )  # fmt: skip
            assert await keys(storage, PHONE) == [PHONE]
            assert await keys(storage, ADA) == [LAPTOP, ADA]
            assert await storage.store.account(PHONE) is None
            assert set(await storage.store.bucketing_ids()) == {ADA, email_key("ada@x.io")}

        self.run(opener, scenario)

    def test_an_account_is_read_by_its_members_alone(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(
                storage,
                [
                    login("laptop", "ada", 1),
                    call(EventType.GROUP, 2, user_id="ada", group_id="acme", traits={"plan": "a"}),
                    call(EventType.GROUP, 3, user_id="bob", group_id="acme", traits={"plan": "b"}),
                    call(EventType.GROUP, 4, verified=False, user_id="eve", group_id="acme"),
                ],
            )
            for identity in (LAPTOP, ADA, BOB):
                account = await storage.store.account(identity)
                assert account is not None
                assert account.identity == account_key("acme")
                assert account.facts["account.plan"].value == "b"
            assert await storage.store.account(user_key("eve")) is None
            assert await keys(storage, BOB) == [BOB], "members of an account are not one person"
            await storage.stream.append(
                [call(EventType.GROUP, 5, anonymous_id="laptop", group_id="other")]
            )
            account = await storage.store.account(ADA)
            assert account is not None
            assert account.identity == account_key("other")
            await storage.store.cut(Cut(LAPTOP, account_key("other")))
            account = await storage.store.account(ADA)
            assert account is not None
            assert account.identity == account_key("acme")

        self.run(opener, scenario)

    def test_a_cut_stays_whatever_events_say_until_it_is_mended(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(storage, [visit("laptop", 1), login("laptop", "ada", 2)])
            store = storage.store
            assert await keys(storage, LAPTOP) == [LAPTOP, ADA]
            assert await store.cut(Cut(LAPTOP, ADA, NOW)) is True
            assert await store.cut(Cut(LAPTOP, ADA, NOW + 1)) is False
            assert await store.cuts() == [Cut(LAPTOP, ADA, NOW)]
            await storage.stream.append([visit("laptop", 3), login("laptop", "ada", 4)])
            assert await keys(storage, LAPTOP) == [LAPTOP]
            assert await keys(storage, ADA) == [ADA]
            assert await store.bucketing_ids() == {}

        self.run(opener, scenario)

        async def reopened(storage: Storage) -> None:
            await storage.stream.use_projector(FOLD)
            await storage.stream.append([login("laptop", "ada", 5)])
            assert await keys(storage, LAPTOP) == [LAPTOP]
            assert await storage.store.mend(LAPTOP, ADA) is True
            assert await storage.store.mend(LAPTOP, ADA) is False
            assert await keys(storage, ADA) == [LAPTOP, ADA]
            assert await storage.store.cuts() == []

        self.reopened(opener, reopened)

    def test_a_cut_gives_a_shared_device_back(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(
                storage,
                [visit("laptop", 1), login("laptop", "ada", 2), login("laptop", "bob", 3)],
            )
            assert await keys(storage, ADA) == [ADA]
            await storage.store.cut(Cut(LAPTOP, BOB))
            assert await keys(storage, ADA) == [LAPTOP, ADA]
            assert await keys(storage, LAPTOP) == [LAPTOP, ADA]
            assert await keys(storage, BOB) == [BOB]

        self.run(opener, scenario)

    def test_all_states_come_in_pages(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await self.begin(storage, [visit(f"v{number}", number) for number in range(25)])
            found: list[IdentityState] = []
            while page := await storage.store.all_states(found[-1].identity if found else "", 10):
                found += page
            assert [state.identity for state in found] == sorted(
                anonymous_key(f"v{number}") for number in range(25)
            )

        self.run(opener, scenario)

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

    async def begin(self, storage: Storage, *batches: Sequence[Event]) -> None:
        """Append batches, folded by `FOLD`."""
        await storage.stream.use_projector(FOLD)
        for batch in batches:
            await storage.stream.append(batch)


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
        found = await storage.store.states(identity)
        assert list(map(comparable, found)) == list(map(comparable, known)), identity
        account = await storage.store.account(identity)
        expected = _account({*own, *(person if identity in speaks_for else ())}, edges)
        assert (account.identity if account else None) == expected
    mine = {key[:2] + prefix for key in ("a:", "u:")}
    mine_uuid = anonymous_key(_uuid(prefix))
    kept = {
        key: oldest
        for key, oldest in (await storage.store.bucketing_ids()).items()
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
