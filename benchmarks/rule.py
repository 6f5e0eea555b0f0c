"""One rule, compiled, beside a lambda written by hand and GrowthBook's condition evaluator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from growthbook.core import evalCondition

from benchmarks.measurement import Measurement, interleaved, time_calls
from persx.audience.program import Branch, Program
from persx.audience.schema import Schema
from persx.model.attribute import Attribute, Value, ValueType

RULE = 'customer.last_purchase_category == "Running Shoes" and days_since_purchase > 45'
CONDITION = {
    "customer.last_purchase_category": "Running Shoes",
    "days_since_purchase": {"$gt": 45},
}
CATEGORIES = ("Running Shoes", "Jackets", "Tents", "Bikes", "Skis")
SCHEMA = Schema(
    {
        "customer.last_purchase_category": Attribute(name="customer.last_purchase_category"),
        "days_since_purchase": Attribute(name="days_since_purchase", type=ValueType.NUMBER),
    }
)
CALLS, ROUNDS = 20_000, 21


def by_hand(a: dict[str, Value]) -> bool:
    """Return what the rule says, as one would write it for attributes that are there."""
    return (
        a.get("customer.last_purchase_category") == "Running Shoes"
        and a.get("days_since_purchase", 0) > 45  # type: ignore[operator]
    )


def main() -> list[Measurement]:
    """Time the rule, the lambda and the peer on one visitor, in turns."""
    program = Program(SCHEMA, {})
    rule = program.predicate(RULE)
    visitor: dict[str, Value] = {
        "customer.last_purchase_category": "Running Shoes",
        "days_since_purchase": 60,
    }
    # GrowthBook reads a dotted name as a path, so that its visitor is nested.
    nested = {"customer": {"last_purchase_category": "Running Shoes"}, "days_since_purchase": 60}
    assert rule(visitor, 0, {})
    assert by_hand(visitor)
    assert evalCondition(nested, CONDITION, {})
    of_rule = partial(rule, visitor, 0, {})
    beside_lambda = interleaved(of_rule, partial(by_hand, visitor), ROUNDS, calls=CALLS)
    beside_peer = interleaved(
        of_rule, partial(evalCondition, nested, CONDITION, {}), ROUNDS, calls=CALLS // 20
    )
    note = "two clauses, both true; the lambda does not look at types"
    return [
        _measured("rule", beside_lambda.a, "hand-written lambda", beside_lambda.ratio, note),
        _measured("hand-written lambda", beside_lambda.b, None, None, ""),
        _measured(
            "GrowthBook evalCondition",
            beside_peer.b,
            "rule",
            1 / beside_peer.ratio,
            "the same condition; times the rule's time",
        ),
        *_choosers(program),
        _measured("check and compile a rule", _compiling(), None, None, "fresh each time"),
    ]


def _choosers(program: Program) -> list[Measurement]:
    """Time a chooser of five branches beside its five rules one after the other."""
    texts = [RULE.replace("Running Shoes", category) for category in CATEGORIES]
    chooser = program.chooser([Branch(text) for text in texts])
    rules = [program.predicate(text) for text in texts]
    visitor: dict[str, Value] = {
        "customer.last_purchase_category": CATEGORIES[-1],
        "days_since_purchase": 60,
    }

    def one_by_one() -> int:
        for index, rule in enumerate(rules):
            if rule(visitor, 0, {}):
                return index
        return -1

    choose: Callable[[], int] = partial(chooser, visitor, 0, {})
    assert choose() == one_by_one() == len(texts) - 1
    times = interleaved(choose, one_by_one, ROUNDS, calls=CALLS // 4)
    note = "the last branch is the true one"
    return [_measured("chooser of 5", times.a, "its rules one by one", times.ratio, note)]


def _compiling() -> float:
    counted = iter(range(10_000))

    def compile_one() -> None:
        text = RULE.replace("45", str(next(counted)))
        program.predicate(text)

    program = Program(SCHEMA, {})
    return time_calls(compile_one, 500)


def _measured(
    name: str, seconds: float, peer: str | None, ratio: float | None, note: str
) -> Measurement:
    return Measurement(name=name, value=seconds * 1e9, unit="ns", peer=peer, ratio=ratio, note=note)
