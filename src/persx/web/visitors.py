"""Visitors over HTTP: the cookies that we set, and what a request tells of its sender."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.hints import link_name, linked_industry
from persx.app.services import Services
from persx.app.signing import SignedState
from persx.app.visiting import Visitor, known_of, new_id
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Source, Value
from persx.model.clock import DAY, SECOND
from persx.model.event import anonymous_key
from persx.model.question import INDUSTRY
from persx.model.visitor import Grant, Profile
from persx.model.workspace import ConsentMode
from persx.visitors.consent import STORAGE, add, granted, storable
from persx.visitors.questions import AskingSession, resumed
from persx.visitors.reduction import is_bot_agent, reduced_address


class Cookie(msgspec.Struct, frozen=True):
    """A cookie that persx sets: its name, what it is for, and how long it lives.

    Attributes:
        needs: The purposes of which one has to be granted for it to be set.
    """

    name: str
    purpose: str
    lifetime: str
    needs: tuple[Purpose, ...] = (Purpose.NECESSARY,)


VISITOR: Final = Cookie(
    "persx_visitor",
    "Signed random id of the visitor, so that the next page knows what the last one learned.",
    "settings.visitor_cookie_days (390 days unless set), counted from the last page",
    STORAGE,
)
STATE: Final = Cookie(
    "persx_state",
    "Signed copy of what the visitor declared (industry, goals, tools), for the next page.",
    "settings.industry_cookie_days (7 days unless set), counted from the declaration",
    (Purpose.PERSONALIZATION,),
)
CONSENT: Final = Cookie(
    "persx_consent",
    "Signed answer to what the visitor's data may be used for; it holds no id.",
    "settings.consent.days (365 days unless set), counted from the answer",
)
ASKED: Final = Cookie(
    "persx_asked",
    "Signed list of the questions that the session asked and of those that were put aside, so "
    "that nobody asks twice; it holds no id. Set where personalization is allowed, or once a "
    "question is put aside.",
    "until the browser closes; half an hour without a page begins a new list",
)
ADMIN: Final = Cookie(
    "persx_admin",
    "Random token of the session of somebody of the team who signed in; sent to `/admin` only.",
    "until they sign out, 2 hours after the last page, 12 hours at most",
)
SIGN_IN: Final = Cookie(
    "persx_signin",
    "Signed state of somebody of the team who is signing in; sent to `/admin` only.",
    "12 hours",
)
DEVICE: Final = Cookie(
    "persx_device",
    "Signed mark of a device on which somebody of the team has signed in, so that strangers who "
    "guess passwords do not slow them down; sent to `/admin` only.",
    "180 days",
)
PREVIEW: Final = Cookie(
    "persx_preview",
    "Signed choice of the admin utility bar, for somebody of the team who signed in.",
    "as long as the session",
)
LOCALE: Final = Cookie("persx_locale", "The language that was chosen in the header.", "1 year")
LINK: Final = Cookie(
    "persx_link",
    "The industry that the followed link named, for the next page; until the visitor says theirs.",
    "until the browser closes",
    (Purpose.PERSONALIZATION,),
)
COOKIES: Final = (VISITOR, STATE, LINK, CONSENT, ASKED, LOCALE, ADMIN, PREVIEW, SIGN_IN, DEVICE)

SERVICES: Final = "persx.services"
"""Where a request holds the services that answer it, if they are not everybody's."""

_LONGEST_TAG: Final = 100
_PHONE: Final = re.compile(r"iphone|ipod|android.+mobile|windows phone", re.IGNORECASE)
_TABLET: Final = re.compile(r"ipad|android|tablet|kindle", re.IGNORECASE)


def services_of(request: Request) -> Services:
    """Return what the application works with."""
    # Probes are answered with services of their own.
    services: Services = request.scope.get(SERVICES) or request.app.state.services
    return services


def is_human(request: Request) -> bool:
    """Tell whether a person is about to see the answer: no bot, no prefetch, no HEAD."""
    return (
        request.method != "HEAD"
        and "prefetch" not in request.headers.get("sec-purpose", "")
        and "prefetch" not in request.headers.get("purpose", "")
        and not is_bot(request)
    )


