"""Rules as generated Python functions: predicates, audiences and choosers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from persx.audience.cycles import MAX_CHAIN, audience_cycles, long_chains
from persx.audience.generate import Generator
from persx.audience.inlining import inlined, is_small
from persx.audience.interpret import interpret
from persx.audience.rules import CheckedRule, check_rule
from persx.audience.schema import Schema
from persx.model.attribute import Value
from persx.model.clock import Millis
from persx.model.errors import BadInput, NotFound, did_you_mean

Memo: TypeAlias = dict[str, bool]
"""Audience → whether the visitor is in it, as far as it was asked in this evaluation."""

Predicate: TypeAlias = Callable[[dict[str, Value], Millis, Memo], bool]
Chooser: TypeAlias = Callable[[dict[str, Value], Millis, Memo], int]
PageChooser: TypeAlias = Callable[[dict[str, Value], Millis, Memo], tuple[int, ...]]


class Branch(NamedTuple):
    """One possibility of a chooser: a rule (empty means always), open in [start, end)."""

    when: str
    start: Millis | None = None
    end: Millis | None = None


class _Choosing(NamedTuple):
    """Code that chooses for blocks: its lines, the variables that hold the results, and in the
    same order what answers instead where it raises."""

    lines: list[str]
    results: list[str]
    slowly: list[Chooser]


class Program:
    """Compiles rules against a schema and a workspace's audiences.

    The functions it returns never raise, whatever the attributes hold: where generated code
    meets a number that Python cannot compute with, the interpreter answers instead. They may
    be called from several threads, each evaluation with its own memo.

    Args:
        schema: What rules may name.
        audiences: Name → rule text.

    Raises:
        BadInput: An audience's rule is faulty, or audiences build on each other in a circle
            or in too long a chain.

    >>> program = Program(Schema({}, {"readers"}), {"readers": 'page.path == "/blog"'})
    >>> program.predicate('in_audience("readers")')({"page.path": "/blog"}, 0, {})
    True
    """

    def __init__(self, schema: Schema, audiences: Mapping[str, str]) -> None:
        self._schema = schema
        self._cases = {
            name: [case.when for case in attribute.cases]
            for name, attribute in schema.attributes.items()
            if attribute.cases
        }
        self._checked: dict[str, CheckedRule] = {}
        self._predicates: dict[str, Predicate] = {}
        self._globals: dict[str, Any] = {}
        self._constants = 0
        self._audiences = {
            name: self._check(text, of=f" of audience '{name}'") for name, text in audiences.items()
        }
        asked = {name: rule.audiences for name, rule in self._audiences.items()}
        for cycle in audience_cycles(asked):
            raise BadInput(
                f"Audiences build on each other in a circle: {' → '.join((*cycle, cycle[0]))}.",
                value=cycle[0],
                hint="Remove one in_audience(…).",
            )
        for name in long_chains(asked):
            raise BadInput(
                f"Audience '{name}' builds on a chain of more than {MAX_CHAIN} others.",
                value=name,
                hint="Write some of them as one rule.",
            )
        self._small = {
            name: rule.tree for name, rule in self._audiences.items() if is_small(rule.tree)
        }
        self._names: Final = {name: f"audience_{i}" for i, name in enumerate(self._audiences)}
        for name, rule in self._audiences.items():
            self._define_audience(name, rule)

    def rule(self, text: str) -> CheckedRule:
        """Return a rule, checked. Raises `BadInput` with its first fault."""
        return self._check(text)

    def predicate(self, text: str) -> Predicate:
        """Return the function that tells whether a rule is true.

        Its arguments are the attributes by name (absent or None is unknown), the moment, and a
        memo that is empty at the start of an evaluation and shared by all of its functions.

        Raises:
            BadInput: The rule is faulty.
        """
        text = text.strip()
        found = self._predicates.get(text)
        if found is None:
            found = self._predicates[text] = self._compile_predicate(self._check(text))
        return found

    def chooser(self, branches: Sequence[Branch]) -> Chooser:
        """Return one function that gives the index of the first branch that holds, else -1.

        Raises:
            BadInput: A rule is faulty.
        """
        together = self._choosing([branches])
        lines = [*together.lines, f"return {together.results[0]}"]
        chooser: Chooser = self._define("choose", lines, together.slowly[0])
        return chooser

    def page_chooser(self, blocks: Sequence[Sequence[Branch]]) -> PageChooser:
        """Return one function that chooses for several blocks; what they share is done once.

        Raises:
            BadInput: A rule is faulty.
        """
        together = self._choosing(blocks)

        def slowly(attributes: dict[str, Value], now: Millis, memo: Memo) -> tuple[int, ...]:
            return tuple(choose(attributes, now, memo) for choose in together.slowly)

        lines = [*together.lines, f"return ({''.join(f'{name}, ' for name in together.results)})"]
        chooser: PageChooser = self._define("choose_page", lines, slowly)
        return chooser

    def reads(self, text: str) -> frozenset[str]:
        """Return the attributes that a rule reads, those of its audiences included.

        With a derived attribute go those that its cases read.
        """
        return self.sources_of(self._reads(text))

    def sources_of(self, names: Collection[str]) -> frozenset[str]:
        """Return these attributes and, of derived ones, all that their cases read."""
        found = set(names)
        pending = [name for name in found if name in self._cases]
        while pending:
            for when in self._cases[pending.pop()]:
                more = self._reads(when) - found
                found |= more
                pending += [name for name in more if name in self._cases]
        return frozenset(found)

    def _reads(self, text: str) -> frozenset[str]:
        rule = self._check(text)
        found = set(rule.reads)
        seen: set[str] = set()
        pending = list(rule.audiences)
        while pending:
            name = pending.pop()
            if name not in seen and name in self._audiences:
                seen.add(name)
                found |= self._audiences[name].reads
                pending += self._audiences[name].audiences
        return frozenset(found)

    def in_audience(self, name: str, attributes: dict[str, Value], now: Millis, memo: Memo) -> bool:
        """Tell whether the visitor is in an audience. Raises `NotFound`."""
        if name not in self._names:
            hint = did_you_mean(name, self._names)
            raise NotFound(f"Unknown audience '{name}'.", value=name, hint=hint)
        found = memo.get(name)
        if found is None:
            answer: Predicate = self._globals[self._names[name]]
            found = answer(attributes, now, memo)
        return found

    # -- making functions ---------------------------------------------------------------------

    def _choosing(self, blocks: Sequence[Sequence[Branch]]) -> _Choosing:
        rules = [[self._check(branch.when) for branch in branches] for branches in blocks]
        trees = [[inlined(rule.tree, self._small) for rule in each] for each in rules]
        generator = Generator(
            [tree for each in trees for tree in each], self._constant, self._audience
        )
        made = _Choosing([], [], [])
        for number, (branches, each) in enumerate(zip(blocks, trees, strict=True)):
            result = f"c{number}"
            certain, word = generator.certain, "if"
            for index, (branch, tree) in enumerate(zip(branches, each, strict=True)):
                limits = _limits(branch)
                condition = generator.condition(tree, always=not limits)
                made.lines.append(f"{word} {limits}{condition}: {result} = {index}")
                if index == 0:
                    # A block's first condition is reached in any case, the others are not.
                    certain, word = generator.certain, "elif"
            generator.certain = certain
            made.lines.append(f"else: {result} = -1" if branches else f"{result} = -1")
            made.results.append(result)
            made.slowly.append(self._choosing_slowly(branches, rules[number]))
        return made

    def _choosing_slowly(self, branches: Sequence[Branch], rules: Sequence[CheckedRule]) -> Chooser:
        def slowly(attributes: dict[str, Value], now: Millis, memo: Memo) -> int:
            for index, (branch, rule) in enumerate(zip(branches, rules, strict=True)):
                opened = (branch.start is None or branch.start <= now) and (
                    branch.end is None or now < branch.end
                )
                if opened and self._interpret(rule, attributes, now, memo):
                    return index
            return -1

        return slowly

    def _check(self, text: str, of: str = "") -> CheckedRule:
        text = text.strip()
        rule = self._checked.get(text)
        if rule is None:
            rule, faults = check_rule(text, self._schema)
            if rule is None:
                raise BadInput(f"The rule{of} is faulty: {faults[0]}", value=text[:200])
            self._checked[text] = rule
        return rule

    def _compile_predicate(self, rule: CheckedRule) -> Predicate:
        tree = inlined(rule.tree, self._small)
        generator = Generator([tree], self._constant, self._audience)
        predicate: Predicate = self._define(
            "rule", [f"return {generator.condition(tree)}"], self._slowly(rule)
        )
        return predicate

    def _define_audience(self, name: str, rule: CheckedRule) -> None:
        generator = Generator([rule.tree], self._constant, self._audience)
        slow = self._slowly(rule)

        def slowly(attributes: dict[str, Value], now: Millis, memo: Memo) -> bool:
            memo[name] = found = slow(attributes, now, memo)
            return found

        lines = [f"m[{name!r}] = r = {generator.condition(rule.tree)}", "return r"]
        self._define(self._names[name], lines, slowly)

    def _define(self, function: str, lines: Sequence[str], slowly: Callable[..., Any]) -> Any:
        """Make a function of these lines, which `slowly` replaces where they raise."""
        # Entering a `try` costs nothing; what raises is a number too great to compute with.
        source = "\n".join(
            (
                f"def {function}(a, now, m):",
                "    try:",
                *(f"        {line}" for line in lines),
                "    except Exception:",
                f"        return {self._constant(slowly)}(a, now, m)",
            )
        )
        exec(compile(source, f"<generated {function}>", "exec"), self._globals)
        return self._globals[function]

    def _constant(self, value: object) -> str:
        self._constants += 1
        name = f"k{self._constants}"
        self._globals[name] = value
        return name

    def _audience(self, name: str) -> str:
        if name not in self._names:
            raise BadInput(f"Audience '{name}' has no rule.", value=name, hint="Declare it.")
        return f"(m[{name!r}] if {name!r} in m else {self._names[name]}(a, now, m))"

    # -- the slow way -------------------------------------------------------------------------

    def _slowly(self, rule: CheckedRule) -> Predicate:
        def slowly(attributes: dict[str, Value], now: Millis, memo: Memo) -> bool:
            return self._interpret(rule, attributes, now, memo)

        return slowly

    def _interpret(
        self, rule: CheckedRule, attributes: dict[str, Value], now: Millis, memo: Memo
    ) -> bool:
        def in_audience(name: str) -> bool:
            return self.in_audience(name, attributes, now, memo)

        return interpret(rule.tree, attributes, now, in_audience)


def _limits(branch: Branch) -> str:
    """Return the code of a branch's schedule, ready to stand before its condition."""
    start, end = branch.start, branch.end
    if start is not None and end is not None:
        return f"{int(start)} <= now < {int(end)} and "
    if start is not None:
        return f"now >= {int(start)} and "
    return f"now < {int(end)} and " if end is not None else ""
