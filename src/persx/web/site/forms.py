"""Forms of pages: checked against the block's own fields, and logged as events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.deciding import decide_for
from persx.app.declaring import MAX_ANSWER, submit_form
from persx.app.publication import Served
from persx.model.workspace import Page
from persx.web.admin.session import same_origin
from persx.web.site.errors import not_found, nothing_served
from persx.web.site.pages import page_response
from persx.web.visitors import context_of, remember, services_of, visitor_of

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s.]{2,}")
_OURS: Final = frozenset({"page", "block", "next", "website", "csrf"})


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
    answers = {
        field: [text for text in sent.getlist(field) if isinstance(text, str)]
        for field in dict.fromkeys(sent.keys())
        if field not in _OURS
    }
    problem = _problem(decision.content.get("fields"), answers)
    if not same_origin(request):
        problem = "This form was sent from another site. Please send it from here."
    if problem:
        return await _again(request, served, page, name, answers, problem)
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
    response = RedirectResponse(f"{page.path}?{urlencode({'sent': name})}#{block.name}", 303)
    remember(response, services, served.plan, visitor)
    return response


async def _again(
    request: Request,
    served: Served,
    page: Page,
    form: str,
    answers: Mapping[str, Sequence[str]],
    problem: str,
) -> Response:
    values = {field: texts[0] if texts else "" for field, texts in answers.items()}
    return await page_response(
        request,
        served,
        page,
        status=422,
        form_errors={form: problem},
        form_values={form: values},
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _problem(fields: object, answers: Mapping[str, Sequence[str]]) -> str:
    """Return what is wrong with the answers, in words for their sender; empty if nothing."""
    if any(len(text) > MAX_ANSWER for texts in answers.values() for text in texts):
        return f"An answer is longer than {MAX_ANSWER} characters. Please shorten it."
    for field in fields if isinstance(fields, list) else []:
        name, label = str(field.get("name", "")), str(field.get("label", ""))
        given = [text.strip() for text in answers.get(name, ()) if text.strip()]
        if field.get("required") and not given:
            return f"Please fill in “{label}”."
        if field.get("type") == "email" and any(not _EMAIL.fullmatch(text) for text in given):
            return f"“{label}” does not look like an e-mail address."
        options = field.get("options") or []
        if field.get("type") == "select" and any(text not in options for text in given):
            return f"Please choose one of the options of “{label}”."
    return ""
