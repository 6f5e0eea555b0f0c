"""The preference centre: all that a visitor told or may tell, to see and to change in one place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.declaring import declare
from persx.app.knowledge import Knowledge, knowledge_of
from persx.app.questions import (
    NoAnswer,
    allow,
    answered,
    concerned,
    is_known,
    kind_of,
    missing_for,
)
from persx.app.visiting import Visitor, granted_to, known_of
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Value
from persx.model.event import user_key
from persx.model.question import AnswerKind, QuestionDocument
from persx.web.admin.session import BarChoice, choice_of, is_admin, same_origin
from persx.web.html import answer
from persx.web.site.answering import remember_answer
from persx.web.site.asking_views import (
    PreferenceField,
    PreferenceSection,
    PreferencesView,
    ToldFact,
)
from persx.web.site.errors import nothing_served
from persx.web.site.frame import PREFERENCES, START, frame, locale_for
from persx.web.site.known import Speaker
from persx.web.site.quiz import ASKED_ON, options_of, permission, question_text
from persx.web.site.view import Option
from persx.web.site.views import render
from persx.web.site.words import words
from persx.web.visitors import context_of, services_of, visitor_of
from persx.workspace.attribute_uses import ON_START

SECTIONS: Final = (
    Purpose.PERSONALIZATION,
    Purpose.MARKETING,
    Purpose.ANALYTICS,
    Purpose.NECESSARY,
)
"""The purposes in the order in which the page has them: each is a form, and allowed by itself."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Whose(msgspec.Struct, frozen=True):
    """Whose preferences are shown: the bearer's, or those that a signed link leads to.

    Attributes:
        link: The link's token; empty where it is the bearer.
        broken: There was a token, and it is not ours, too old, or of somebody who was erased.
    """

    visitor: Visitor
    link: str = ""
    broken: bool = False


def whose(request: Request, token: object) -> Whose:
    """Return whose preferences a request is about; ids in it count for nothing."""
    bearer = visitor_of(request)
    if not isinstance(token, str) or not token:
        return Whose(bearer)
    services = services_of(request)
    found = services.signer.read_preferences(token)
    if found is None or services.erased.covers(user_key(found[0]), found[1]):
        return Whose(bearer, broken=True)
    return Whose(Visitor(user_id=found[0], trusted=True, gpc=bearer.gpc), token)


async def show_preferences(request: Request) -> Response:
    """Show what the visitor told and may tell, with a form for each purpose."""
    plan = services_of(request).publication.plan
    if plan is None:
        return nothing_served()
    said = words(_locale(request, plan)).asking
    owner = whose(request, request.query_params.get("for"))
    problem = said.not_taken if request.query_params.get("problem") else ""
    return await _page(request, plan, owner, said.broken_link if owner.broken else problem)


