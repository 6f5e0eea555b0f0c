"""From a checked tree to one Python expression that is as fast as one written by hand.

Each value becomes *guards* and *code*: the guards, joined with ``and``, tell that every
attribute in it is present and of its type, and the code is only reached behind them. So what is
missing compares false, and nothing is looked up, tested or computed twice where that can be
told beforehand. User text enters only as ``repr`` of a literal; names are numbered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from persx.audience.function import Argument, ValueFunction
from persx.audience.functions import FUNCTIONS
from persx.audience.tree import (
    And,
    Arithmetic,
    ArithmeticOp,
    Call,
    Compare,
    CompareOp,
    Condition,
    Expression,
    Literal,
    Negative,
    Not,
    OneOf,
    Or,
    Read,
    Tree,
    Within,
    walk,
)
from persx.model.attribute import ValueType

_NUMERIC: Final = (ValueType.NUMBER, ValueType.TIME)


class Facts(msgspec.Struct, frozen=True):
    """What is certain at a point of the generated code.

    Attributes:
        loaded: Attributes whose variable is assigned.
        typed: Attributes whose variable holds a present value of the attribute's type.
    """

    loaded: frozenset[str] = frozenset()
    typed: frozenset[str] = frozenset()

    def load(self, name: str) -> Facts:
        """Add a loaded attribute."""
        return Facts(self.loaded | {name}, self.typed)

    def type(self, name: str) -> Facts:
        """Add an attribute that is loaded and of its type."""
        return Facts(self.loaded | {name}, self.typed | {name})


class _Test(msgspec.Struct, frozen=True):
    """A condition's code, with what is certain after it.

    Attributes:
        after: Facts afterwards, however it ended.
        if_true: Facts where it was true.
    """

    code: str
    after: Facts
    if_true: Facts


class _Guarded(msgspec.Struct):
    """The guards and the code of one or more values.

    Attributes:
        first: Facts once the first guard was evaluated, which happens in any case.
        facts: Facts where all guards were true.
    """

    guards: list[str]
    codes: list[str]
    first: Facts
    facts: Facts

    @property
    def code(self) -> str:
        return self.codes[0]

    def become(self, code: str) -> _Guarded:
        """Return one value that is computed behind these guards."""
        return _Guarded(self.guards, [code], self.first, self.facts)


class Generator:
    """Generates the conditions of one function; variables are shared between them.

    Args:
        trees: All conditions that the function will hold, in order.
        constant: Keeps an object among the function's globals and returns its name.
        audience: Returns the expression that tells whether the visitor is in an audience.
    """

    now: Final = "now"

    def __init__(
        self,
        trees: Sequence[Condition],
        constant: Callable[[object], str],
        audience: Callable[[str], str],
    ) -> None:
        self.constant = constant
        self.audience = audience
        self._uses = Counter(
            node.name for tree in trees for node in walk(tree) if isinstance(node, Read)
        )
        self._variables = {name: f"v{index}" for index, name in enumerate(self._uses)}
        self._temporaries = 0
        self._facts = Facts()

    def condition(self, tree: Condition, *, always: bool = True) -> str:
        """Return the next condition's code, which is reached after all those before it.

        Args:
            tree: One of the trees that were announced.
            always: Whether it is evaluated each time when it is reached.
        """
        test = self._condition(tree, self._facts)
        if always:
            self._facts = test.after
        return test.code

    @property
    def certain(self) -> Facts:
        """What is certain wherever the next condition stands; may be set back to an earlier."""
        return self._facts

    @certain.setter
    def certain(self, facts: Facts) -> None:
        self._facts = facts

    # -- conditions ---------------------------------------------------------------------------

    def _condition(self, node: Tree, facts: Facts) -> _Test:
        match node:
            case And(parts=parts):
                return self._junction("and", parts, facts)
            case Or(parts=parts):
                return self._junction("or", parts, facts)
            case Not(operand=operand):
                test = self._condition(operand, facts)
                return _Test(f"(not {test.code})", test.after, test.after)
            case Compare():
                return self._compare(node, facts)
            case OneOf():
                return self._one_of(node, facts)
            case Within(item=item, container=container, negated=negated):
                pair = self._guard_all((container, item), facts)
                (strings, text), op = pair.codes, "not in" if negated else "in"
                return self._test(pair, f"{text} {op} {strings}")
            case Literal(value=value):
                return _Test(repr(value), facts, facts)
            case Read(name=name):
                return self._boolean(name, True, facts)
            case Call():
                call = self._value(node, facts)
                return self._test(call, call.code)
        raise AssertionError(f"{type(node).__name__} is not a condition")

    def _junction(self, word: str, parts: Sequence[Condition], facts: Facts) -> _Test:
        codes = []
        first: Facts | None = None
        running = facts
        for part in parts:
            test = self._condition(part, running)
            first = first or test.after
            # A part is only reached once the earlier ones ran through, true ones for `and`.
            running = test.if_true if word == "and" else test.after
            codes.append(test.code)
        after = first or facts
        code = "(" + f" {word} ".join(codes) + ")"
        return _Test(code, after, running if word == "and" else after)

    def _compare(self, node: Compare, facts: Facts) -> _Test:
        left, op, right = node.left, node.op, node.right
        if isinstance(left, Literal) and isinstance(right, Read) and op in ("==", "!="):
            left, right = right, left
        if isinstance(left, Read) and isinstance(right, Literal):
            if left.type is ValueType.BOOLEAN:
                wanted = bool(right.value) == (op is CompareOp.EQ)
                return self._boolean(left.name, wanted, facts)
            if op is CompareOp.EQ and not _looks_boolean(right.value):
                # Nothing but the same text or number equals it, so no guard is needed.
                code, after = self._load(left.name, facts)
                return _Test(f"{code} == {right.value!r}", after, after.type(left.name))
        pair = self._guard_all((left, right), facts)
        first, second = pair.codes
        if op is CompareOp.NE and left.type in _NUMERIC:
            # NaN, as in infinity minus infinity, is missing, but differs from everything.
            first, second = self._not_nan(left, first, pair), self._not_nan(right, second, pair)
        return self._test(pair, f"{first} {op} {second}")

    def _one_of(self, node: OneOf, facts: Facts) -> _Test:
        choices = tuple(dict.fromkeys(node.choices))
        # Comparing a few in turn is faster than hashing; Python folds both into constants.
        few = len(choices) <= 4
        listed = ", ".join(map(repr, choices))
        written = f"({listed},)" if few else f"{{{listed}}}"
        item = node.item
        plain = few and not any(map(_looks_boolean, choices))
        if isinstance(item, Read) and plain and not node.negated:
            code, after = self._load(item.name, facts)
            return _Test(f"{code} in {written}", after, after.type(item.name))
        pair = self._guard_all((item,), facts)
        code = pair.codes[0]
        if node.negated and item.type in _NUMERIC:
            code = self._not_nan(item, code, pair)
        return self._test(pair, f"{code} {'not in' if node.negated else 'in'} {written}")

    def _boolean(self, name: str, wanted: bool, facts: Facts) -> _Test:
        code, after = self._load(name, facts)
        return _Test(f"{code} is {wanted}", after, after.type(name))

    def _test(self, guards: _Guarded, code: str) -> _Test:
        tests = [*guards.guards, code]
        joined = tests[0] if len(tests) == 1 else "(" + " and ".join(tests) + ")"
        return _Test(joined, guards.first, guards.facts)

    def _not_nan(self, node: Expression, code: str, guards: _Guarded) -> str:
        """Guard a number against NaN, and return the code under which it is found then."""
        if isinstance(node, Literal):
            return code
        if isinstance(node, Read):
            guards.guards.append(f"{code} == {code}")
            return code
        name = self._temporary()
        guards.guards.append(f"({name} := {code}) == {name}")
        return name

    # -- values -------------------------------------------------------------------------------

    def _guard_all(self, nodes: Sequence[Expression], facts: Facts) -> _Guarded:
        """Guard several values one after the other."""
        guards = _Guarded([], [], facts, facts)
        for node in nodes:
            value = self._value(node, guards.facts)
            if not guards.guards:
                guards.first = value.first
            guards.guards += value.guards
            guards.codes.append(value.code)
            guards.facts = value.facts
        return guards

    def _value(self, node: Expression, facts: Facts) -> _Guarded:
        match node:
            case Literal(value=value):
                return _Guarded([], [repr(value)], facts, facts)
            case Read(name=name, type=kind):
                return self._read(name, kind, facts)
            case Negative(operand=operand):
                inner = self._value(operand, facts)
                return inner.become(f"(-{inner.code})")
            case Arithmetic(op=op, left=left, right=right):
                return self._arithmetic(op, left, right, facts)
            case Call():
                return self._call(node, facts)

    def _read(self, name: str, kind: ValueType, facts: Facts) -> _Guarded:
        variable = self._variables[name]
        if name in facts.typed:
            return _Guarded([], [variable], facts, facts)
        code = variable if name in facts.loaded else f"({variable} := {self._get(name)})"
        match kind:
            case ValueType.NUMBER | ValueType.TIME:
                guard = f"({code}.__class__ is int or {variable}.__class__ is float)"
            case ValueType.STRINGS:
                guard = f"({code}.__class__ is list or {variable}.__class__ is tuple)"
            case ValueType.BOOLEAN:
                guard = f"{code}.__class__ is bool"
            case ValueType.STRING:
                guard = f"isinstance({code}, str)"
        return _Guarded([guard], [variable], facts.load(name), facts.type(name))

    def _load(self, name: str, facts: Facts) -> tuple[str, Facts]:
        """Return code of an attribute's value as it is, kept in its variable where it pays."""
        variable = self._variables[name]
        if name in facts.loaded:
            return variable, facts
        if self._uses[name] == 1:
            return self._get(name), facts
        return f"({variable} := {self._get(name)})", facts.load(name)

    def _arithmetic(
        self, op: ArithmeticOp, left: Expression, right: Expression, facts: Facts
    ) -> _Guarded:
        pair = self._guard_all((left, right), facts)
        first, second = pair.codes
        if op is ArithmeticOp.DIVIDE and not isinstance(right, Literal):
            divisor = second
            if not isinstance(right, Read):
                second = self._temporary()
                divisor = f"({second} := {divisor})"
            pair.guards.append(f"{divisor} != 0")
        return pair.become(f"({first} {op} {second})")

    def _call(self, node: Call, facts: Facts) -> _Guarded:
        guards = self._guard_all(node.arguments, facts)
        arguments = []
        for argument, code in zip(node.arguments, guards.codes, strict=True):
            if argument.type in _NUMERIC:
                code = self._not_nan(argument, code, guards)
            literal = argument.value if isinstance(argument, Literal) else None
            arguments.append(Argument(code, literal))
        function = FUNCTIONS[node.function]
        if not isinstance(function, ValueFunction):
            raise TypeError(f"{node.function}() is neither compiled nor read as an attribute")
        return guards.become(function.compile(arguments, self))

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    @staticmethod
    def _get(name: str) -> str:
        return f"a.get({name!r})"


def _looks_boolean(value: object) -> bool:
    """Tell whether True or False equals this number, so that the type must be looked at."""
    return not isinstance(value, str) and value in (0, 1)