def is_bot(request: Request) -> bool:
    """Tell whether a request says that a bot sent it, and bots are to count nothing."""
    agent = request.headers.get("user-agent", "")[:500]
    return services_of(request).settings.bots and is_bot_agent(agent)


def visitor_of(request: Request, *, make: bool = True) -> Visitor:
    """Return who a request comes from, by our signed cookies; a new visitor where it has none.

    Who has denied storage has no id, whatever other cookies are left.
    """
    services = services_of(request)
    cookies = request.cookies
    plan = services.publication.plan
    gpc = request.headers.get("sec-gpc") == "1"
    answers = answers_in(request)
    if answers and plan and not storable(granted(answers, _mode(plan), gpc=gpc)):
        made = new_id() if make else ""
        return Visitor(anonymous_id=made, trusted=True, new=True, answers=answers, gpc=gpc)
    anonymous_id = services.signer.read_visitor(cookies.get(VISITOR.name, ""))
    state = services.signer.read_state(cookies.get(STATE.name, ""))
    days = plan.workspace.settings.industry_cookie_days if plan else 0
    if state is not None and services.clock() - state.at > days * DAY:
        state = None
    if state is not None and services.erased.covers(anonymous_key(anonymous_id), state.at):
        # What the browser still carries from before its owner's erasure.
        state = None
    return Visitor(
        anonymous_id=anonymous_id or (new_id() if make else ""),
        trusted=True,
        new=not anonymous_id,
        declared=state.facts if state else {},
        declared_at=state.at if state else 0,
        answers=answers,
        gpc=gpc,
        link=_link_in(request, plan) if plan else "",
        address=request.client.host if request.client and services.network.opened else "",
    )


def _link_in(request: Request, plan: Plan) -> str:
    """Return the industry that the link of this request names, or of an earlier one."""
    named = ""
    if request.scope["query_string"]:
        named = linked_industry(plan, request.query_params.get(INDUSTRY, ""))
    return named or linked_industry(plan, request.cookies.get(LINK.name, ""))


def answers_in(request: Request) -> dict[Purpose, Grant]:
    """Return what this browser answered to the question of consent, by its signed cookie."""
    text = request.cookies.get(CONSENT.name)
    return services_of(request).signer.read_consent(text) if text else {}


def _mode(plan: Plan) -> ConsentMode:
    return plan.workspace.settings.consent.mode


def network_of(request: Request) -> str:
    """Return the network that a request came from, made coarse; empty where that is not known."""
    return reduced_address(request.client.host) if request.client else ""


def set_cookie(
    response: Response,
    services: Services,
    cookie: Cookie,
    value: str,
    max_age: int | None,
    *,
    path: str = "/",
) -> None:
    """Set one of our cookies: first-party, HttpOnly, SameSite=Lax, Secure behind https."""
    response.set_cookie(
        cookie.name,
        value,
        max_age=max_age,
        path=path,
        httponly=True,
        samesite="lax",
        secure=services.settings.public_url.startswith("https:"),
    )


