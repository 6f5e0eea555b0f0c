"""The contract of visitor scopes as a property: whatever the graph, whoever the bearer."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.model.event import Event, IdentityKey
from persx.model.visitor import Cut, Edge, EdgeKind
from persx.storage.backends import Storage
from persx.storage.joining import is_person, joined
from persx.storage.scope import Bearer
from persx.testing.events import NOW
from persx.testing.identities import FOLD, visit
from persx.testing.storage import Opener, StorageContract, see


class GraphContract(StorageContract):
    """The part of `ScopeContract` about graphs of identities."""

    def test_whatever_the_graph_a_bearer_sees_their_own_part_of_it(self, opener: Opener) -> None:
        ids = [f"a:{each}" for each in ("1", "2", "11", "3")]
        persons = [f"u:{each}" for each in ("1", "2", "11")] + ["e:1"]
        examples = itertools.count()

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.lists(
                st.tuples(
                    st.sampled_from(ids + persons),
                    st.sampled_from(persons),
                    st.booleans(),
                    st.integers(0, 9),
                ),
                max_size=12,
            ),
            st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(persons)), max_size=2),
            st.sampled_from(ids + persons),
            st.booleans(),
        )
        def holds(
            said: Sequence[tuple[str, str, bool, int]],
            cuts: Sequence[tuple[str, str]],
            bearer_name: str,
            proven: bool,
        ) -> None:
            # Examples share a home, so each has ids of its own.
            example = next(examples)

            def key(name: str) -> IdentityKey:
                return IdentityKey(f"{name[:2]}{example}.{name[2:]}")

            bearer, everybody = key(bearer_name), [key(name) for name in ids + persons]
            edges = [
                Edge(
                    min(key(one), key(other)),
                    max(key(one), key(other)),
                    EdgeKind.VERIFIED if verified else EdgeKind.CLAIMED,
                    NOW + at,
                    f"m{at}",
                    NOW + at,
                )
                for one, other, verified, at in said
                if one != other
            ]

            async def scenario(storage: Storage) -> None:
                await storage.stream.use_projector(_Edges(edges))
                await storage.stream.append([visit(f"{example}.1", 1)])
                for left, right in cuts:
                    await storage.store.cut(Cut(key(left), key(right), NOW))
                every = await see(storage.store).edges()
                cut = {(each.left, each.right) for each in await see(storage.store).cuts()}
                allowed = _allowed(every, cut, bearer, proven)
                reader = storage.store.seen_by(Bearer(bearer, proven))
                known = set(await reader.identities())
                for identity in everybody:
                    assert await reader.sees(identity) is (identity in allowed)
                    known.update(await reader.visitor(identity), await reader.linked(identity))
                for edge in await reader.edges():
                    known |= {edge.left, edge.right}
                assert known <= allowed

            self.run(opener, scenario)

        holds()


def _allowed(
    edges: Collection[Edge],
    cuts: Collection[tuple[IdentityKey, IdentityKey]],
    bearer: IdentityKey,
    proven: bool,
) -> set[IdentityKey]:
    """Return whom a bearer may read of, from the rule of joining alone."""
    if bearer.startswith("e:") or (is_person(bearer) and not proven):
        return set()
    if not proven:
        return {bearer}
    components, speaks_for = joined(edges, cuts)
    names = {components.get(bearer), components.get(speaks_for.get(bearer, bearer))} - {None}
    return {bearer} | {key for key, name in components.items() if name in names}


class _Edges:
    """A projector that says these edges, whatever the events are."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        self._edges = list({(edge.left, edge.right, edge.kind): edge for edge in edges}.values())

    def fold(self, events: Sequence[Event], known: Any = None) -> Any:
        projection = FOLD.fold(events, known)
        return msgspec.structs.replace(projection, edges=self._edges)

    def merge(self, left: Any, right: Any) -> Any:
        return FOLD.merge(left, right)
