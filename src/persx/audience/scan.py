"""The first look at a rule's text: size, characters and words, before any parsing."""

from __future__ import annotations

import keyword
import re
import unicodedata
from typing import Final, NamedTuple

import msgspec

MAX_LENGTH: Final = 4_000
"""Most characters of a rule."""

MAX_WORDS: Final = 1_000
"""Most words, literals and signs of a rule."""

MAX_DEPTH: Final = 32
"""Most levels of nesting."""


class RuleFault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong in a rule; `column` counts characters from 1."""

    message: str
    value: str = ""
    hint: str = ""
    column: int = 1

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}{' ' + self.hint if self.hint else ''}"


_WORD: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)
      | (?P<name>[^\W\d]\w*)
      | (?P<string>"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')
      | (?P<sign>==|!=|<=|>=|:=|<>|&&|\|\||\*\*|//|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SIGNS: Final = frozenset(
    ("==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "(", ")", "[", "]", ",", ".")
)
_OPEN: Final = {"(": ")", "[": "]"}
_SIGN_HINTS: Final = {
    "=": "Write == to compare.",
    ":=": "Write == to compare.",
    "<>": "Write != for 'is not equal'.",
    "!": "Write 'not'.",
    "&&": "Write 'and'.",
    "&": "Write 'and'.",
    "||": "Write 'or'.",
    "|": "Write 'or'.",
    "$": "Write the number alone: cart.value > 100.",
    "€": "Write the number alone: cart.value > 100.",
    "£": "Write the number alone: cart.value > 100.",
    "%": "Write the number alone: 0.2 for 20%.",
    "#": "Rules have no comments; use the description.",
    ";": "Join conditions with 'and' or 'or'.",
    "“": 'Write straight quotes: "…".',
    "”": 'Write straight quotes: "…".',
    "„": 'Write straight quotes: "…".',
    "‘": 'Write straight quotes: "…".',
    "’": 'Write straight quotes: "…".',
    "\u00a0": "This space is a special one; write a plain space.",
    "≠": "Write !=.",
    "≤": "Write <=.",
    "≥": "Write >=.",
    "{": "Write lists in square brackets: [1, 2].",
    "}": "Write lists in square brackets: [1, 2].",
}
_WORD_HINTS: Final = {
    "None": "Ask known(attribute) or not known(attribute).",
    "is": "Write == to compare.",
    "if": "Write only the condition.",
}
_UNFINISHED: Final = frozenset(
    ("and", "or", "not", "in", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", ".")
)
_RULE_WORDS: Final = frozenset(("and", "or", "not", "in", "True", "False"))


class _Bracket(NamedTuple):
    sign: str
    column: int
    depth: int


def printable(text: str, limit: int = 60) -> str:
    """Return text that is safe to show: cut, with control characters written out."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def scan(text: str) -> list[RuleFault]:
    """Return what is wrong with a rule's size, characters and words.

    Takes time proportional to the text, and stops at the caps. A text without faults holds
    nothing but names, numbers, plain strings, the signs of rules and balanced brackets, nested
    no deeper than the cap.
    """
    if len(text) > MAX_LENGTH:
        return [
            RuleFault(
                message=f"The rule has {len(text):,} characters; at most {MAX_LENGTH:,} are "
                "allowed.",
                value=printable(text),
                hint="Split it into audiences and write in_audience(…).",
                column=MAX_LENGTH + 1,
            )
        ]
    faults: list[RuleFault] = []
    brackets: list[_Bracket] = []
    words = prefixes = 0
    previous = previous_kind = ""
    for match in _WORD.finditer(text):
        kind, word, column = match.lastgroup, match[0], match.start() + 1
        if kind == "space":
            continue
        words += 1
        if words > MAX_WORDS:
            message = f"The rule has more than {MAX_WORDS:,} words and signs."
            hint = "Split it into audiences and write in_audience(…)."
            return [RuleFault(message=message, value=printable(word), hint=hint, column=column)]
        opens = kind == "sign" and word in _OPEN
        prefixes = prefixes + 1 if opens or word in ("not", "-", "+") else 0
        depth = prefixes + (brackets[-1].depth if brackets else 0)
        if depth > MAX_DEPTH:
            return [*faults, too_deep(column)]
        if opens:
            brackets.append(_Bracket(word, column, depth))
            prefixes = 0
        after = text[match.end() : match.end() + 1]
        if kind == "number":
            fault = _number_fault(word, after, column)
        elif kind == "string":
            fault = _string_fault(word, previous_kind, column)
        elif kind == "name":
            fault = _name_fault(word, after, previous, column)
        else:
            fault = _sign_fault(word, brackets, column)
        if fault is not None:
            faults.append(fault)
        previous, previous_kind = word, kind or ""
    if previous in _UNFINISHED and previous_kind in ("sign", "name"):
        message, hint = f"The rule ends after '{previous}'.", "Write what follows, or remove it."
        end = len(text.rstrip()) + 1
        faults.append(RuleFault(message=message, value=previous, hint=hint, column=end))
    faults += [
        RuleFault(
            message=f"The bracket '{bracket.sign}' is not closed.",
            value=bracket.sign,
            hint=f"Add '{_OPEN[bracket.sign]}'.",
            column=bracket.column,
        )
        for bracket in brackets
    ]
    return faults


