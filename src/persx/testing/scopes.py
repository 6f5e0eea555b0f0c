"""The contract of visitor scopes: whoever reads, and however they ask, sees their own rows only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec
import pytest

from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput, Forbidden, PersxError
from persx.model.event import (
    Event,
    EventType,
    IdentityKey,
    RejectedEvent,
    account_key,
    anonymous_key,
    claimed_key,
    email_key,
    user_key,
)
from persx.model.visitor import Cut
from persx.storage.backends import Storage
from persx.storage.reading import VisitorReader
from persx.storage.removal import Erasure
from persx.storage.scope import Bearer, Staff, System, VisitorScope
from persx.testing.events import NOW
from persx.testing.identities import FOLD, call, login, visit
from persx.testing.scope_graphs import GraphContract
from persx.testing.storage import Opener, see

SECRET: Final = "secret of the victim"
VICTIM, PHONE, OWN = user_key("victim"), anonymous_key("phone"), anonymous_key("mallory")
KIOSK, ACCOUNT = anonymous_key("kiosk"), account_key("acme")

NAMES: Final = (
    "victim", "phone", "kiosk", "", "%", "_", "*", "?", "vic%", "p_one", "phone2", "phon", "PHONE",
    "phone ", " phone", "phone\x00", "\x00phone", "phone\ud800", "рhone", "phone\u200b", "ｐhone",
    "phone'", "phone' OR '1'='1", "phone') --", 'phone" OR 1=1', "phone/a:phone", "x/u:victim",
    "victim/a:mallory", "[a-z]*", "p.*", "..", "phone;", "phone\n", "p\u0068\u006fne\u0301",
)  # fmt: skip
"""Ids that attackers may call themselves, none of them theirs to call but as a new device."""

NASTY: Final = (
    "SELECT * FROM {table}",
    "SELECT * FROM {table} WHERE true OR 1 = 1",
    "SELECT * FROM (SELECT * FROM {table} UNION ALL SELECT * FROM {table})",
    'SELECT * FROM "hot {table}"',
    "SELECT * FROM main.{table}",
    'SELECT * FROM memory.main."hot {table}"',
    "SELECT * FROM sqlite.event",
    "SELECT * FROM event",
    "SELECT * FROM identity",
    "SELECT * FROM '{segment}'",
    'SELECT * FROM "{segment}"',
    "SELECT * FROM read_parquet('{segment}')",
    "SELECT * FROM parquet_scan('{segment}')",
    "SELECT * FROM parquet_metadata('{segment}')",
    "SELECT * FROM read_blob('{segment}')",
    "SELECT * FROM read_text('{database}')",
    "SELECT * FROM read_json('{home}/**')",
    "SELECT * FROM glob('{home}/**')",
    "SELECT * FROM sqlite_scan('{database}', 'event')",
    "SELECT * FROM query('FROM {table}')",
    "SELECT * FROM query_table('hot {table}')",
    "SELECT sql FROM duckdb_views()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM pragma_storage_info('{table}')",
    "SELECT * FROM pragma_database_list",
    "SELECT table_name, view_definition FROM information_schema.views",
    "SELECT sql FROM sqlite_master",
    "SELECT getenv('HOME')",
    "SELECT getvariable('mine')",
    "SELECT * FROM imported",
    "ATTACH '{database}' AS other (TYPE sqlite)",
    "COPY {table} TO '{home}/out.csv'",
    "COPY (SELECT 1) TO '{home}/out.csv'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET VARIABLE mine = 1",
    "RESET allowed_paths",
    "LOAD sqlite",
    "WITH {table} AS (SELECT * FROM {table}) SELECT * FROM {table}",
    "SELECT error({column}) FROM {table}",
    "SELECT * FROM {table} WHERE error({column}) IS NULL",
    "SELECT * FROM {table} WHERE cast({column} AS integer) = 1",
    "SELECT * FROM {table} WHERE {column}::DATE > '2020-01-01'",
    "SELECT json_extract({column}, '$[') FROM {table}",
    "SELECT count(*), max({column}), string_agg({column}, '') FROM {table}",
    "SELECT (SELECT string_agg({column}, '') FROM {table})",
    "SUMMARIZE {table}",
    "EXPLAIN ANALYZE SELECT * FROM {table}",
)
"""SQL that tries to see more than the scope; told apart from a bearer's own by `SECRET`."""


