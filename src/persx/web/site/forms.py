"""Forms of pages: checked against the block's own fields, and logged as events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.deciding import decide_for
from persx.app.declaring import MAX_ANSWER, submit_form
from persx.content.blocks.contact_form import CONTACT_FORM, RESERVED, ContactForm, FormField
from persx.content.rendering import FormAgain
from persx.web.admin.session import BarChoice, choice_of, is_admin, same_origin
from persx.web.site.errors import not_found, nothing_served
from persx.web.site.frame import locale_for
from persx.web.site.pages import page_response
from persx.web.site.words import Words, words
from persx.web.visitors import context_of, remember, services_of, visitor_of

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s.]{2,}")


async def send_form(request: Request) -> Response:
    """Take a form's answers; the page then shows its thanks, or what is wrong."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    sent = await request.form(max_files=0, max_fields=200)
    name = request.path_params["form"]
    page = served.plan.workspace.pages.get(_text(sent, "page"))
    block = served.plan.blocks.get(_text(sent, "block"))
    if page is None or block is None or block.name not in page.blocks:
        return await not_found(request, served)
    visitor = visitor_of(request)
    decided = await decide_for(
        services,
        visitor,
        plan=served.plan,
        page=served.plan.page_of((block.name,)),
        context=context_of(request, served.plan, page.path),
        log=False,
    )
    (decision,) = decided.decision.decisions
    fields: tuple[FormField, ...] | None = None
    if served.plan.workspace.blocks[block.name].type == CONTACT_FORM.name:
        content = msgspec.convert(decision.content, ContactForm)
        if content.form != name:
            return await not_found(request, served)
        fields = content.fields
    answers = {
        field: [text for text in sent.getlist(field) if isinstance(text, str)]
        for field in dict.fromkeys(sent.keys())
        if _is_answer(field, fields)
    }
    choice = choice_of(request) if is_admin(request) else BarChoice()
    said = words(locale_for(request, served.plan, choice))
    errors = _errors(fields or (), answers, said)
    if not same_origin(request):
        errors = {"": said.form_foreign}
    if errors:
        values = {field: texts[0] if texts else "" for field, texts in answers.items()}
        again = {block.name: FormAgain(errors=errors, values=values)}
        return await page_response(request, served, page, status=422, again=again)
    # A person leaves the hidden field empty; a machine that fills it in is thanked, and ignored.
    if not _text(sent, "website"):
        known: Mapping[str, Any] = decided.profile.attributes
        shown = {"variant": decision.variant, "reason": decision.reason.value}
        shown |= {
            key: str(known[key]) for key in ("industry", "persona") if known.get(key) is not None
        }
        await submit_form(
            services,
            visitor,
            form=name,
            page=page.path,
            block=block.name,
            answers=answers,
            decision=shown,
        )
    response = RedirectResponse(f"{page.path}?{urlencode({'sent': name})}#{name}", 303)
    remember(request, response, served.plan, visitor, decided.profile)
    return response


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _is_answer(name: str, fields: Sequence[FormField] | None) -> bool:
    """Tell whether something sent answers a question; types of the workspace ask what they like."""
    if fields is None:
        return name not in RESERVED
    return any(name == field.name for field in fields)


def _errors(
    fields: Sequence[FormField], answers: Mapping[str, Sequence[str]], said: Words
) -> dict[str, str]:
    """Return field → what is wrong with its answer, in words for their sender."""
    labels = {field.name: field.label for field in fields}
    errors = {
        name: said.form_long.format(label=labels.get(name, name), most=MAX_ANSWER)
        for name, texts in answers.items()
        if any(len(text) > MAX_ANSWER for text in texts)
    }
    for field in fields:
        given = [text.strip() for text in answers.get(field.name, ()) if text.strip()]
        problem = ""
        if field.required and not given:
            problem = said.form_required
        elif field.type == "email" and any(not _EMAIL.fullmatch(text) for text in given):
            problem = said.form_email
        elif field.type == "select" and any(text not in field.options for text in given):
            problem = said.form_option
        if problem:
            errors.setdefault(field.name, problem.format(label=field.label))
    return errors
