"""Quizzes of a page, as one visitor gets them: the question that is next, in their language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from persx.app.questions import QuizPlace, kind_of, missing_for, place_in_quiz, values_of
from persx.content.blocks.quiz import QUIZ, QuizOption, QuizStep
from persx.content.texts import text_of
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Value
from persx.model.clock import Millis
from persx.model.decision import Decision
from persx.model.question import AnswerKind, QuestionDocument
from persx.model.visitor import Profile
from persx.visitors.questions import AskingSession
from persx.web.site.known import Speaker
from persx.web.site.view import Option
from persx.web.site.words import Words, words

ASKED_ON: Mapping[AnswerKind, str] = {
    AnswerKind.ONE: "one",
    AnswerKind.YES_NO: "one",
    AnswerKind.MANY: "many",
    AnswerKind.NUMBER: "number",
    AnswerKind.TEXT: "text",
}
"""Kind of answer → how a form takes it."""


def quiz_steps(
    plan: Plan,
    decisions: Sequence[Decision],
    profile: Profile,
    context: Mapping[str, Value],
    session: AskingSession,
    now: Millis,
    locale: str,
    back: str,
    problems: Mapping[str, str],
) -> dict[str, QuizStep]:
    """Return block name → where the visitor is in that quiz.

    Args:
        back: The path with its query that the answer leads back to.
        problems: Block name → what is wrong with the answer that was just sent.
    """
    steps = {}
    for decision in decisions:
        if decision.type != QUIZ.name:
            continue
        names = [str(name) for name in decision.content.get("questions", ())]
        place = place_in_quiz(plan, profile, context, now, names, session.done)
        steps[decision.block] = _step(
            plan, profile, locale, place, f"{back}#{decision.block}", problems.get(decision.block)
        )
    return steps


def _step(
    plan: Plan, profile: Profile, locale: str, place: QuizPlace, back: str, problem: str | None
) -> QuizStep:
    said = words(locale)
    if place.question is None:
        return QuizStep(of=place.of, position=place.position, change=said.asking.change)
    question = plan.workspace.questions[place.question]
    return QuizStep(
        question=question.name,
        text=question_text(plan, question, "text", locale),
        hint=question_text(plan, question, "hint", locale),
        kind=ASKED_ON[kind_of(plan, question)],
        options=tuple(
            QuizOption(value=each.value, label=each.label)
            for each in options_of(plan, question, locale)
        ),
        position=place.position,
        of=place.of,
        progress=said.asking.progress.format(position=place.position, of=place.of),
        note=permission(
            plan.attributes[question.attribute].purpose, profile, said, said.asking.allows
        ),
        back=back,
        answer=said.asking.answer,
        send=said.asking.send,
        later=said.asking.later,
        change=said.asking.change,
        problem=problem or "",
    )


def question_text(plan: Plan, question: QuestionDocument, field: str, locale: str) -> str:
    """Return the words of a question in a locale."""
    return text_of(question, field, locale, plan.workspace.locales)


def options_of(
    plan: Plan, question: QuestionDocument, locale: str, chosen: Value = None
) -> tuple[Option, ...]:
    """Return what there is to choose from, with what is chosen; nothing where it is written."""
    said, speaker = words(locale), Speaker(plan, locale)
    if kind_of(plan, question) is AnswerKind.YES_NO:
        return (
            Option(value="yes", label=said.privacy_yes.capitalize(), selected=chosen is True),
            Option(value="no", label=said.privacy_no.capitalize(), selected=chosen is False),
        )
    held = chosen if isinstance(chosen, list) else [chosen]
    return tuple(
        Option(value=value, label=speaker.value(question.attribute, value), selected=value in held)
        for value in values_of(plan, question)
    )


def permission(purpose: Purpose, profile: Profile, said: Words, form: str) -> str:
    """Say what sending a form allows that is not allowed yet; empty where it is.

    Args:
        form: The sentence around it.
    """
    labels = {
        Purpose.PERSONALIZATION: (said.consent_personalization, said.consent_personalization_text),
        Purpose.ANALYTICS: (said.consent_analytics, said.consent_analytics_text),
        Purpose.MARKETING: (said.consent_marketing, said.consent_marketing_text),
    }
    missing = [labels[each] for each in missing_for(purpose, profile.granted)]
    if not missing:
        return ""
    return form.format(purposes=" ".join(f"{label} – {text}" for label, text in missing))
