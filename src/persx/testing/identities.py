"""The contract of identities: who belongs together, who shares a device, and what is taken back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

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
from persx.model.visitor import Cut, IdentityState
from persx.storage.backends import Storage
from persx.storage.joining import MOST_USERS
from persx.testing.events import NOW
from persx.testing.storage import Opener, StorageContract, see
from persx.visitors.fold import Fold

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
    return [state.identity for state in await see(storage.store).states(identity)]


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
            assert await see(storage.store).bucketing_ids() == {
                PHONE: LAPTOP,
                ADA: LAPTOP,
            }

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
            assert await see(storage.store).bucketing_ids() == {ADA: PHONE}

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
            assert await keys(storage, BOB) == [ADA, BOB, KIOSK]
            assert await keys(storage, KIOSK) == [ADA, BOB, KIOSK]
            edges = [edge for edge in await see(storage.store).edges() if "x.io" in repr(edge)]
            assert not edges, "an address is never a key"
            touching = await see(storage.store).edges([ADA, KIOSK])
            assert [(edge.left, edge.right) for edge in touching] == [
                (KIOSK, ADA),
                (KIOSK, BOB),
                (email_key("ada@x.io"), ADA),
            ]

        self.run(opener, scenario)

    def test_a_device_was_there_before_the_first_event_that_tells_of_it(
        self, opener: Opener
    ) -> None:
        async def scenario(storage: Storage) -> None:
            # Both were asked for decisions before, and so have arms; no event has said so.
            phone = "5f0c1a52-8d7e-4c0e-9b1f-0a1b2c3d4e5f"
            await self.begin(
                storage,
                [login("laptop", "ada", 3)],
                [call(EventType.ALIAS, 4, user_id="bob", previous_id=phone)],
            )
            assert await keys(storage, ADA) == [LAPTOP, ADA]
            assert await keys(storage, BOB) == [anonymous_key(phone), BOB]
            await storage.stream.append([login("laptop", "bob", 5)])
            assert await keys(storage, LAPTOP) == [LAPTOP, anonymous_key(phone), BOB]
            assert await keys(storage, ADA) == [ADA], "and nothing of a shared device"
            assert await see(storage.store).bucketing_ids() == {BOB: anonymous_key(phone)}

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
            assert await see(storage.store).account(PHONE) is None
            assert set(await see(storage.store).bucketing_ids()) == {
                ADA,
                email_key("ada@x.io"),
            }

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
                account = await see(storage.store).account(identity)
                assert account is not None
                assert account.identity == account_key("acme")
                assert account.facts["account.plan"].value == "b"
            assert await see(storage.store).account(user_key("eve")) is None
            assert await keys(storage, BOB) == [BOB], "members of an account are not one person"
            await storage.stream.append(
                [call(EventType.GROUP, 5, anonymous_id="laptop", group_id="other")]
            )
            account = await see(storage.store).account(ADA)
            assert account is not None
            assert account.identity == account_key("other")
            await storage.store.cut(Cut(LAPTOP, account_key("other")))
            account = await see(storage.store).account(ADA)
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
            assert await see(store).cuts() == [Cut(LAPTOP, ADA, NOW)]
            await storage.stream.append([visit("laptop", 3), login("laptop", "ada", 4)])
            assert await keys(storage, LAPTOP) == [LAPTOP]
            assert await keys(storage, ADA) == [ADA]
            assert await see(store).bucketing_ids() == {}

        self.run(opener, scenario)

        async def reopened(storage: Storage) -> None:
            await storage.stream.use_projector(FOLD)
            await storage.stream.append([login("laptop", "ada", 5)])
            assert await keys(storage, LAPTOP) == [LAPTOP]
            assert await storage.store.mend(LAPTOP, ADA) is True
            assert await storage.store.mend(LAPTOP, ADA) is False
            assert await keys(storage, ADA) == [LAPTOP, ADA]
            assert await see(storage.store).cuts() == []

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
            while page := await see(storage.store).all_states(
                found[-1].identity if found else "", 10
            ):
                found += page
            assert [state.identity for state in found] == sorted(
                anonymous_key(f"v{number}") for number in range(25)
            )

        self.run(opener, scenario)

    async def begin(self, storage: Storage, *batches: Sequence[Event]) -> None:
        """Append batches, folded by `FOLD`."""
        await storage.stream.use_projector(FOLD)
        for batch in batches:
            await storage.stream.append(batch)