def too_deep(column: int) -> RuleFault:
    """Return the fault of a rule that is nested deeper than the cap."""
    return RuleFault(
        message=f"The rule is nested more than {MAX_DEPTH} levels deep.",
        hint="Split it into audiences and write in_audience(…).",
        column=column,
    )


def _number_fault(word: str, after: str, column: int) -> RuleFault | None:
    digits = word.replace("_", "")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal():
        hint = "Write numbers without commas and zeros in front: 1000."
    elif not word.isascii():
        hint = "Write the digits 0 to 9."
    elif after.isalnum() or after in ("_", "."):
        hint = "Write a number such as 100 or 0.5, and a text in quotes."
        word += after
    elif abs(float(digits)) > 1e15:
        hint = "The greatest is 1,000,000,000,000,000."
    else:
        return None
    message = f"'{printable(word)}' is not a number that rules know."
    return RuleFault(message=message, value=printable(word), hint=hint, column=column)


def _string_fault(word: str, previous_kind: str, column: int) -> RuleFault | None:
    inner = word[1:-1]
    for index, character in enumerate(inner):
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return RuleFault(
                message=f"A text holds the character {character!a}.",
                value=printable(word),
                hint="Remove it.",
                column=column + 1 + index,
            )
    if re.search(r"\\[^\\\"']", inner.replace("\\\\", "")):
        return RuleFault(
            message="A backslash in a text stands before a backslash or a quote only.",
            value=printable(word),
            hint="Write two backslashes for one.",
            column=column,
        )
    if previous_kind == "string":
        return RuleFault(
            message="Two texts stand side by side.",
            value=printable(word),
            hint='Write a quote inside a text as \\".',
            column=column,
        )
    return None


def _name_fault(word: str, after: str, previous: str, column: int) -> RuleFault | None:
    if after in ('"', "'") and after and word not in _RULE_WORDS:
        message = f"'{printable(word)}' stands directly before a text."
        return RuleFault(message=message, value=printable(word), column=column, hint="Remove it.")
    if previous == "." or after == "." or word in _RULE_WORDS:
        return None
    folded = word.casefold()
    if word in ("AND", "OR", "NOT", "IN"):
        hint = f"Write '{folded}' in small letters."
    elif word in ("IF", "THEN", "Then", "then", "show"):
        hint = "Write only the condition; what is shown is the variant."
    elif folded in ("true", "false") and after != "(":
        hint = f"Write {folded.capitalize()}."
    elif folded in ("none", "null", "nil"):
        hint = _WORD_HINTS["None"]
    elif keyword.iskeyword(word):
        hint = _WORD_HINTS.get(word, "Rules have only and, or, not, in and functions.")
    else:
        return None
    message = f"'{printable(word)}' is not a word of rules."
    return RuleFault(message=message, value=printable(word), hint=hint, column=column)


def _sign_fault(word: str, brackets: list[_Bracket], column: int) -> RuleFault | None:
    if word in (")", "]"):
        if brackets and _OPEN[brackets[-1].sign] == word:
            brackets.pop()
            return None
        hint = "Remove it, or open it before."
        message = f"The bracket '{word}' was not opened."
    elif word in _SIGNS:
        return None
    elif word in ('"', "'"):
        message, hint = "A text is not closed.", f"Add {word} at its end, on the same line."
    else:
        message = f"'{printable(word)}' is not a sign of rules."
        hint = _SIGN_HINTS.get(word, "")
    return RuleFault(message=message, value=printable(word), hint=hint, column=column)
