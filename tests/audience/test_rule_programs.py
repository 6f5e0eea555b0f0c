"""Compiled rules agree with the interpreter on any tree and any profile, and never raise."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.audience.functions.matches import matches_glob
from persx.audience.interpret import interpret
from persx.audience.program import Branch, Program
from persx.audience.rules import check_rule
from persx.audience.schema import Schema
from persx.model.attribute import Attribute, ValueType
from persx.model.clock import DAY
from persx.model.errors import BadInput, NotFound

NOW = 1_790_000_000_000
TEXTS = ["s1", "s2", "customer.s3"]
NUMBERS = ["n1", "n2", "cart.n3"]
BOOLEANS = ["b1", "b2"]
TIMES = ["t1", "t2"]
LISTS = ["l1", "l2"]
ATTRIBUTES = {
    name: Attribute(name=name, type=type)
    for type, names in (
        (ValueType.STRING, TEXTS),
        (ValueType.NUMBER, NUMBERS),
        (ValueType.BOOLEAN, BOOLEANS),
        (ValueType.TIME, TIMES),
        (ValueType.STRINGS, LISTS),
    )
    for name in names
}
AUDIENCES = {
    "big": "n1 > 1 or n2 != 0",
    "named": 's1 == "a" and not in_audience("big")',
    "odd": 't1 < t2 or b1 or in_audience("named") or n1 * n2 != 4',
}
SCHEMA = Schema(ATTRIBUTES, AUDIENCES)
PROGRAM = Program(SCHEMA, AUDIENCES)

# -- random rules, as text, so that the parser takes part ---------------------------------------

words = st.sampled_from(["", "a", "b", "ab", "Ab", "/blog/a", "é", 'q"uo\\te', "'", "{a}", "%s"])
quoted = words.map(lambda word: '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"')
numerals = st.sampled_from(["0", "1", "2", "-1", "0.5", "-2.25", "1e3", "3", "1e15", "45"])
equal = st.sampled_from(["==", "!="])
ordered = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
inside = st.sampled_from(["in", "not in"])
text_read, boolean_read = st.sampled_from(TEXTS), st.sampled_from(BOOLEANS)
time_read, list_read = st.sampled_from(TIMES), st.sampled_from(LISTS)
text_value = st.one_of(text_read, text_read.map(lambda name: f"lower({name})"))
number_leaf = st.one_of(
    st.sampled_from(NUMBERS),
    numerals,
    time_read.map(lambda name: f"days_since({name})"),
    list_read.map(lambda name: f"size({name})"),
    st.just('count("Seen", "7d")'),
)
number_value = st.recursive(
    number_leaf,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, st.sampled_from(NUMBERS)).map(lambda p: f"({p[0]} / {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} / ({p[1]} + n1))"),
        inner.map(lambda value: f"-{value}"),
    ),
    max_leaves=4,
)
number_read = st.sampled_from(NUMBERS)


def _list_of(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(items, min_size=1, max_size=7).map(lambda found: f"[{', '.join(found)}]")


def _join(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


clause = st.one_of(
    _join(text_value, equal, quoted),
    _join(quoted, equal, text_read),
    _join(text_read, equal, text_value),
    _join(text_value, inside, _list_of(quoted)),
    _join(number_read, ordered, numerals),
    _join(number_value, ordered, number_read),
    _join(number_read, ordered, number_value),
    _join(numerals, ordered, number_read, ordered, number_value),
    _join(number_read, inside, _list_of(numerals)),
    _join(number_read, st.sampled_from("+-*"), numerals, inside, _list_of(numerals)),
    boolean_read,
    _join(boolean_read, equal, st.sampled_from(["True", "False"])),
    _join(st.sampled_from(["True", "False"]), equal, boolean_read),
    _join(boolean_read, equal, boolean_read),
    _join(time_read, ordered, time_read),
    _join(quoted, inside, list_read),
    _join(text_value, inside, list_read),
    st.sampled_from(["True", "False", 'in_audience("odd")', 'in_audience("named")']),
    st.sampled_from([f"known({name})" for name in ATTRIBUTES]),
    st.tuples(
        st.sampled_from(["contains", "starts_with", "ends_with", "matches"]), text_value, quoted
    ).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
    st.tuples(list_read, quoted).map(lambda p: f"contains({p[0]}, {p[1]})"),
    st.tuples(text_read, st.sampled_from(["*", "a*", "*b", "*a*", "a*b", "**", "/*/*"])).map(
        lambda p: f'matches({p[0]}, "{p[1]}")'
    ),
)
rule_text = st.recursive(
    clause,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda p: "(" + " and ".join(p) + ")"),
        st.lists(inner, min_size=2, max_size=4).map(lambda p: "(" + " or ".join(p) + ")"),
        inner.map(lambda rule: f"not ({rule})"),
    ),
    max_leaves=10,
)

# -- random profiles, with missing values and values of every wrong type ------------------------

HUGE = 10**400
numbers = st.one_of(
    st.sampled_from([0, 1, 2, -1, 0.5, 3, 45, 1e308, HUGE, -HUGE, math.inf, -math.inf, math.nan]),
    st.integers(-5, 5),
)
times = st.one_of(st.integers(NOW - 60 * DAY, NOW + DAY), st.sampled_from([0, HUGE, NOW * 1.0]))
strings = st.lists(st.one_of(words, st.none(), st.integers(0, 2)), max_size=3)
right = {
    ValueType.STRING: words,
    ValueType.NUMBER: numbers,
    ValueType.BOOLEAN: st.booleans(),
    ValueType.TIME: times,
    ValueType.STRINGS: st.one_of(strings, strings.map(tuple)),
}
anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), numbers, words, strings, st.just({}), st.just({"a": 1}), st.just(b"a")
)


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, Any]:
    profile: dict[str, Any] = {}
    names = [*ATTRIBUTES, 'count("Seen", "7d")']
    for name in names:
        kind = ATTRIBUTES[name].type if name in ATTRIBUTES else ValueType.NUMBER
        fate = draw(st.integers(0, 9))
        if fate < 7:
            profile[name] = draw(right[kind])
        elif fate < 9:
            profile[name] = draw(anything)
    return profile


def oracle(text: str, profile: dict[str, Any]) -> bool:
    rule, faults = check_rule(text, SCHEMA)
    assert rule is not None, (text, [str(fault) for fault in faults])
    return interpret(rule.tree, profile, NOW, lambda name: oracle(AUDIENCES[name], profile))


@settings(max_examples=500, deadline=None)
@given(rule_text, st.lists(profiles(), min_size=1, max_size=4))
def test_compiled_rules_agree_with_the_interpreter(text: str, seen: list[dict[str, Any]]) -> None:
    predicate = PROGRAM.predicate(text)
    for profile in seen:
        found = predicate(profile, NOW, {})
        assert found is oracle(text, profile), (text, profile)


edges = st.sampled_from([None, NOW - 1, NOW, NOW + 1])
branch_lists = st.lists(
    st.tuples(st.one_of(rule_text, st.just("")), edges, edges),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(branch_lists, st.lists(profiles(), min_size=1, max_size=3))
def test_choosers_take_the_first_open_branch_that_is_true(
    given_branches: list[tuple[str, int | None, int | None]], seen: list[dict[str, Any]]
) -> None:
    branches = [Branch(*parts) for parts in given_branches]
    chooser = PROGRAM.chooser(branches)
    for profile in seen:
        expected = -1
        for index, (when, start, end) in enumerate(branches):
            if (start is not None and start > NOW) or (end is not None and end <= NOW):
                continue
            if oracle(when, profile):
                expected = index
                break
        assert chooser(profile, NOW, {}) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(branch_lists, max_size=5), st.lists(profiles(), min_size=1, max_size=3))
def test_a_page_is_chosen_as_each_of_its_blocks_alone(
    given_blocks: list[list[tuple[str, int | None, int | None]]], seen: list[dict[str, Any]]
) -> None:
    blocks = [[Branch(*parts) for parts in branches] for branches in given_blocks]
    together = PROGRAM.page_chooser(blocks)
    alone = [PROGRAM.chooser(branches) for branches in blocks]
    for profile in seen:
        expected = tuple(chooser(profile, NOW, {}) for chooser in alone)
        assert together(profile, NOW, {}) == expected


class FastOnly(Program):
    """A program that has no interpreter to fall back to."""

    def _interpret(self, *arguments: Any) -> bool:
        raise AssertionError("generated code raised")


@settings(max_examples=200, deadline=None)
@given(rule_text)
def test_a_visitor_of_whom_nothing_is_known_takes_the_fast_way(text: str) -> None:
    """Missing values are answered by the generated code itself, not by falling back."""
    found = FastOnly(SCHEMA, AUDIENCES).predicate(text)({}, NOW, {})
    assert found is oracle(text, {})


def test_what_one_block_did_not_reach_is_not_certain_for_the_next() -> None:
    page = FastOnly(SCHEMA, AUDIENCES).page_chooser(
        [
            [Branch('s1 == "a"'), Branch('n1 > 3 and s1 == "b"')],
            [Branch("n1 > 3", NOW + 1), Branch("n1 > 3")],
            [],
            [Branch("n1 > 5"), Branch("")],
        ]
    )
    assert page({"s1": "a", "n1": 4}, NOW, {}) == (0, 1, -1, 1)
    assert page({"s1": "b", "n1": 6}, NOW + 1, {}) == (1, 0, -1, 0)
    assert page({}, NOW, {}) == (-1, -1, -1, 1)


def test_a_closed_branch_leaves_the_next_ones_right_and_fast() -> None:
    chooser = FastOnly(SCHEMA, AUDIENCES).chooser(
        [
            Branch('s1 == "a" or n1 > 3', NOW + 1),
            Branch('s1 == "b"'),
            Branch("n1 > 3", None, NOW + 1),
        ]
    )
    assert chooser({"s1": "b"}, NOW, {}) == 1
    assert chooser({"s1": "a", "n1": 4}, NOW, {}) == 2
    assert chooser({"s1": "a", "n1": 4}, NOW + 1, {}) == 0


# -- the promises about missing values, one by one ----------------------------------------------


@pytest.mark.parametrize(
    "clause",
    [
        's1 == "a"',
        's1 != "a"',
        's1 in ["a"]',
        's1 not in ["a"]',
        "s1 == s2",
        "n1 < 3",
        "n1 >= 3",
        "n1 != 3",
        "n1 not in [3]",
        "n1 + 1 != 3",
        "1 / n1 != 3",
        "n2 / (n1 - 1) != 3",
        "b1",
        "b1 == False",
        "b1 != True",
        "t1 < t2",
        "t1 != t2",
        "days_since(t1) > -1e9",
        '"x" in l1',
        '"x" not in l1',
        "size(l1) >= 0",
        'contains(s1, "")',
        'starts_with(s1, "")',
        'matches(s1, "*")',
        "known(s1)",
        "known(n1)",
        "known(l1)",
    ],
)
def test_missing_values_compare_false_and_their_negation_true(clause: str) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        dict.fromkeys(ATTRIBUTES),
        {name: {"a": 1} for name in ATTRIBUTES},
        {"s1": 3, "s2": 3, "n1": "3", "n2": 1, "b1": 1, "t1": "x", "t2": True, "l1": "xyz"},
        dict.fromkeys(ATTRIBUTES, math.nan),
        {"s1": ["a"], "n1": True, "n2": 5, "b1": "True", "t1": math.nan, "t2": 1, "l1": {"x": 1}},
    ]
    for profile in wrong:
        assert PROGRAM.predicate(clause)(profile, NOW, {}) is False, profile
        assert PROGRAM.predicate(f"not ({clause})")(profile, NOW, {}) is True, profile
        assert oracle(clause, profile) is False
        assert oracle(f"not ({clause})", profile) is True


def test_empty_values_are_known() -> None:
    profile: dict[str, Any] = {"s1": "", "l1": [], "n1": 0, "b1": False}
    rule = 'known(s1) and known(l1) and known(n1) and known(b1) and "x" not in l1 and s1 != "a"'
    assert PROGRAM.predicate(rule)(profile, NOW, {}) is True


def test_true_is_not_one_and_zero_is_not_false() -> None:
    assert PROGRAM.predicate("n1 == 1 or n1 in [1, 2] or n1 > 0")({"n1": True}, NOW, {}) is False
    assert PROGRAM.predicate("b1 or b1 == True or not b1 == False and b1")({"b1": 1}, NOW, {}) is (
        False
    )


def test_division_by_zero_and_numbers_without_end_are_missing() -> None:
    for profile in ({"n1": 0, "n2": 1}, {"n1": 0.0, "n2": 1}, {"n1": 0.5, "n2": HUGE}):
        assert PROGRAM.predicate("n2 / n1 != 7")(profile, NOW, {}) is False
    fast = FastOnly(SCHEMA, AUDIENCES)
    for rule in ("n2 / n1 != 7", "n2 / (n1 + 0) != 7", "1 / (n2 / n1) != 7"):
        assert fast.predicate(rule)({"n1": 0, "n2": 1}, NOW, {}) is False
    infinite: dict[str, Any] = {"n1": math.inf}
    assert PROGRAM.predicate("n1 - n1 != 7")(infinite, NOW, {}) is False


# -- audiences ----------------------------------------------------------------------------------


def test_audiences_are_asked_lazily_and_once() -> None:
    asked: list[str] = []

    class Watched(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.append(name)
            return super().get(name, default)

    # A rule that is cheaper to ask again than to remember is not remembered.
    long = " and ".join(f"n1 > {number}" for number in range(5))
    program = Program(SCHEMA, {**AUDIENCES, "big": long})
    memo: dict[str, bool] = {}
    profile = Watched(n1=5)
    rule = program.predicate('in_audience("big") and in_audience("big") or in_audience("odd")')
    assert rule(profile, NOW, memo) is True
    assert rule(profile, NOW, memo) is True
    assert asked == ["n1"]
    assert memo == {"big": True}
    assert program.in_audience("big", {}, NOW, memo) is True
    with pytest.raises(NotFound, match="Did you mean 'big'"):
        program.in_audience("bigg", {}, NOW, memo)


def test_small_audiences_are_part_of_the_rule() -> None:
    program = Program(SCHEMA, {**AUDIENCES, "big": "n1 > 3 or s1 == 'a'"})
    rule = program.predicate('not (in_audience("big") and not in_audience("big"))')
    other = program.predicate('in_audience("big") and n2 == 1')
    for profile in ({}, {"n1": 5}, {"s1": "a", "n2": 1}, {"n1": "5", "n2": 1}):
        memo: dict[str, bool] = {}
        assert rule(dict(profile), NOW, memo) is True
        wanted = profile.get("s1") == "a" and profile.get("n2") == 1
        assert other(dict(profile), NOW, memo) is wanted
        assert memo == {}


def test_reads_are_transitive() -> None:
    assert PROGRAM.reads('in_audience("odd") and s2 == "a"') == {"t1", "t2", "b1", "n1", "n2"} | {
        "s1",
        "s2",
    }
    assert PROGRAM.reads("") == frozenset()


@pytest.mark.parametrize(
    ("audiences", "part"),
    [
        ({"a": "n1 >"}, "of audience 'a' is faulty: column 5"),
        ({"a": 'in_audience("b")', "b": 'in_audience("a")'}, "a → b → a"),
        ({"a": 'in_audience("a")'}, "a → a"),
        (
            {"a0": "b1"} | {f"a{n}": f'in_audience("a{n - 1}")' for n in range(1, 40)},
            "more than 32 others",
        ),
    ],
)
def test_impossible_audiences_are_refused(audiences: dict[str, str], part: str) -> None:
    with pytest.raises(BadInput) as caught:
        Program(Schema(ATTRIBUTES, audiences), audiences)
    assert part in str(caught.value)


def test_faulty_rules_are_refused() -> None:
    with pytest.raises(BadInput, match="Unknown attribute 'nobody'"):
        PROGRAM.predicate("nobody == 1")
    with pytest.raises(BadInput, match="Write == to compare"):
        PROGRAM.chooser([Branch("b1"), Branch("n1 = 2")])


def test_hostile_names_and_texts_stay_texts() -> None:
    evil = "x') or __import__('os').abort() or ('"
    audiences = {evil: "b1", "new\nline": "b2"}
    schema = Schema(ATTRIBUTES, audiences)
    program = Program(schema, audiences)
    quoted_evil = evil.replace("'", "\\'")
    rule = f"in_audience('{quoted_evil}') or s1 == '{quoted_evil}' or matches(s1, '*{quoted_evil}')"
    assert program.predicate(rule)({}, NOW, {}) is False
    assert program.predicate(rule)({"s1": evil}, NOW, {}) is True
    assert program.predicate(rule)({"b1": True}, NOW, {}) is True
    count = f'count("{evil}", "1d") > 0'
    assert program.predicate(count)({f'count("{evil}", "1d")': 2}, NOW, {}) is True


def test_the_deepest_rule_that_is_allowed_compiles() -> None:
    deep = "not (" * 15 + "n1 + 1 > 3 and s1 != 'a'" + ")" * 15
    assert PROGRAM.predicate(deep)({"n1": 5, "s1": "b"}, NOW, {}) is False
    flat = " or ".join(f"n1 == {index}" for index in range(230))
    assert PROGRAM.predicate(flat)({"n1": 229}, NOW, {}) is True


def test_one_program_serves_several_threads() -> None:
    chooser = PROGRAM.chooser([Branch(f'in_audience("odd") and n1 == {n}') for n in range(10)])
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(500):
            if chooser({"n1": number, "b1": True}, NOW, {}) != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -- globs --------------------------------------------------------------------------------------


def _slow_glob(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_slow_glob(text[index:], pattern[1:]) for index in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and _slow_glob(text[1:], pattern[1:])


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab?", max_size=8), st.text(alphabet="ab*?", max_size=6))
def test_globs_match_as_the_definition_says(text: str, pattern: str) -> None:
    expected = _slow_glob(text, pattern)
    assert matches_glob(text, pattern) is expected
    rule = f'matches(s1, "{pattern}")'
    assert PROGRAM.predicate(rule)({"s1": text}, NOW, {}) is expected


def test_no_pattern_is_slow() -> None:
    text, pattern = "a" * 30_000, "*a" * 1_500 + "b*"
    assert not matches_glob(text, pattern)
    assert matches_glob(text + "b", pattern)
