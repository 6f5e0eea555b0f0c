"""Short questions: what a workspace asks its visitors, and how each can be answered."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from persx.model.attribute import Attribute, ValueType
from persx.model.document import Document

INDUSTRY: Final = "industry"
"""The attribute that persx asks for by itself, and the name of that question."""


class QuestionDocument(Document, frozen=True, kw_only=True):
    """A question to visitors. The answer fills a declared attribute.

    How it is answered follows from the attribute: one or many of its closed values, yes or no, a
    number, or a short text. The options are called what the attribute calls its values.

    Attributes:
        attribute: The declared attribute that the answer fills.
        text: The question.
        hint: What it is good for, in one sentence.
        when: The rule that says who is asked; empty means everybody.
        order: Lower first; equal ones in the order in which they are written.
        alone: Whether it is asked by itself too, in the slim bar above a page; else it is asked
            in a quiz that lists it, and in the preference centre.
        after: By itself it is asked once the session has shown so many pages.
        locales: Locale code → text and hint there.
    """

    name: str = ""
    attribute: str
    text: str
    hint: str = ""
    when: str = ""
    order: int = 0
    alone: bool = True
    after: int = 1
    locales: dict[str, dict[str, str]] = {}


class AnswerKind(StrEnum):
    """How a question is answered."""

    ONE = "one"
    MANY = "many"
    YES_NO = "yes_no"
    NUMBER = "number"
    TEXT = "text"


def answer_kind(attribute: Attribute) -> AnswerKind | None:
    """Return how a question for an attribute is answered; none where nobody could answer it.

    >>> answer_kind(Attribute(name="role", values=("Marketing", "Product")))
    <AnswerKind.ONE: 'one'>
    >>> answer_kind(Attribute(name="born", type=ValueType.TIME)) is None
    True
    """
    match attribute.type:
        case ValueType.STRING:
            return AnswerKind.ONE if attribute.values else AnswerKind.TEXT
        case ValueType.STRINGS:
            return AnswerKind.MANY if attribute.values else None
        case ValueType.BOOLEAN:
            return AnswerKind.YES_NO
        case ValueType.NUMBER:
            return AnswerKind.NUMBER
        case ValueType.TIME:
            return None