def remember(
    request: Request, response: Response, plan: Plan, visitor: Visitor, profile: Profile
) -> None:
    """Set the visitor cookie, or prolong it; where the visitor allows no storage, take it away.

    Args:
        profile: What may be known of the visitor after this request.
    """
    services = services_of(request)
    settings = plan.workspace.settings
    if profile.storable:
        value = services.signer.visitor(visitor.anonymous_id)
        set_cookie(response, services, VISITOR, value, settings.visitor_cookie_days * DAY // SECOND)
    elif profile.consent:
        # Denied on another device: without the id this one could not know of it any more.
        answers = dict(profile.consent)
        add(answers, visitor.answers)
        if answers != visitor.answers:
            remember_answers(response, services, plan, answers)
    if profile.sources.get(INDUSTRY) is Source.CONTEXTUAL:
        named = link_name(plan, str(profile.attributes[INDUSTRY]))
        if request.cookies.get(LINK.name) != named:
            set_cookie(response, services, LINK, named, None)
    elif LINK.name in request.cookies:
        response.delete_cookie(LINK.name)
    for cookie in (VISITOR, STATE):
        if cookie.name in request.cookies and profile.granted.isdisjoint(cookie.needs):
            response.delete_cookie(cookie.name)
    asked = ASKED.name in request.cookies and Purpose.PERSONALIZATION not in profile.granted
    # Whoever put a question aside goes on not being asked; that is a wish of theirs.
    if asked and not asking_session(request).done:
        response.delete_cookie(ASKED.name)


def remember_answers(
    response: Response, services: Services, plan: Plan, answers: Mapping[Purpose, Grant]
) -> None:
    """Set the cookie that carries the visitor's answers."""
    days = plan.workspace.settings.consent.days
    set_cookie(response, services, CONSENT, services.signer.consent(answers), days * DAY // SECOND)


def remember_state(response: Response, services: Services, plan: Plan, state: SignedState) -> None:
    """Set the cookie that carries what the visitor declared."""
    days = plan.workspace.settings.industry_cookie_days
    set_cookie(response, services, STATE, services.signer.state(state), days * DAY // SECOND)


async def remember_declared(
    request: Request, response: Response, plan: Plan, visitor: Visitor, state: SignedState
) -> Profile:
    """Set the cookies of a visitor who has just declared something; return what is known now.

    What a link said of them counts no longer: they have spoken themselves.
    """
    services = services_of(request)
    after = msgspec.structs.replace(
        visitor, declared=state.facts, declared_at=state.at, new=False, link=""
    )
    profile = await known_of(services, plan, after)
    remember(request, response, plan, after, profile)
    if visitor.answers:
        remember_answers(response, services, plan, visitor.answers)
    if not profile.granted.isdisjoint(STATE.needs):
        remember_state(response, services, plan, state)
    return profile


def asking_session(request: Request) -> AskingSession:
    """Return what the session asked so far, by its signed cookie."""
    services = services_of(request)
    text = request.cookies.get(ASKED.name)
    kept = services.signer.read_asked(text) if text else AskingSession()
    return resumed(kept, services.clock())


def remember_asked(response: Response, services: Services, session: AskingSession) -> None:
    """Set the cookie that carries what the session asked."""
    set_cookie(response, services, ASKED, services.signer.asked(session), None)


def context_of(request: Request, plan: Plan, path: str) -> dict[str, Value]:
    """Return the contextual attributes of a request; the built-in ones are listed in the guide."""
    agent = request.headers.get("user-agent", "")[:500]
    device = "phone" if _PHONE.search(agent) else "tablet" if _TABLET.search(agent) else "desktop"
    context: dict[str, Value] = {
        "page.path": path,
        "device": device,
        "locale": locale_of(request, plan),
    }
    try:
        referrer = urlsplit(request.headers.get("referer", "")).hostname
    except ValueError:
        referrer = None
    if referrer and referrer != request.url.hostname:
        context["referrer.host"] = referrer[:200]
    for name in ("source", "medium", "campaign"):
        if value := request.query_params.get(f"utm_{name}"):
            context[f"utm.{name}"] = value[:200]
    return context


def locale_of(request: Request, plan: Plan) -> str:
    """Return the locale to answer in: asked for by ``?locale=``, else as the browser prefers.

    A language range is looked up from the longest form to the shortest (RFC 4647, lookup).
    """
    asked = request.query_params.get("locale", "")[:_LONGEST_TAG]
    kept = request.cookies.get(LOCALE.name, "")[:_LONGEST_TAG]
    accepted = request.headers.get("accept-language", "")[:500]
    found = _looked_up(tuple(plan.workspace.locales), asked, kept, accepted)
    return found or plan.workspace.settings.default_locale


@lru_cache(maxsize=512)
def _looked_up(locales: tuple[str, ...], asked: str, kept: str, accepted: str) -> str:
    """Return which of some locales is wished first; empty where none is."""
    folded = {code.casefold(): code for code in locales}
    wished = [asked, kept]
    ranges = []
    for part in accepted.split(","):
        tag, _, quality = part.partition(";q=")
        try:
            ranges.append((-float(quality or 1), tag.strip()))
        except ValueError:
            continue
    wished += [tag for _, tag in sorted(ranges, key=lambda pair: pair[0])]
    for tag in wished:
        parts = tag.casefold().split("-")
        while parts:
            if (code := folded.get("-".join(parts))) is not None:
                return code
            parts.pop()
    return ""
