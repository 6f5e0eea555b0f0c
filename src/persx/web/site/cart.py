"""The cart's forms: put in, take out, order. They work alike with and without JavaScript."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.publication import Served
from persx.app.shopping import (
    MOST_PIECES,
    Sold,
    cart_of,
    cart_page,
    cart_settings,
    order,
    percent_of,
    put_in,
    sold_products,
    take_out,
)
from persx.app.visiting import Visitor, known_of
from persx.content.rendering import FormAgain
from persx.model.visitor import Profile
from persx.model.workspace import Page
from persx.web.admin.session import same_origin
from persx.web.site.errors import not_found, nothing_served
from persx.web.site.frame import CHOICES
from persx.web.site.pages import page_response
from persx.web.site.words import words
from persx.web.visitors import locale_of, remember, services_of, visitor_of

ACTIONS: Final = ("add", "remove", "order")


async def send_cart(request: Request) -> Response:
    """Take what a form wants done with the cart, and lead back to its page.

    Who allows nothing to be kept can have no cart; they are led to their choices.
    """
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    sent = await request.form(max_files=0, max_fields=20)
    said = {name: text for name, text in sent.items() if isinstance(text, str)}
    action = said.get("action", "")
    page = served.plan.workspace.pages.get(said.get("page", ""))
    wanted = said.get("product", "")
    product = sold_products(served.plan, [wanted]).get(wanted)
    if page is None or action not in ACTIONS or (product is None and action != "order"):
        return await not_found(request, served)
    visitor = visitor_of(request)
    profile = await known_of(services, served.plan, visitor)
    if not same_origin(request):
        problem = words(locale_of(request, served.plan)).form_foreign
        return await _again(request, served, page, said, problem)
    if not profile.storable:
        return RedirectResponse(f"{CHOICES}?{urlencode({'next': page.path})}", 303)
    if action == "order":
        response = await _order(request, served, page, said, visitor, profile)
    else:
        assert product is not None
        response = await _change(request, page, said, visitor, product)
    remember(request, response, served.plan, visitor, profile)
    return response


async def _change(
    request: Request, page: Page, said: dict[str, str], visitor: Visitor, product: Sold
) -> Response:
    services = services_of(request)
    if said["action"] == "remove":
        await take_out(services, visitor, product)
        return RedirectResponse(page.path, 303)
    quantity = said.get("quantity", "1")
    pieces = int(quantity) if quantity.isdecimal() and len(quantity) < 4 else 1
    await put_in(services, visitor, product, min(max(pieces, 1), MOST_PIECES))
    block = said.get("block", "")
    # On a shelf the browser goes back to the product; its own page begins with it.
    place = f"#{block}-{product.id}" if product.href != page.path and block in page.blocks else ""
    return RedirectResponse(f"{page.path}?{urlencode({'sent': product.id})}{place}", 303)


async def _order(
    request: Request,
    served: Served,
    page: Page,
    said: dict[str, str],
    visitor: Visitor,
    profile: Profile,
) -> Response:
    plan = served.plan
    cart = cart_settings(plan, locale_of(request, plan))
    lines = cart_of(plan, profile).lines
    target = cart_page(plan)
    if cart is None or target is None or not lines:
        return RedirectResponse(target.path if target else page.path, 303)
    code = said.get("code", "")
    if code.strip() and not percent_of(cart, code):
        return await _again(request, served, target, said, cart.wrong_code)
    await order(services_of(request), visitor, lines, cart, code)
    return RedirectResponse(f"{target.path}?{urlencode({'sent': 'order'})}#order", 303)


async def _again(
    request: Request, served: Served, page: Page, said: dict[str, str], problem: str
) -> Response:
    """Show the page again with what is wrong; nothing was done."""
    block = said.get("block", "")
    name = block if block in page.blocks else page.blocks[-1]
    again = {name: FormAgain(errors={"code": problem}, values={"code": said.get("code", "")[:60]})}
    return await page_response(request, served, page, status=422, again=again)
