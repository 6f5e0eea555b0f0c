"""Rules are refused with the place, the value and what to do; nothing else ever happens."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from persx.audience.functions import FUNCTIONS
from persx.audience.rules import CheckedRule, check_rule
from persx.audience.scan import MAX_LENGTH
from persx.audience.schema import (
    EventCount,
    Schema,
    attribute_name_problem,
    contextual_attributes,
    event_count_attribute,
    resolve_values,
)
from persx.audience.tree import And, Compare, Literal, Read
from persx.model.attribute import Attribute, Source, ValueType

INDUSTRIES = ("eCommerce", "Healthcare", "SaaS", "Financial Services", "Education")
SCHEMA = Schema(
    {
        attribute.name: attribute
        for attribute in (
            Attribute(name="industry", values=INDUSTRIES),
            Attribute(name="customer.plan"),
            Attribute(name="customer.last_order", type=ValueType.TIME),
            Attribute(name="customer.signed_up", type=ValueType.TIME),
            Attribute(name="cart.value", type=ValueType.NUMBER),
            Attribute(name="sessions", type=ValueType.NUMBER),
            Attribute(name="returning_visitor", type=ValueType.BOOLEAN),
            Attribute(name="tools", type=ValueType.STRINGS, values=("Shopify", "Epic")),
            Attribute(name="goals", type=ValueType.STRINGS),
            Attribute(name="visited_pages", type=ValueType.STRINGS),
            Attribute(name="größe", type=ValueType.NUMBER),
        )
    },
    {"loyal_customers", "readers"},
)


def checked(text: str) -> CheckedRule:
    rule, faults = check_rule(text, SCHEMA)
    assert rule is not None, [str(fault) for fault in faults]
    assert faults == []
    return rule


@pytest.mark.parametrize(
    "text",
    [
        'industry == "SaaS" and cart.value > 45',
        "18 <= sessions < 65",
        'industry in ("SaaS", "Education") or industry not in ["Healthcare"]',
        '"Shopify" in tools and "Epic" not in tools',
        "customer.plan in goals",
        "returning_visitor and not returning_visitor == False",
        "days_since(customer.last_order) > 45.5",
        "customer.last_order > customer.signed_up",
        "(cart.value + 2) * -3 / (sessions - 1) <= +7",
        'count("Order Completed", "30d") >= 2',
        'in_audience("readers")',
        'page.path == "/contact" and hour >= 9 and device != "phone"',
        'contains(tools, "Shopify") and contains(customer.plan, "ö\\"’\\\\")',
        "größe > 1 and größe < 3",
        "True",
        "",
        "  \n ",
        '\n  industry == "SaaS"\n  and sessions > 3\n',
        "sessions == -5 and sessions in [-1, 2.5, 1e3, 1_000]",
    ],
)
def test_good_rules_pass(text: str) -> None:
    checked(text)


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ('industri == "SaaS"', 1, "Did you mean 'industry'?"),
        ('industry == "Saas"', 13, "Did you mean 'SaaS'?"),
        ('industry in ["SaaS", "Helthcare"]', 22, "Did you mean 'Healthcare'?"),
        ('"SaaS" == industri', 11, "Did you mean 'industry'?"),
        ('"shopify" in tools', 1, "Did you mean 'Shopify'?"),
        ('contains(tools, "Shopfy")', 17, "Did you mean 'Shopify'?"),
        ('device == "mobile"', 11, "Known: desktop, phone, tablet."),
        ('in_audience("reader")', 13, "Did you mean 'readers'?"),
        ('start_with(customer.plan, "a")', 1, "Did you mean 'starts_with'?"),
        ('cart.value > "100"', 14, "Write it without quotes."),
        ("customer.plan == 3", 18, "Write the text in quotes."),
        ("customer.last_order > 3", 23, "days_since(customer.last_order)"),
        ("customer.last_order + 3 > 4", 1, "days_since(customer.last_order)"),
        ('returning_visitor == "yes"', 22, "Write True or False."),
        ("returning_visitor == true", 22, "Write True."),
        ("sessions > 1 AND sessions < 4", 14, "Write 'and' in small letters."),
        ("sessions = 1", 10, "Write == to compare."),
        ("cart.value > $100", 14, "Write the number alone"),
        ("sessions > 1 && sessions < 4", 14, "Write 'and'."),
        ("!returning_visitor", 1, "Write 'not'."),
        ("sessions <> 4", 10, "Write !="),
        ("cart.value > 1,000", 16, "without commas"),
        ("customer.plan == “pro”", 18, "straight quotes"),
        ("customer.plan is None", 15, "Write == to compare."),
        ("customer.plan", 1, "known(customer.plan)"),
        ('"plan" in customer.plan', 11, "contains(customer.plan,"),
        ("customer.plan > 'a'", 1, "compares numbers or times"),
        ("tools == goals", 1, '"text" in attribute'),
        ("1 < 2", 1, "Two fixed values"),
        ("cart.value / 0 > 1", 14, "divided by 0"),
        ("customer.plan in []", 18, "The list is empty"),
        ("customer.plan in [goals]", 19, "fixed values only"),
        ("known(3)", 7, "takes the name of an attribute"),
        ("known(industry) == False", 1, "Write it alone"),
        ("known()", 1, "Write known(attribute)"),
        ("known(attribute=industry)", 16, "Write == to compare."),
        ("matches(customer.plan, customer.plan)", 24, "as text in quotes"),
        ("in_audience(loyal)", 13, 'takes its audience as text in quotes. Write "loyal"'),
        ('count("Order Completed", "soon")', 26, "not a length of time"),
        ('count("", "3d")', 7, "no name"),
        ('customer.plan.upper() == "PRO"', 1, "Write the function first"),
        ("(sessions > 3", 1, "is not closed"),
        ("sessions > 3)", 13, "was not opened"),
        ("sessions > ", 11, "ends after"),
        ("sessions sessions", 10, "cannot be read"),
        ('customer.plan == "a', 18, "A text is not closed"),
        ('customer.plan == "a" "b"', 22, "side by side"),
        ("customer.plan == f'a'", 18, "directly before a text"),
        ("customer.plan == 'a\\n'", 18, "backslash"),
        ("customer.plan == 'a\x00'", 20, "character"),
        ("sessions > 1e300", 12, "greatest"),
        ("sessions > 007", 12, "zeros in front"),
        ("sessions # many", 10, "no comments"),
        ("größe > 1 and gröse > 1", 15, "Did you mean 'größe'?"),
        ("\n sessions > 'a'", 14, "Write it without quotes."),
        ("not " * 40 + "returning_visitor", 129, "nested more than 32"),
        ("(" * 40 + "returning_visitor" + ")" * 40, 33, "nested more than 32"),
        ("+".join(["sessions"] * 60) + " > 3", 1, "nested more than 32"),
        ("1 " * 1500, 2001, "more than 1,000 words"),
    ],
)
def test_faults_name_the_place_and_what_to_do(text: str, column: int, part: str) -> None:
    rule, faults = check_rule(text, SCHEMA)
    assert rule is None
    assert faults[0].column == column, [str(fault) for fault in faults]
    assert part in str(faults[0])


@pytest.mark.parametrize(
    "text",
    [
        "lambda: 1",
        "[sessions for sessions in tools]",
        "tools[0] == 'Epic'",
        "(x := 5) > 3",
        "sessions if returning_visitor else 3",
        "print(industry)",
        "__import__('os').system('true')",
        "industry.__class__.__mro__",
        "().__class__",
        "{1: 2}",
        "sessions ** 9 > 1",
        "sessions // 2 > 1",
        "sessions % 2 == 1",
        "~sessions == 1",
        "*tools",
        "known(*tools)",
        "yield",
        "await x",
        "...",
        "b'a' == industry",
        "1j == sessions",
        "`industry`",
        "returning_visitor == (sessions > 3)",
        "(sessions > 3) + 1 > 2",
        "None",
    ],
)
def test_nothing_else_of_python_passes(text: str) -> None:
    rule, faults = check_rule(text, SCHEMA)
    assert rule is None
    assert faults


def test_every_fault_is_found_at_once() -> None:
    _, faults = check_rule('industri == "a" or cart.value > "3" or foo(1) or device == "x"', SCHEMA)
    assert [fault.column for fault in faults] == [1, 33, 40, 60]


def test_a_rule_of_ten_thousand_clauses_gives_one_fault_at_once() -> None:
    text = " or ".join(f'customer.plan == "p{index}"' for index in range(10_000))
    started = time.perf_counter()
    rule, faults = check_rule(text, SCHEMA)
    assert time.perf_counter() - started < 0.05
    assert rule is None
    assert len(faults) == 1
    assert faults[0].column == MAX_LENGTH + 1
    assert "at most 4,000" in faults[0].message
    assert len(faults[0].value) <= 60


def test_what_a_rule_reads_is_told() -> None:
    rule = checked(
        'industry == "SaaS" and in_audience("readers") and count("Order Completed", "30d") > 1'
    )
    order_count = EventCount("Order Completed", "30d")
    assert rule.audiences == {"readers"}
    assert rule.counts == {order_count}
    assert rule.reads == {"industry", 'count("Order Completed", "30d")'}
    attribute = event_count_attribute(order_count)
    assert attribute.name in rule.reads
    assert attribute.source is Source.COMPUTED
    assert attribute.compute is not None
    assert attribute.compute.kind == "count"
    assert attribute.compute.options == {"within": "30d"}


def test_nodes_know_their_text() -> None:
    text = 'größe > 1 and industry == "SaaS"'
    tree = checked(text).tree
    assert isinstance(tree, And)
    clause = tree.parts[1]
    assert isinstance(clause, Compare)
    assert text[clause.start : clause.end] == 'industry == "SaaS"'
    assert isinstance(clause.left, Read)
    assert isinstance(clause.right, Literal)
    assert text[clause.right.start : clause.right.end] == '"SaaS"'


def test_every_function_has_an_example_that_passes() -> None:
    for function in FUNCTIONS:
        assert function.name in function.example
        assert function.doc.endswith(".")
        rule, faults = check_rule(function.example, SCHEMA)
        assert rule is not None, [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("customer.industry", True),
        ("größe", True),
        ("utm-source", False),
        ("customer.class", False),
        ("from", False),
        ("true", False),
        ("a..b", False),
        ("", False),
        ("ﬁt", False),
        ("1st", False),
    ],
)
def test_attribute_names_that_rules_can_write(name: str, good: bool) -> None:
    assert (attribute_name_problem(name) is None) is good
    if name:
        rule, _ = check_rule(f"known({name})", Schema({name: Attribute(name=name)}))
        assert (rule is not None) is good


def test_named_lists_of_values_are_resolved() -> None:
    declared = Attribute(name="persona", values="personas")
    resolved = resolve_values([declared], {"personas": ["A", "B"]})
    _, faults = check_rule('persona == "C"', Schema(resolved))
    assert "Known: A, B." in str(faults[0])
    built_in = contextual_attributes(personas=["A"])["persona"]
    assert built_in.values == ("A",)
    rule, _ = check_rule('persona == "C"', Schema({"persona": declared}))
    assert rule is not None


FRAGMENTS = st.sampled_from(
    [
        *("industry", "tools", "sessions", "customer.last_order", "returning_visitor", "nobody"),
        *("and", "or", "not", "in", "==", "!=", "<", ">=", "(", ")", "[", "]", ",", ".", "-", "+"),
        *('"SaaS"', "'Epic'", "3", "0.5", "True", "lambda", ":=", "=", "$", "\\", '"', "\x00"),
        *("known(", "count(", '"30d"', "in_audience(", "days_since(", "lower(", "*", "/", "if"),
        *("\n", "\ud800", "é", "²", "０", "\u2028", "#", "{", "}", "f'", "b'", "@", "`", ";"),
    ]
)
ANY_TEXT = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(codec=None), max_size=50),
    st.lists(FRAGMENTS, max_size=60).map(" ".join),
    st.lists(FRAGMENTS, max_size=60).map("".join),
    st.tuples(FRAGMENTS, st.integers(1, 5_000)).map(lambda pair: pair[0] * pair[1]),
)


@settings(max_examples=400, deadline=None)
@given(ANY_TEXT)
@example("(" * 3999)
@example("-" * 3999 + "1")
@example("not " * 999)
@example(" ".join(["not ("] * 500))
@example("a" * 4000)
@example('"' + "\\" * 3999)
@example(" and ".join(["unknwn_attribute.of_nobody"] * 120))
@example("sessions" + ".a" * 490)
@example("1" * 3999)
@example("sessions > 0" + " + sessions" * 330)
def test_any_text_gives_faults_or_a_rule_quickly(text: str) -> None:
    started = time.process_time()
    rule, faults = check_rule(text, SCHEMA)
    assert time.process_time() - started < 1.0
    assert (rule is None) == bool(faults)
    for fault in faults:
        assert fault.message
        assert 1 <= fault.column <= len(text) + 1
        assert str(fault).encode()


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_any_text_in_quotes_is_a_literal_and_nothing_else(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    rule, faults = check_rule(f'customer.plan == "{quoted}"', SCHEMA)
    if rule is None:
        assert faults
    else:
        assert isinstance(rule.tree, Compare)
        assert isinstance(rule.tree.right, Literal)
        assert rule.tree.right.value == text