def line(number: int, identity: str) -> DecisionRecord:
    """Return a line of the decision log."""
    return DecisionRecord(
        id=f"d{number}",
        at=NOW + number,
        bucketing_id=identity,
        page="home",
        snapshot=1,
        body=msgspec.json.encode({"said": SECRET if identity != OWN else "mine"}).decode(),
    )


def secret(device: str | None, user: str | None = None, **fields: Any) -> Event:
    """Return an event whose every document holds the secret."""
    return call(
        EventType.TRACK,
        5,
        name=SECRET,
        anonymous_id=device,
        user_id=user,
        properties={"said": SECRET},
        context={"said": SECRET},
        **fields,
    )


async def plant(storage: Storage) -> None:
    """Keep a victim with a phone and an account, a shared device, claims on all, and Mallory."""
    await storage.stream.use_projector(FOLD)
    half: list[Event] = [
        visit("phone", 1),
        login("phone", "victim", 2),
        login("kiosk", "victim", 3),
        login("kiosk", "other", 4),
        call(EventType.GROUP, 5, user_id="victim", group_id="acme", traits={"plan": SECRET}),
        call(EventType.IDENTIFY, 6, user_id="victim", traits={"industry": SECRET}),
        secret("phone", "victim"),
    ]
    await storage.stream.append(half)
    await storage.store.log_decisions([line(1, VICTIM), line(2, PHONE), line(3, OWN)])
    await storage.warehouse.seal()
    claims = [
        visit("mallory", 1),
        call(EventType.IDENTIFY, 7, anonymous_id="mallory", user_id="victim", verified=False),
        call(EventType.IDENTIFY, 8, user_id="victim", verified=False),
        call(EventType.ALIAS, 8, anonymous_id="mallory", user_id="victim", verified=False,
             previous_id="phone"),
        call(EventType.GROUP, 9, anonymous_id="mallory", group_id="acme", verified=False),
        secret("phone"),
        secret(None, "victim"),
        secret("phone2"),
        *(visit(name, 10) for name in ("gone", "phone2", "phone/a:mallory")),
    ]  # fmt: skip
    rejected = RejectedEvent(received=NOW, reason="wrong", body=f'"{SECRET}"')
    await storage.stream.append(claims, [rejected])
    await storage.store.log_decisions([line(4, VICTIM), line(5, PHONE), line(6, OWN)])
    for identity in (VICTIM, PHONE, OWN, anonymous_key("phone2"), KIOSK):
        said = b"mine" if identity == OWN else SECRET.encode()
        await storage.store.set_value(f"quiz/{identity}", said)
    await storage.store.set_value("quiz/settings", b"about nobody")
    await storage.warehouse.remove(
        Erasure(identities=frozenset({anonymous_key("gone")}), at=NOW + 100)
    )


async def everything(
    storage: Storage, scope: VisitorScope, asked: Collection[IdentityKey]
) -> list[Any]:
    """Return whatever a scope's reader gives for all that can be asked of it."""
    reader: VisitorReader = storage.store.seen_by(scope)
    found: list[Any] = [
        await reader.all_states(),
        await reader.all_states("a:p", 2),
        await reader.edges(),
        await reader.edges(asked),
        await reader.cuts(),
        await reader.identities(),
        await reader.bucketing_ids(),
        await reader.decisions_of(asked, 100),
        await reader.values_of("quiz"),
        [await reader.decision(f"d{number}") for number in range(-1, 9)],
    ]
    for identity in asked:
        found += [
            await reader.states(identity),
            await reader.account(identity),
            await reader.value_of("quiz", identity),
            # What is asked for is no news to who asks for it.
            [key for key in await reader.linked(identity) if key != identity],
            [key for key in await reader.visitor(identity) if key != identity],
        ]
    return found


def named(found: object) -> str:
    """Return everything that somebody was given, as text."""
    return msgspec.json.encode(found, enc_hook=str).decode()


