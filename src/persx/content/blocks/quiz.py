"""Block type quiz: a few short questions, one at a time; what was answered is not asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Tag, Text
from persx.content.schema import join
from persx.model.errors import Fault


class Quiz(Content, frozen=True, kw_only=True):
    """What a quiz asks, and what it says before and after.

    Attributes:
        headline: What the questions are good for.
        questions: Names of the workspace's questions, in the order in which they are asked.
        thanks: Said once nothing is left to ask.
        intro: A sentence or two below the headline.
        link_label: What the link below the thanks says; without it there is none.
        link_href: Where it leads.
    """

    headline: Line
    questions: Annotated[tuple[Tag, ...], msgspec.Meta(min_length=1, max_length=20)]
    thanks: Text
    intro: Text = ""
    link_label: Line = ""
    link_href: Href = ""


class QuizOption(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that can be chosen."""

    value: str
    label: str


class QuizStep(msgspec.Struct, frozen=True, kw_only=True):
    """Where one visitor is in a quiz, in their language.

    Attributes:
        question: The name of the question that is next; empty where none is left.
        text: The question, and `hint`, what it is good for.
        kind: How it is answered: ``one`` (a click), ``many``, ``number`` or ``text``.
        options: What there is to choose from.
        position: Its place among all questions, from 1, and `of`, how many they are.
        progress: Both in words.
        note: What sending the answer allows; empty where nothing new.
        back: The path that the form leads back to.
        answer: What the field is called where the answer is written.
        send, later, change: What the buttons and the link to all answers say.
        problem: What is wrong with the answer that was sent.
    """

    question: str = ""
    text: str = ""
    hint: str = ""
    kind: str = ""
    options: tuple[QuizOption, ...] = ()
    position: int = 0
    of: int = 0
    progress: str = ""
    note: str = ""
    back: str = "/"
    answer: str = ""
    send: str = ""
    later: str = ""
    change: str = ""
    problem: str = ""


class _QuizType(BuiltinType):
    def problems(self, content: Mapping[str, Any], path: str) -> Iterator[Fault]:
        pair = ("link_label", "link_href")
        for here, other in (pair, pair[::-1]):
            if here in content and other not in content:
                yield Fault(
                    path=join(path, other),
                    message=f"The field '{other}' is missing: there is a '{here}'.",
                    hint="Write both, or neither.",
                )


QUIZ = _QuizType("quiz", "A few short questions, one at a time.", Quiz, __file__)
