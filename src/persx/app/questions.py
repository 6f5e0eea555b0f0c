"""Short questions: which of them a visitor may be asked, and what becomes of an answer."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from persx.app.consenting import answer
from persx.app.declaring import check_facts, declare, declared_value
from persx.app.knowledge import with_moment
from persx.app.services import Services
from persx.app.signing import SignedState
from persx.app.visiting import Visitor, granted_to
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Value
from persx.model.clock import Millis
from persx.model.errors import BadInput
from persx.model.question import INDUSTRY, AnswerKind, QuestionDocument, answer_kind
from persx.model.visitor import Profile
from persx.visitors.consent import ASKED, storable
from persx.visitors.preferences import GENERIC_CONTENT, put_aside
from persx.visitors.questions import left, rests

LONGEST_ANSWER: Final = 200
"""Characters of a short text."""

_NOTHING: Final[tuple[Value, ...]] = (None, "", [])


class NoAnswer(BadInput):
    """What was sent answers nothing. `problem` is ``empty``, ``number``, ``choice`` or ``long``."""

    def __init__(self, problem: str, value: object = None) -> None:
        super().__init__(f"This is no answer ({problem}).", value=value)
        self.problem = problem


class QuizPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a visitor is in a quiz: the next question, and its place among all."""

    question: str | None
    position: int
    of: int


def question_named(plan: Plan, name: str) -> QuestionDocument | None:
    """Return a question of the workspace, or the one for the industry that persx asks itself."""
    found = plan.workspace.questions.get(name)
    if found is None and name == INDUSTRY and INDUSTRY in plan.attributes:
        return QuestionDocument(name=INDUSTRY, attribute=INDUSTRY, text="")
    return found


def kind_of(plan: Plan, question: QuestionDocument) -> AnswerKind:
    """Return how a question of a published workspace is answered."""
    attribute = plan.attributes[question.attribute]
    if question.attribute == INDUSTRY:
        return AnswerKind.ONE
    return answer_kind(attribute) or AnswerKind.TEXT


def values_of(plan: Plan, question: QuestionDocument) -> tuple[str, ...]:
    """Return the values that a question offers; none where the answer is written."""
    values = plan.attributes[question.attribute].values
    if not values and question.attribute == INDUSTRY:
        return tuple(plan.workspace.industries)
    return values if isinstance(values, tuple) else ()


def is_known(profile: Profile, attribute: str) -> bool:
    """Tell whether an attribute's value is known, be it that it may not be used."""
    return attribute in profile.withheld or profile.attributes.get(attribute) not in _NOTHING


def is_resting(
    plan: Plan, profile: Profile, question: str, now: Millis, *, since: Millis = 0
) -> bool:
    """Tell whether the visitor put a question aside, not long ago, and not before `since`."""
    days = plan.workspace.settings.question_rest_days
    at = profile.attributes.get(put_aside(question))
    return rests(at, now, days) and isinstance(at, int) and at >= since


def concerned(
    plan: Plan, profile: Profile, context: Mapping[str, Value], now: Millis, names: Iterable[str]
) -> Iterator[str]:
    """Yield those of the questions whose rule holds for the visitor."""
    seen = with_moment(plan, {**profile.attributes, **context}, profile, now)
    for name in names:
        question = plan.workspace.questions.get(name)
        if question is None:
            continue
        if not question.when or plan.program.predicate(question.when)(seen, now, {}):
            yield name


def short_questions(
    plan: Plan, profile: Profile, context: Mapping[str, Value], now: Millis
) -> list[QuestionDocument]:
    """Return the questions that the visitor may be asked by themselves, what comes first first.

    Left out are those whose answer is known, whose purpose the visitor does not allow, and
    those that rest; who wants what is meant for everybody is asked nothing.
    """
    if profile.attributes.get(GENERIC_CONTENT) is True:
        return []
    questions = plan.workspace.questions
    asked = [
        name
        for name in sorted(questions, key=lambda name: questions[name].order)
        if questions[name].alone
        and questions[name].attribute != INDUSTRY
        and _allowed(plan, profile, questions[name])
        and not is_known(profile, questions[name].attribute)
        and not is_resting(plan, profile, name, now)
    ]
    return [questions[name] for name in concerned(plan, profile, context, now, asked)]


