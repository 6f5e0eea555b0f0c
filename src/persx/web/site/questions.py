"""The one question above a page: in words, and the answer where what was declared is in doubt."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.asking import Question, answer, doubt_key
from persx.app.questions import kind_of, put_question_aside, question_named
from persx.decide.plan import Plan
from persx.model.errors import BadInput, Forbidden
from persx.model.question import INDUSTRY
from persx.visitors.questions import settled
from persx.web.admin.session import back, same_origin
from persx.web.site.asking_views import Asking
from persx.web.site.errors import nothing_served
from persx.web.site.frame import START
from persx.web.site.known import Speaker
from persx.web.site.quiz import ASKED_ON, options_of, question_text
from persx.web.site.start import back_with_link
from persx.web.site.view import Option
from persx.web.site.words import words
from persx.web.visitors import (
    asking_session,
    remember_asked,
    remember_declared,
    services_of,
    visitor_of,
)

NO = "-"
"""The answer of somebody who does not want a suggestion added."""


def asking_view(question: Question, plan: Plan, locale: str) -> Asking:
    """Return a question in a visitor's language, filled in with what they declared."""
    if question.kind in ("stale", "drift"):
        return _doubt(question, plan, locale)
    if question.kind in ("link", "network"):
        return _supposed(question, plan, locale)
    said = words(locale)
    document = question_named(plan, question.name)
    assert document is not None
    options = options_of(plan, document, locale, question.suggestion or None)
    industry = question.kind == "industry"
    return Asking(
        question=said.ask_industry if industry else question_text(plan, document, "text", locale),
        why=said.ask_industry_why if industry else question_text(plan, document, "hint", locale),
        name=question.name,
        options=tuple(sorted(options, key=lambda each: not each.selected)),
        action="/preferences/answer",
        kind=ASKED_ON[kind_of(plan, document)],
        testid="reprompt" if industry else "question",
        send=said.asking.send,
        later=said.asking.later,
        key=question.key,
    )


def _supposed(question: Question, plan: Plan, locale: str) -> Asking:
    """Return the question for the industry that a link names, or that the network tells of."""
    said, speaker = words(locale), Speaker(plan, locale)
    shown = speaker.value(INDUSTRY, question.suggestion)
    mine = said.mine
    asked, why = (
        (mine.link_question, mine.link_why)
        if question.kind == "link"
        else (mine.network_question, mine.network_why)
    )
    others = [name for name in plan.workspace.industries if name != question.suggestion]
    return Asking(
        question=asked.format(industry=shown),
        why=why.format(industry=shown),
        name=INDUSTRY,
        options=(
            Option(
                value=question.suggestion, label=mine.yes_it_is.format(value=shown), selected=True
            ),
            *(Option(value=name, label=speaker.value(INDUSTRY, name)) for name in others),
        ),
        action="/preferences/answer",
        later=said.asking.later,
        key=question.key,
    )


def _doubt(question: Question, plan: Plan, locale: str) -> Asking:
    said, speaker = words(locale).mine, Speaker(plan, locale)
    name, suggestion = question.attribute, question.suggestion

    def say(value: str) -> str:
        return speaker.value(name, value)

    declared = question.declared
    shown = say(declared) if isinstance(declared, str) else speaker.value(name, list(declared))
    facts = {
        "declared": shown, "date": speaker.date(question.since), "suggestion": say(suggestion),
    }  # fmt: skip
    if question.kind == "stale":
        asked, why = said.stale_question, said.stale_why
        others = [value for value in plan.workspace.industries if value != declared]
        options = (
            Option(value=str(declared), label=said.still.format(value=shown), selected=True),
            *(Option(value=value, label=say(value)) for value in others),
        )
    elif isinstance(declared, str):
        asked, why = said.drift_question, said.drift_why
        options = (
            Option(value=declared, label=said.still.format(value=shown), selected=True),
            Option(value=suggestion, label=say(suggestion)),
        )
    else:
        asked, why = said.more_question, said.more_why
        options = (
            Option(value=NO, label=said.no_thanks, selected=True),
            Option(value=suggestion, label=said.yes_add),
        )
    return Asking(
        question=asked.format(**facts),
        why=why,
        name=name,
        options=options,
        suggestion=suggestion,
        # Who does not want something added says that, and is not asked for it again.
        later=words(locale).asking.later if isinstance(declared, str) else "",
        key=question.key,
    )


async def send_answer(request: Request) -> Response:
    """Take the answer to a question about what the visitor declared, or put it aside; lead back."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    form = await request.form(max_files=0, max_fields=20)
    fields = {
        name: value if isinstance(value := form.get(name), str) else ""
        for name in ("name", "value", "suggestion", "next")
    }
    target = fields.pop("next")
    response = back(target)
    if not same_origin(request):
        return response
    visitor = visitor_of(request)
    name, suggestion = fields["name"], fields["suggestion"]
    later = form.get("action") == "later"
    try:
        if later:
            state = await put_question_aside(services, plan, visitor, name)
        else:
            state = await answer(services, plan, visitor, **fields)
    except (BadInput, Forbidden):
        # The bar offers nothing that is not an answer, and nothing to those who did not allow it:
        # the form says what can be answered, and what sending it allows.
        return RedirectResponse(START, 303)
    if name == INDUSTRY and not later:
        response = back_with_link(plan, target, fields["value"])
    if state is not None:
        await remember_declared(request, response, plan, visitor, state)
    if later:
        session = settled(asking_session(request), doubt_key(name, suggestion), services.clock())
        remember_asked(response, services, session)
    return response
