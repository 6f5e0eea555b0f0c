"""Why a page was as it was, told by the receipt that it carried: of its visitor nothing is kept."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.carried import DAYS, ReceiptExpired
from persx.app.receipts import carried_receipt
from persx.app.visiting import known_of
from persx.model.errors import NotFound
from persx.web.admin.session import BarChoice, choice_of, is_admin
from persx.web.html import answer
from persx.web.site.errors import nothing_served
from persx.web.site.frame import PRIVACY, WHY, frame, locale_for
from persx.web.site.known import Speaker
from persx.web.site.views import PageWhyView, View, render
from persx.web.site.words import words
from persx.web.visitors import services_of, visitor_of


class WhyView(View, frozen=True, kw_only=True):
    """The receipt of one page, or why there is none.

    Attributes:
        problem: What is wrong with the link, in words.
        back: The page that it was about.
    """

    template: ClassVar[str] = "site/why.html"

    page: PageWhyView | None = None
    problem: str = ""
    back: str = "/"


async def show_why(request: Request) -> Response:
    """Explain a page by its own receipt; keep nothing of it."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    token = request.query_params.get("page", "")
    if not token:
        return RedirectResponse(f"{PRIVACY}#why", 303)
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    locale = locale_for(request, plan, choice)
    said, status = words(locale).mine, 200
    try:
        receipt = await carried_receipt(services, token)
        told = Speaker(plan, locale).page(
            receipt, services.rulebooks.get(receipt.snapshot), own=True
        )
        page = plan.workspace.pages.get(receipt.page)
        view = WhyView(
            page=msgspec.structs.replace(told, href=f"/v1/decisions/{token}"),
            back=page.path if page else "/",
        )
    except ReceiptExpired:
        view, status = WhyView(problem=said.why_expired.format(days=DAYS)), 410
    except NotFound:
        view, status = WhyView(problem=said.why_foreign), 404
    profile = await known_of(services, plan, visitor_of(request, make=False))
    site = frame(request, plan, profile, locale, admin=admin, choice=choice, path=WHY)
    return answer(render(site, view), status)
