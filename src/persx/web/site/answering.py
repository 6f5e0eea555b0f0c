"""Answering short questions: in the bar above a page, or one after the other in a quiz."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.asking import Question
from persx.app.publication import Served
from persx.app.questions import (
    NoAnswer,
    allow,
    answer_question,
    answered,
    missing_for,
    put_question_aside,
    question_named,
)
from persx.app.signing import SignedState
from persx.app.visiting import Visitor, granted_to, known_of
from persx.content.rendering import FormAgain
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.question import INDUSTRY, QuestionDocument
from persx.visitors.questions import settled
from persx.web.admin.session import BarChoice, back, choice_of, is_admin, same_origin
from persx.web.site.errors import nothing_served
from persx.web.site.frame import PREFERENCES, locale_for
from persx.web.site.pages import page_response
from persx.web.site.questions import asking_view
from persx.web.site.start import back_with_link
from persx.web.site.words import words
from persx.web.visitors import (
    asking_session,
    remember,
    remember_answers,
    remember_asked,
    remember_declared,
    services_of,
    visitor_of,
)


async def send_question(request: Request) -> Response:
    """Take the answer to a short question, or put it aside; lead back to where it was asked."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    plan = served.plan
    form = await request.form(max_files=0, max_fields=200)
    sent = {key: value for key, value in form.items() if isinstance(value, str)}
    question = question_named(plan, sent.get("name", ""))
    if question is None:
        return RedirectResponse(PREFERENCES, 303)
    said = words(_locale(request, plan)).asking
    visitor = visitor_of(request)
    session = settled(asking_session(request), question.name, services.clock())
    texts = [each for each in form.getlist("value") if isinstance(each, str)]

    async def again(problem: str) -> Response:
        return await _again(request, served, sent, question, texts, problem)

    if not same_origin(request):
        return await again(said.foreign)
    response = back(sent.get("next", ""))
    if sent.get("action") == "later":
        state = await put_question_aside(services, plan, visitor, question.name)
        await remember_answer(request, response, plan, visitor, state)
        remember_asked(response, services, session)
        return response
    try:
        value = answered(plan, question, texts)
    except NoAnswer as error:
        return await again(getattr(said, error.problem))
    if value is None:
        return await again(said.empty)
    granted = await granted_to(services, plan, visitor)
    missing = missing_for(plan.attributes[question.attribute].purpose, granted)
    if missing and sent.get("allows") != "yes":
        # Asked before they took their permission back: they are told what it would allow.
        return await again("")
    # The form says so above its button: answering allows what it is for.
    visitor = await allow(services, plan, visitor, missing, "quiz")
    state = await answer_question(services, plan, visitor, question, value)
    if question.attribute == INDUSTRY:
        response = back_with_link(plan, sent.get("next", ""), str(value))
    await remember_answer(request, response, plan, visitor, state)
    remember_asked(response, services, session)
    return response


async def remember_answer(
    request: Request, response: Response, plan: Plan, visitor: Visitor, state: SignedState | None
) -> None:
    """Set the cookies of a visitor who answered; of one who allows nothing there is none."""
    if state is None:
        return
    services = services_of(request)
    if Purpose.PERSONALIZATION in await granted_to(services, plan, visitor):
        await remember_declared(request, response, plan, visitor, state)
    else:
        after = msgspec.structs.replace(visitor, new=False)
        remember(request, response, plan, after, await known_of(services, plan, after))
    if visitor.answers:
        remember_answers(response, services, plan, visitor.answers)


async def _again(
    request: Request,
    served: Served,
    sent: Mapping[str, str],
    question: QuestionDocument,
    texts: Sequence[str],
    problem: str,
) -> Response:
    """Put the question again where it was asked, with what is wrong and what was answered.

    What has to be allowed first, and what was asked nowhere, can be answered in the preferences.
    """
    plan = served.plan
    page = plan.workspace.pages.get(sent.get("page", ""))
    block = sent.get("block", "")
    if page is not None and block in page.blocks:
        again = {block: FormAgain(errors={"": problem} if problem else {})}
        return await page_response(request, served, page, status=422, again=again)
    page = plan.paths.get(re.split(r"[?#]", sent.get("next", ""))[0])
    if page is None or not problem:
        return RedirectResponse(f"{PREFERENCES}?problem=answer", 303)
    kind: Literal["industry", "short"] = "industry" if question.name == INDUSTRY else "short"
    put = Question(kind=kind, attribute=question.attribute, name=question.name)
    asking = asking_view(put, plan, _locale(request, plan))
    asking = msgspec.structs.replace(
        asking,
        value=texts[0][:500] if texts else "",
        options=tuple(
            msgspec.structs.replace(each, selected=asking.kind == "many" and each.value in texts)
            for each in asking.options
        ),
        problem=problem,
    )
    return await page_response(request, served, page, status=422, asking=asking)


def _locale(request: Request, plan: Plan) -> str:
    return locale_for(request, plan, choice_of(request) if is_admin(request) else BarChoice())
