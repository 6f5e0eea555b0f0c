"""Questions: they fill attributes that can be declared, can be answered, and are short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from persx.content.blocks.quiz import QUIZ
from persx.model.attribute import Attribute, Source
from persx.model.errors import Fault, did_you_mean
from persx.model.question import INDUSTRY, QuestionDocument, answer_kind
from persx.model.workspace import Block
from persx.workspace.checks.subject import Subject
from persx.workspace.checks.texts import check_texts

_KIND: Final = "questions"
_TEXTS: Final = ("text", "hint")
LONGEST_TEXT: Final = 200
"""Characters of a question or a hint: they stand in one line."""


def check_questions(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all questions and of the quizzes that ask them."""
    for name, question in subject.workspace.questions.items():
        if subject.is_damaged(_KIND, name):
            continue
        yield from _wording(subject, name, question)
        yield from _answer(subject, name, question)
    for name, block in subject.workspace.blocks.items():
        if block.type == QUIZ.name:
            yield from _quiz(subject, name, block)


def _wording(subject: Subject, name: str, question: QuestionDocument) -> Iterator[Fault]:
    if not question.text.strip():
        yield subject.fault(_KIND, name, "text", "A question needs words.", hint="Write text: …?")
    said = {field: getattr(question, field) for field in _TEXTS}
    for code, texts in question.locales.items():
        said |= {f"locales.{code}.{field}": text for field, text in texts.items()}
    for path, text in said.items():
        if len(text) > LONGEST_TEXT:
            yield subject.fault(
                _KIND,
                name,
                path,
                f"The text has {len(text)} characters; {LONGEST_TEXT} are allowed.",
                value=text,
                hint="A short question is answered, a long one is not.",
            )
    yield from check_texts(subject, _KIND, name, question.locales, _TEXTS)


def _answer(subject: Subject, name: str, question: QuestionDocument) -> Iterator[Fault]:
    yield from subject.unknown(_KIND, name, "attribute", "attributes", [question.attribute])
    attribute = subject.workspace.attributes.get(question.attribute)
    if attribute is None or subject.is_damaged("attributes", question.attribute):
        return
    if attribute.source is not Source.DECLARED:
        yield subject.fault(
            _KIND,
            name,
            "attribute",
            f"'{question.attribute}' is {attribute.source.value}: no answer can fill it.",
            value=question.attribute,
            hint=_declared(subject.workspace.attributes, question.attribute),
        )
    elif answer_kind(attribute) is None:
        yield subject.fault(
            _KIND,
            name,
            "attribute",
            f"Nobody can answer for '{question.attribute}': it is of type {attribute.type.value}"
            + ("." if attribute.type.value == "time" else " and has no closed values."),
            value=question.attribute,
            hint="Give the attribute values: to choose from."
            if attribute.type.value != "time"
            else "Ask for something that can be chosen, counted or written.",
        )
    if question.after < 0:
        yield subject.fault(
            _KIND, name, "after", "A number of pages is 0 or more.", value=question.after
        )
    if name == INDUSTRY != question.attribute:
        yield subject.fault(
            _KIND,
            name,
            "attribute",
            f"The question '{INDUSTRY}' is the one that persx asks by itself.",
            value=question.attribute,
            hint=f"Write attribute: {INDUSTRY}, or give the question another name.",
        )


def _declared(attributes: Mapping[str, Attribute], name: str) -> str:
    declared = [each for each, it in attributes.items() if it.source is Source.DECLARED]
    return did_you_mean(name, declared) or "Declare an attribute with source: declared."


def _quiz(subject: Subject, name: str, block: Block) -> Iterator[Fault]:
    layers: dict[str, Mapping[str, Any]] = {"content": block.content}
    layers |= {f"locales.{code}": texts for code, texts in block.locales.items()}
    for variant in block.variants:
        at = f"variants.{variant.name}"
        layers[f"{at}.content"] = variant.content
        layers |= {f"{at}.locales.{code}": texts for code, texts in variant.locales.items()}
    for path, content in layers.items():
        names = content.get("questions")
        if not isinstance(names, list):
            continue
        asked = [each for each in names if isinstance(each, str)]
        yield from subject.unknown("blocks", name, f"{path}.questions", _KIND, asked)
        yield from subject.repeated("blocks", name, f"{path}.questions", asked)