def asks_industry(plan: Plan, profile: Profile, now: Millis) -> bool:
    """Tell whether the visitor, whose industry is not known, may be asked for it by itself."""
    return not is_known(profile, INDUSTRY) and may_ask_industry(plan, profile, now)


def may_ask_industry(plan: Plan, profile: Profile, now: Millis) -> bool:
    """Tell whether the visitor may be asked for their industry."""
    question = question_named(plan, INDUSTRY)
    return (
        question is not None
        and bool(plan.workspace.industries)
        and profile.attributes.get(GENERIC_CONTENT) is not True
        and _allowed(plan, profile, question)
        and not is_resting(plan, profile, INDUSTRY, now)
    )


def _allowed(plan: Plan, profile: Profile, question: QuestionDocument) -> bool:
    return not missing_for(plan.attributes[question.attribute].purpose, profile.granted)


def place_in_quiz(
    plan: Plan,
    profile: Profile,
    context: Mapping[str, Value],
    now: Millis,
    names: Sequence[str],
    done: Container[str],
) -> QuizPlace:
    """Return where a visitor is in a quiz.

    Args:
        names: The questions of the quiz.
        done: What was answered or put aside in the session.
    """
    questions = plan.workspace.questions
    asked = list(concerned(plan, profile, context, now, names))
    known = [name for name in asked if is_known(profile, questions[name].attribute)]
    aside = [name for name in asked if name in done or is_resting(plan, profile, name, now)]
    open_ = left(asked, known, aside)
    return QuizPlace(
        question=open_[0] if open_ else None,
        position=len(asked) - len(open_) + 1,
        of=len(asked),
    )


def answered(plan: Plan, question: QuestionDocument, texts: Sequence[str]) -> object:
    """Return what a form's texts answer to a question; None where they answer nothing.

    Raises:
        NoAnswer: It is none of the answers that there are, no number, or too long.
    """
    attribute = plan.attributes[question.attribute]
    kind = kind_of(plan, question)
    if any(len(text) > LONGEST_ANSWER for text in texts):
        raise NoAnswer("long")
    try:
        value = declared_value(attribute, texts)
        if value in _NOTHING:
            return None
        check_facts(plan, {attribute.name: value})
    except BadInput as error:
        raise NoAnswer("number" if kind is AnswerKind.NUMBER else "choice", texts) from error
    offered = values_of(plan, question)
    chosen = value if isinstance(value, list) else [value]
    if offered and any(each not in offered for each in chosen):
        raise NoAnswer("choice", texts)
    return value


async def answer_question(
    services: Services, plan: Plan, visitor: Visitor, question: QuestionDocument, value: object
) -> SignedState:
    """Declare the answer to a question; return the state that the visitor's cookie shall carry."""
    return await declare(services, plan, visitor, {question.attribute: value})


async def put_question_aside(
    services: Services, plan: Plan, visitor: Visitor, question: str
) -> SignedState | None:
    """Note that a visitor put a question aside; return the state for their cookie.

    Of a visitor who allows no storage nothing is kept; their session remembers it.
    """
    if not storable(await granted_to(services, plan, visitor)):
        return None
    return await declare(services, plan, visitor, {put_aside(question): services.clock()})


def missing_for(purpose: Purpose, granted: Container[Purpose]) -> tuple[Purpose, ...]:
    """Return what a visitor has to allow still, for an answer of this purpose to be kept.

    >>> missing_for(Purpose.MARKETING, {Purpose.NECESSARY})
    (<Purpose.PERSONALIZATION: 'personalization'>, <Purpose.MARKETING: 'marketing'>)
    """
    after = {each for each in Purpose if each in granted} | {purpose}
    if not storable(frozenset(after)):
        after.add(Purpose.PERSONALIZATION)
    return tuple(each for each in ASKED if each in after and each not in granted)


async def allow(
    services: Services, plan: Plan, visitor: Visitor, purposes: Sequence[Purpose], source: str
) -> Visitor:
    """Take a form that says so for a permission that is missing; return the visitor so.

    Args:
        source: Where it was said; it is kept with the permission.
    """
    if not purposes:
        return visitor
    given = await answer(services, plan, visitor, dict.fromkeys(purposes, True), source=source)
    return msgspec.structs.replace(visitor, answers=given.answers)
