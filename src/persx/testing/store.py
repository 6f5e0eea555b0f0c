"""The contract of a store: profiles, drafts, snapshots, values, leases, the decision log."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput, Conflict, NotFound
from persx.model.event import IdentityKey, anonymous_key, user_key
from persx.model.visitor import EdgeKind, IdentityState
from persx.model.workspace import Block, Settings, Snapshot, Variant, Workspace
from persx.storage.backends import Storage
from persx.storage.ports import DraftFile
from persx.testing.events import HOSTILE, NOW, CountingProjector, comparable, make_event
from persx.testing.storage import Opener, StorageContract, see


def draft(path: str, text: str) -> DraftFile:
    """Return a workspace file."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return DraftFile(path=path, text=text, digest=digest, changed=NOW, author="ada")


def snapshot(name: str) -> Snapshot:
    """Return a publication of a small workspace."""
    variant = Variant(name="saas", when="customer.industry == 'SaaS'", content={"headline": name})
    block = Block(name="hero", type="hero", content={"headline": "Hello"}, variants=(variant,))
    return Snapshot(
        number=0,
        digest=hashlib.sha256(name.encode()).hexdigest(),
        published=NOW,
        author="ada",
        message=f"say {name}",
        workspace=Workspace(settings=Settings(name=name), blocks={"hero": block}),
    )


def record(number: int) -> DecisionRecord:
    """Return a line of the decision log."""
    return DecisionRecord(
        id=f"d{number}",
        at=NOW + number,
        bucketing_id=f"a:visitor-{number}",
        page="home",
        snapshot=1,
        body='{"blocks": {}}',
    )