async def send_preferences(request: Request) -> Response:
    """Keep what one section says: what is left empty is forgotten."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    form = await request.form(max_files=0, max_fields=500)
    said = words(_locale(request, plan)).asking
    owner = whose(request, form.get("for"))
    visitor = owner.visitor
    if owner.broken:
        return await _page(request, plan, owner, said.broken_link)
    if not same_origin(request):
        return await _page(request, plan, owner, said.foreign)
    purpose = next((each for each in SECTIONS if each.value == form.get("section")), None)
    known = await knowledge_of(services, plan, visitor, context_of(request, plan, PREFERENCES))
    if purpose is None:
        return RedirectResponse(PREFERENCES, 303)
    given: dict[str, object] = {}
    problems: dict[str, str] = {}
    for question in _questions(plan, known, request)[purpose]:
        # A section that is sent says all that it asks; without that mark it was not shown.
        if question.name not in form.getlist("asked"):
            continue
        try:
            given[question.attribute] = answered(plan, question, _texts(form, question.name))
        except NoAnswer as error:
            problems[question.name] = getattr(said, error.problem)
    if problems:
        return await _page(request, plan, owner, said.not_saved, problems, form)
    if any(value is not None for value in given.values()):
        missing = missing_for(purpose, await granted_to(services, plan, visitor))
        if missing and form.get("allows") != "yes":
            return await _page(request, plan, owner, said.not_saved, problems, form)
        # The section says so above its button: saving it allows what it is for.
        visitor = await allow(services, plan, visitor, missing, "preference centre")
    else:
        given = {name: None for name in given if is_known(known.profile, name)}
    query = {"saved": purpose.value} | ({"for": owner.link} if owner.link else {})
    response = RedirectResponse(f"{PREFERENCES}?{urlencode(query)}#{purpose.value}", 303)
    if given:
        state = await declare(services, plan, visitor, given)
        if not owner.link:
            # Who comes by a link is not taken for its owner anywhere else.
            await remember_answer(request, response, plan, visitor, state)
    return response


def _texts(form: FormData, name: str) -> list[str]:
    return [each for each in form.getlist(f"value.{name}") if isinstance(each, str)]


def _questions(
    plan: Plan, known: Knowledge, request: Request
) -> dict[Purpose, list[QuestionDocument]]:
    """Return the questions of each purpose: those for this visitor, one for each attribute."""
    questions = plan.workspace.questions
    context = context_of(request, plan, PREFERENCES)
    now = services_of(request).clock()
    names = sorted(questions, key=lambda name: questions[name].order)
    for_them = set(concerned(plan, known.profile, context, now, names))
    found: dict[Purpose, list[QuestionDocument]] = {purpose: [] for purpose in SECTIONS}
    taken: set[str] = set(ON_START)
    for name in names:
        question = questions[name]
        told = is_known(known.profile, question.attribute)
        if question.attribute not in taken and (told or name in for_them):
            taken.add(question.attribute)
            found[plan.attributes[question.attribute].purpose].append(question)
    return found


async def _page(
    request: Request,
    plan: Plan,
    owner: Whose,
    problem: str = "",
    problems: Mapping[str, str] = _NONE,
    form: FormData | None = None,
) -> Response:
    services = services_of(request)
    context = context_of(request, plan, PREFERENCES)
    known = await knowledge_of(services, plan, owner.visitor, context)
    # What frames the page is the bearer's own.
    own = await known_of(services, plan, visitor_of(request)) if owner.link else known.profile
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    locale = locale_for(request, plan, choice)
    said, speaker = words(locale), Speaker(plan, locale)
    values: dict[str, Value] = {fact.name: fact.value for fact in known.facts}
    saved = request.query_params.get("saved", "")
    sections = []
    for purpose, questions in _questions(plan, known, request).items():
        if not questions:
            continue
        sections.append(
            PreferenceSection(
                purpose=purpose.value,
                title=getattr(said.asking, purpose.value),
                text=getattr(said.asking, f"{purpose.value}_text"),
                fields=tuple(
                    _field(plan, each, locale, values.get(each.attribute), problems, form)
                    for each in questions
                ),
                note=permission(purpose, known.profile, said, said.asking.save_allows),
                saved=saved == purpose.value and not problem,
            )
        )
    view = PreferencesView(
        about_you=tuple(
            ToldFact(
                label=speaker.label(name),
                value=speaker.value(name, values[name]) if values.get(name) else "",
            )
            for name in ON_START
            if name in plan.workspace.attributes and plan.workspace.industries and not owner.link
        ),
        start_href=f"{START}?{urlencode({'next': PREFERENCES})}",
        sections=tuple(sections),
        problem=problem,
    )
    site = frame(request, plan, own, locale, admin=admin, choice=choice, path=PREFERENCES)
    failed = problem and request.method == "POST"
    response = answer(render(site, view), 422 if failed else 200)
    # The address may hold the link.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _field(
    plan: Plan,
    question: QuestionDocument,
    locale: str,
    value: Value,
    problems: Mapping[str, str],
    form: FormData | None,
) -> PreferenceField:
    """Return a question filled in with what is known, or with what was just sent."""
    kind = kind_of(plan, question)
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    options = options_of(plan, question, locale, value)
    if form is not None and question.name in form.getlist("asked"):
        sent = _texts(form, question.name)
        text = sent[0][:500] if sent else ""
        options = tuple(
            Option(value=each.value, label=each.label, selected=each.value in sent)
            for each in options
        )
    if kind in (AnswerKind.ONE, AnswerKind.YES_NO):
        none = words(locale).asking.no_answer
        chosen = any(each.selected for each in options)
        options = (*options, Option(value="", label=none, selected=not chosen))
    return PreferenceField(
        name=question.name,
        label=question_text(plan, question, "text", locale),
        hint=question_text(plan, question, "hint", locale),
        kind=ASKED_ON[kind],
        value=text if not options else "",
        options=options,
        problem=problems.get(question.name, ""),
    )


def _locale(request: Request, plan: Plan) -> str:
    return locale_for(request, plan, choice_of(request) if is_admin(request) else BarChoice())
