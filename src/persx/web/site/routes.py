"""Routes of the site. The pages come last: a workspace decides on the paths that are left."""

from __future__ import annotations

from starlette.routing import Route

from persx.web import html
from persx.web.site.answering import send_question
from persx.web.site.cart import send_cart
from persx.web.site.consent import send_consent, send_withdrawn, show_choices
from persx.web.site.forms import send_form
from persx.web.site.pages import show
from persx.web.site.preferences import send_preferences, show_preferences
from persx.web.site.privacy import send_erase, send_privacy, show_erase, show_privacy
from persx.web.site.questions import send_answer
from persx.web.site.start import send_start, show_start
from persx.web.site.why import show_why


def routes() -> list[Route]:
    """Return the routes of the site."""
    return [
        *html.routes(),
        Route("/start", show_start, methods=["GET"]),
        Route("/start", send_start, methods=["POST"]),
        Route("/privacy", show_privacy, methods=["GET"]),
        Route("/privacy", send_privacy, methods=["POST"]),
        Route("/privacy/why", show_why, methods=["GET"]),
        Route("/privacy/choices", show_choices, methods=["GET"]),
        Route("/privacy/consent", send_consent, methods=["POST"]),
        Route("/privacy/withdrawn", send_withdrawn, methods=["POST"]),
        Route("/privacy/answer", send_answer, methods=["POST"]),
        Route("/privacy/erase", show_erase, methods=["GET"]),
        Route("/privacy/erase", send_erase, methods=["POST"]),
        Route("/preferences", show_preferences, methods=["GET"]),
        Route("/preferences", send_preferences, methods=["POST"]),
        Route("/preferences/answer", send_question, methods=["POST"]),
        Route("/forms/{form}", send_form, methods=["POST"]),
        Route("/shop/cart", send_cart, methods=["POST"]),
        Route("/{path:path}", show, methods=["GET"]),
    ]