class StoreContract(StorageContract):
    """Subclass it, and override `opener`."""

    def test_verified_edges_join_states_and_claimed_ones_do_not(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append(
                [
                    make_event(5, anonymous_id="phone"),
                    make_event(3, anonymous_id="laptop"),
                    make_event(4, anonymous_id="stranger"),
                    make_event(9, anonymous_id="phone", user_id="ada", verified=True),
                    make_event(10, anonymous_id="laptop", user_id="ada", verified=True),
                    make_event(11, anonymous_id="stranger", user_id="ada"),
                ]
            )
            laptop, phone, ada = anonymous_key("laptop"), anonymous_key("phone"), user_key("ada")
            for identity in (laptop, phone, ada):
                states = await see(storage.store).states(identity)
                assert [state.identity for state in states] == [laptop, phone, ada]
            stranger = await see(storage.store).states(anonymous_key("stranger"))
            assert [state.identity for state in stranger] == [anonymous_key("stranger")]
            assert await see(storage.store).states(anonymous_key("nobody")) == []
            assert await see(storage.store).bucketing_ids() == {
                phone: laptop,
                ada: laptop,
            }
            edges = await see(storage.store).edges()
            assert [(edge.left, edge.kind) for edge in edges] == [
                (laptop, EdgeKind.VERIFIED),
                (phone, EdgeKind.VERIFIED),
                (anonymous_key("stranger"), EdgeKind.CLAIMED),
            ]

        self.run(opener, scenario)

    def test_of_a_repeated_edge_the_earliest_is_kept(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            for number in (5, 2, 9):
                await storage.stream.append(
                    [make_event(number, anonymous_id="a", user_id="u", verified=True)]
                )
            (edge,) = await see(storage.store).edges()
            assert (edge.at, edge.message_id) == (NOW + 2, "message-2")

        self.run(opener, scenario)

    def test_states_that_were_given_out_stay_as_they_were(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append([make_event(1)])
            (state,) = await see(storage.store).states(anonymous_key("visitor-1"))
            await storage.stream.append([make_event(11)])
            (later,) = await see(storage.store).states(anonymous_key("visitor-1"))
            assert state.computed == {"Product Viewed": 1}
            assert later.computed == {"Product Viewed": 2}

        self.run(opener, scenario)

    def test_merge_states_moves_the_position_with_the_states(self, opener: Opener) -> None:
        projector = CountingProjector()
        added = list(projector.fold([make_event(number) for number in range(25)]).states.values())

        async def scenario(storage: Storage) -> None:
            await storage.stream.use_projector(projector)
            await storage.stream.append([make_event(1)])
            await storage.store.merge_states("backfill/1", 25, added, projector)
            assert await storage.store.value("backfill/1") == b"25"
            await storage.store.merge_states("backfill/1", 26, added[:1] * 2, projector)
            (state,) = await see(storage.store).states(anonymous_key("visitor-1"))
            assert state.events == 4
            (first,) = await see(storage.store).states(added[0].identity)
            assert first.events == added[0].events * 3

        self.run(opener, scenario)

    def test_a_failing_merge_changes_nothing(self, opener: Opener) -> None:
        class Failing(CountingProjector):
            def merge(self, left: IdentityState, right: IdentityState) -> IdentityState:
                raise ZeroDivisionError("a fold's bug")

        state = IdentityState(identity=IdentityKey("a:x"), events=1)

        async def scenario(storage: Storage) -> None:
            await storage.store.merge_states("p", 1, [state], CountingProjector())
            with pytest.raises(ZeroDivisionError):
                await storage.store.merge_states("p", 2, [state], Failing())
            assert await storage.store.value("p") == b"1"
            (kept,) = await see(storage.store).states(IdentityKey("a:x"))
            assert comparable(kept) == comparable(state)

        self.run(opener, scenario)

    def test_drafts_are_saved_and_removed(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            one, two = draft("blocks/hero.yaml", "type: hero"), draft("settings.yaml", "name: ü 🏃")
            await storage.store.save_drafts([two, one], [], {})
            assert await storage.store.drafts() == {one.path: one, two.path: two}
            assert list(await storage.store.drafts()) == [one.path, two.path]
            new = draft(one.path, "type: cta")
            await storage.store.save_drafts(
                [new], [two.path], {one.path: one.digest, two.path: two.digest}
            )
            assert await storage.store.drafts() == {one.path: new}

        self.run(opener, scenario)

    def test_diverged_drafts_are_refused_and_all_named(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            files = [draft(f"{name}.yaml", name) for name in "abc"]
            await storage.store.save_drafts(files, [], {})
            base = {"a.yaml": files[0].digest, "b.yaml": "old", "c.yaml": "older", "d.yaml": ""}
            with pytest.raises(Conflict) as caught:
                await storage.store.save_drafts(
                    [draft("a.yaml", "x"), draft("b.yaml", "x"), draft("d.yaml", "x")],
                    ["c.yaml"],
                    base,
                )
            assert "b.yaml" in str(caught.value)
            assert "c.yaml" in str(caught.value)
            assert "a.yaml" not in str(caught.value)
            assert await storage.store.drafts() == {file.path: file for file in files}
            with pytest.raises(Conflict):
                await storage.store.save_drafts([draft("a.yaml", "y")], [], {})

        self.run(opener, scenario)

    def test_of_two_editors_one_is_refused(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            outcomes = await asyncio.gather(
                *(storage.store.save_drafts([draft("a.yaml", text)], [], {}) for text in "xyz"),
                return_exceptions=True,
            )
            assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 2
            (kept,) = (await storage.store.drafts()).values()
            assert kept.text == "xyz"[outcomes.index(None)]

        self.run(opener, scenario)

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["NUL", "surrogate"])
    def test_drafts_that_are_no_text_are_refused(self, opener: Opener, text: str) -> None:
        async def scenario(storage: Storage) -> None:
            for file in (draft("a.yaml", text), draft(text, "a")):
                with pytest.raises(BadInput):
                    await storage.store.save_drafts([draft("good.yaml", "a"), file], [], {})
            assert await storage.store.drafts() == {}

        self.run(opener, scenario)

    def test_publishing_numbers_and_activates(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            assert await storage.store.active_number() == 0
            assert await storage.store.snapshot() is None
            assert await storage.store.publish(snapshot("one")) == 1
            assert await storage.store.publish(snapshot("two")) == 2
            assert await storage.store.active_number() == 2
            active = await storage.store.snapshot()
            assert active is not None
            assert (active.number, active.workspace) == (2, snapshot("two").workspace)
            await storage.store.activate(1)
            assert await storage.store.active_number() == 1
            heads = await storage.store.snapshots()
            assert [(head.number, head.active) for head in heads] == [(2, False), (1, True)]
            assert heads[0].message == "say two"
            assert await storage.store.publish(snapshot("three")) == 3
            with pytest.raises(NotFound):
                await storage.store.activate(9)
            assert await storage.store.active_number() == 3
            assert await storage.store.snapshot(9) is None

        self.run(opener, scenario)

        async def later(storage: Storage) -> None:
            first = await storage.store.snapshot(1)
            assert first is not None
            assert first.workspace == snapshot("one").workspace
            assert await storage.store.active_number() == 3

        self.reopened(opener, later)

    def test_values_by_name_and_prefix(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            names = ["a", "a/1", "a/2", "a/é", "a/\U0010ffff", "b", "a%", "a_"]
            for name in names:
                await storage.store.set_value(name, name.encode())
            assert await storage.store.value("a/1") == b"a/1"
            assert await storage.store.value("missing") is None
            assert list(await storage.store.values("a/")) == ["a/1", "a/2", "a/é", "a/\U0010ffff"]
            assert list(await storage.store.values("")) == sorted(names)
            await storage.store.set_value("a/1", None)
            await storage.store.set_value("a/2", b"\x00\xff")
            assert await storage.store.values("a/1") == {}
            assert await storage.store.value("a/2") == b"\x00\xff"

        self.run(opener, scenario)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_names_of_values_and_leases(self, opener: Opener, text: str) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.store.set_value(text, b"1")
            assert await storage.store.value(text) == b"1"
            assert list((await storage.store.values(text)).values()) == [b"1"]
            assert await storage.store.lease(text, text, NOW + 10, NOW)
            assert not await storage.store.lease(text, "other", NOW + 10, NOW)
            line = DecisionRecord(
                id=text, at=1, bucketing_id=text, page=text, snapshot=1, body=text
            )
            await storage.store.log_decisions([line, record(1)])
            assert await see(storage.store).decision(text) is not None
            assert await see(storage.store).decision("d1") == record(1)

        self.run(opener, scenario)

    def test_leases(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            lease = storage.store.lease
            assert await lease("seal", "a", NOW + 10, NOW)
            assert await lease("seal", "a", NOW + 20, NOW + 5), "the holder prolongs"
            assert not await lease("seal", "b", NOW + 30, NOW + 15)
            assert await lease("train", "b", NOW + 30, NOW + 15), "another lease"
            assert await lease("seal", "b", NOW + 30, NOW + 20), "it has run out"
            assert not await lease("seal", "a", NOW + 40, NOW + 21)
            assert await lease("seal", "b", 0, NOW + 22), "given back"
            assert await lease("seal", "a", NOW + 40, NOW + 23)
            taken = await asyncio.gather(
                *(lease("one", str(holder), NOW + 10, NOW) for holder in range(8))
            )
            assert sum(taken) == 1

        self.run(opener, scenario)

    def test_the_decision_log(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.store.log_decisions([])
            await storage.store.log_decisions([record(number) for number in range(300)])
            await storage.store.log_decisions([record(299), record(300)])
            assert await see(storage.store).decision("d7") == record(7)
            assert await see(storage.store).decision("d300") == record(300)
            assert await see(storage.store).decision("nothing") is None
            rows = await see(storage.warehouse).query(
                "SELECT count(*), max(sequence) FROM decisions"
            )
            assert rows.rows[0][0] == 301, "a line that is written again counts once"

        self.run(opener, scenario)

    def test_the_newest_decisions_of_a_visitor(self, opener: Opener) -> None:
        def line(number: int, visitor: str) -> DecisionRecord:
            return DecisionRecord(
                id=f"e{number:04}", at=number, bucketing_id=visitor, page="p", snapshot=1,
                body='{"bucketing_id":"a:ann"}',
            )  # fmt: skip

        async def scenario(storage: Storage) -> None:
            store = storage.store
            for start in range(0, 60, 20):
                await store.log_decisions(
                    [line(n, ("a:ann", "u:bob", "a:an")[n % 3]) for n in range(start, start + 20)]
                )

            async def newest(visitors: list[str], limit: int) -> list[str]:
                return [each.id for each in await see(store).decisions_of(visitors, limit)]

            assert await newest(["a:ann"], 3) == ["e0057", "e0054", "e0051"]
            assert await newest(["a:ann", "u:bob"], 4) == ["e0058", "e0057", "e0055", "e0054"]
            assert len(await newest(["a:an"], 100)) == 20, "no other id that begins alike"
            assert await newest([f"a:{n}" for n in range(2_000)] + ["u:bob"], 1) == ["e0058"]
            assert await newest(["a:nobody"], 5) == []
            assert await newest([], 5) == []
            assert await newest(["a:ann"], 0) == []
            await storage.warehouse.seal(keep=5)
            assert await newest(["a:ann"], 100) == ["e0057"], "what is sealed is not hot"

        self.run(opener, scenario)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_the_decisions_of_hostile_ids(self, opener: Opener, text: str) -> None:
        async def scenario(storage: Storage) -> None:
            lines = [
                DecisionRecord(id=name, at=1, bucketing_id=id, page="", snapshot=1, body=text)
                for name, id in (("f1", text), ("f2", "other"))
            ]
            await storage.store.log_decisions(lines)
            assert [each.id for each in await see(storage.store).decisions_of([text], 9)] == ["f1"]

        self.run(opener, scenario)

    def test_closing_twice_and_late_writes(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            waiting = [
                asyncio.ensure_future(storage.store.set_value(str(number), b"x"))
                for number in range(50)
            ]
            await asyncio.sleep(0)
            await storage.store.close()
            await asyncio.gather(*waiting)
            await storage.store.close()

        self.run(opener, scenario)

        async def later(storage: Storage) -> None:
            assert len(await storage.store.values("")) == 50

        self.reopened(opener, later)