class ScopeContract(GraphContract):
    """Subclass it, and override `opener`."""

    def test_a_bearer_reads_their_own_and_staff_everyones(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            own = storage.store.seen_by(Bearer(PHONE, proven=True))
            assert [state.identity for state in await own.states(PHONE)] == [PHONE, VICTIM]
            assert [state.identity for state in await own.all_states()] == [PHONE, VICTIM]
            assert await own.visitor(PHONE) == [PHONE, VICTIM]
            assert await own.identities() == [PHONE, VICTIM]
            assert await own.bucketing_ids() == {VICTIM: PHONE}
            account = await own.account(VICTIM)
            assert account is not None
            assert account.identity == ACCOUNT
            assert [(edge.left, edge.right) for edge in await own.edges()] == [(PHONE, VICTIM)]
            assert await own.decision("d4") is not None
            lines = await own.decisions_of([PHONE, VICTIM, OWN], 9)
            assert [each.id for each in lines] == ["d5", "d4"]
            assert await own.values_of("quiz") == dict.fromkeys([PHONE, VICTIM], SECRET.encode())
            rows = storage.warehouse.seen_by(Bearer(PHONE, proven=True))
            assert (await rows.query("SELECT count(*) FROM events")).rows == [(8,)]
            found = await rows.query("SELECT id FROM decisions ORDER BY sequence")
            assert [id for (id,) in found.rows] == ["d1", "d2", "d4", "d5"]
            for id in ("d1", "d5"):
                assert await rows.decision(id) is not None
            for scope in (Staff("ann", "helping"), System("a test")):
                all_of_it = storage.store.seen_by(scope)
                assert {PHONE, VICTIM, OWN, ACCOUNT} <= set(await all_of_it.identities())
                assert set(await all_of_it.values_of("quiz")) > {PHONE, OWN}
                found = await storage.warehouse.seen_by(scope).query("SELECT id FROM decisions")
                assert len(found.rows) == 6
                decided = await storage.warehouse.seen_by(scope).decision("d1")
                assert decided == line(1, VICTIM)

        self.run(opener, scenario)

    def test_who_proved_nothing_reads_what_their_device_has_of_its_own(
        self, opener: Opener
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            alone = storage.store.seen_by(Bearer(PHONE))
            assert [state.identity for state in await alone.states(PHONE)] == [PHONE]
            assert await alone.states(VICTIM) == []
            assert await alone.account(PHONE) is None
            assert await alone.visitor(PHONE) == [PHONE]
            assert await alone.visitor(VICTIM) == []
            assert await alone.edges() == []
            for unproven in (VICTIM, claimed_key("victim"), email_key("v@x.io"), ACCOUNT):
                for found in await everything(storage, Bearer(unproven), [unproven, PHONE]):
                    assert not any(found or ()), (unproven, found)

        self.run(opener, scenario)

    @pytest.mark.parametrize("proven", [False, True])
    def test_nobody_gets_around_it_by_what_they_call_themselves(
        self, opener: Opener, proven: bool
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            keys = [VICTIM, PHONE, KIOSK, ACCOUNT, claimed_key("victim"), email_key("v@x.io")]
            asked = [OWN, *keys, *(IdentityKey(kind + name) for name in NAMES for kind in
                                   ("a:", "u:", "c:", "g:", "e:", "", "b:"))]  # fmt: skip
            for name in ("mallory", *NAMES):
                for scope in (
                    Bearer(IdentityKey(name), proven),
                    Bearer(anonymous_key(name), proven),
                    Bearer(claimed_key(name), proven=True),
                    Bearer(account_key(name), proven=True),
                ):
                    # These are the victim: to have proved that is to be them.
                    if scope.identity in (PHONE, KIOSK, VICTIM):
                        continue
                    found = named(await everything(storage, scope, asked))
                    assert SECRET not in found, scope
                    assert VICTIM not in found.replace(f"u:{name}", ""), scope
            reader = storage.store.seen_by(Bearer(OWN, proven))
            assert await reader.value_of("quiz", OWN) == b"mine"
            assert await reader.values_of("quiz") == {OWN: b"mine"}
            lines = await reader.decisions_of(asked, 100)
            assert [each.id for each in lines] == ["d6"]

        self.run(opener, scenario)

    def test_a_scope_that_was_true_once_is_worked_out_anew(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            reader = storage.store.seen_by(Bearer(PHONE, proven=True))
            rows = storage.warehouse.seen_by(Bearer(PHONE, proven=True))
            assert await reader.sees(VICTIM)
            assert await rows.decision("d1") is not None
            await storage.store.cut(Cut(PHONE, VICTIM, NOW))
            assert not await reader.sees(VICTIM)
            assert await reader.states(VICTIM) == []
            assert [state.identity for state in await reader.states(PHONE)] == [PHONE]
            assert await reader.account(PHONE) is None
            assert await reader.decision("d4") is None
            assert await rows.decision("d1") is None
            found = await rows.query("SELECT DISTINCT bucketing_id FROM decisions")
            assert found.rows == [(PHONE,)]
            assert list(await reader.values_of("quiz")) == [PHONE]
            await storage.store.mend(PHONE, VICTIM)
            assert await reader.sees(VICTIM)

        self.run(opener, scenario)

    def test_a_shared_device_reads_for_whom_it_speaks_and_nobody_else(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            reader = storage.store.seen_by(Bearer(KIOSK, proven=True))
            assert await reader.visitor(KIOSK) == [KIOSK, user_key("other")]
            assert await reader.states(VICTIM) == []
            assert SECRET.encode() not in [
                value for key, value in (await reader.values_of("quiz")).items() if key != KIOSK
            ]
            await storage.stream.append([login("kiosk", "victim", 50)])
            assert await reader.visitor(KIOSK) == [KIOSK, PHONE, VICTIM]
            assert await reader.states(user_key("other")) == []

        self.run(opener, scenario)

    @pytest.mark.parametrize("number", range(len(NASTY)))
    def test_no_sql_shows_others_rows(self, opener: Opener, tmp_path: Any, number: int) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            csv = tmp_path / "imported.csv"
            csv.write_text(f"a\n{SECRET}\n")
            await storage.warehouse.import_file("imported", str(csv))
            home = tmp_path / "home"
            segments = await storage.warehouse.segments()
            rows = storage.warehouse.seen_by(Bearer(OWN, proven=True))
            for table, column in (("events", "properties"), ("decisions", "body")):
                sql = NASTY[number].format(
                    table=table,
                    column=column,
                    segment=next(home / each.path for each in segments if each.table == table),
                    database=home / "persx.db",
                    home=home,
                )
                try:
                    found = named((await rows.query(f"/* {table} */ {sql}")).rows)
                except (BadInput, PersxError) as error:
                    found = str(error)
                assert SECRET not in found
                assert VICTIM not in found
            assert not list(tmp_path.rglob("out.csv"))

        self.run(opener, scenario)

    def test_what_holds_the_data_of_others_is_refused_to_bearers(
        self, opener: Opener, tmp_path: Any
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            bearer: Any = Bearer(PHONE, proven=True)
            nothing: Any = None
            unknown: Any = object()
            for scope in (bearer, unknown, nothing):
                with pytest.raises(Forbidden):
                    storage.stream.seen_by(scope)
                rows = storage.warehouse.seen_by(scope)
                with pytest.raises(Forbidden):
                    rows.scan_events()
                with pytest.raises(Forbidden):
                    await rows.write_file("SELECT * FROM events", str(tmp_path / "x"))
            for scope in (unknown, nothing):
                for answer in await everything(storage, scope, [PHONE]):
                    assert not answer or answer == [None] * 10
                found = await storage.warehouse.seen_by(scope).query("SELECT * FROM events")
                assert found.rows == []
                assert await storage.warehouse.seen_by(scope).decision("d1") is None
            assert not (tmp_path / "x").exists()

        self.run(opener, scenario)

    def test_a_value_about_a_visitor_is_read_through_a_scope_alone(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await plant(storage)
            for name in (f"quiz/{VICTIM}", VICTIM, f"a/b/{PHONE}", f"quiz/{OWN}/{VICTIM}"):
                with pytest.raises(Forbidden):
                    await storage.store.value(name)
            for prefix in ("quiz/", "quiz/u", "q", ""):
                assert SECRET.encode() not in (await storage.store.values(prefix)).values()
            assert list(await storage.store.values("quiz/")) == ["quiz/settings"]
            reader = see(storage.store)
            assert await reader.value_of("quiz", VICTIM) == SECRET.encode()
            for kind in ("", f"quiz/{OWN}", f"{OWN}"):
                with pytest.raises(Forbidden):
                    await reader.value_of(kind, VICTIM)
                with pytest.raises(Forbidden):
                    await reader.values_of(kind)
            # An id may look like another's value; it stays its own.
            odd = anonymous_key(f"x/{VICTIM}")
            await storage.store.set_value(f"quiz/{odd}", b"odd")
            for identity in (VICTIM, odd):
                mine = storage.store.seen_by(Bearer(identity, proven=True))
                assert (await mine.value_of("quiz", odd) == b"odd") is (identity == odd)

        self.run(opener, scenario)
