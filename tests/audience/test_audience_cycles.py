"""Circles of audiences are found, each once, and chains have an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from persx.audience.cycles import MAX_CHAIN, audience_cycles, long_chains


def test_circles_begin_with_their_first_audience() -> None:
    assert audience_cycles({}) == []
    assert audience_cycles({"a": {"b"}, "b": {"c", "gone"}, "c": set()}) == []
    assert audience_cycles({"a": {"a"}}) == [("a",)]
    assert audience_cycles({"x": {"a"}, "c": {"a"}, "a": {"b"}, "b": {"c"}}) == [("c", "a", "b")]
    assert audience_cycles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c", "a"}}) == [
        ("a", "b"),
        ("c", "d"),
    ]


def test_long_chains_are_named_and_cost_no_stack() -> None:
    chain = {f"a{n}": {f"a{n - 1}"} if n else set[str]() for n in range(5_000)}
    assert audience_cycles(chain) == []
    assert long_chains(chain)[0] == f"a{MAX_CHAIN}"
    assert long_chains({f"a{n}": {f"a{n - 1}"} for n in range(1, MAX_CHAIN)}) == []
    ring = {f"a{n}": {f"a{(n + 1) % 5_000}"} for n in range(5_000)}
    assert len(audience_cycles(ring)[0]) == 5_000
    assert len(long_chains(ring)) > 4_000


graphs = st.dictionaries(
    st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdefg"), max_size=3), max_size=6
)


@given(graphs)
def test_circles_are_real_and_none_is_overlooked(graph: dict[str, set[str]]) -> None:
    cycles = audience_cycles(graph)
    for cycle in cycles:
        for name, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert following in graph[name]
    # What is left without audiences that ask for nobody left is a graph with a circle.
    rest = dict(graph)
    while leaves := [name for name in rest if not graph[name] & rest.keys()]:
        for name in leaves:
            del rest[name]
    assert bool(rest) is bool(cycles)
    assert long_chains(graph) == []
