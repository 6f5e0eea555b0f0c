"""``/v1/decide`` and ``/v1/state``: decisions for API clients, and the bearer's own state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.deciding import (
    contextual,
    current_plan,
    decide_for,
    page_plan,
    receipt_of,
    with_missing,
)
from persx.app.declaring import declare
from persx.app.services import Services
from persx.app.visiting import Visitor, known_of, new_id
from persx.model.decision import Reason
from persx.model.errors import BadInput, Forbidden
from persx.model.key import KeyScope
from persx.model.visitor import Guess, Profile
from persx.web.api.answers import answers, body, json
from persx.web.collect.wire import MAX_ID
from persx.web.keys import allowed, key_of
from persx.web.visitors import (
    CONSENT,
    VISITOR,
    answers_in,
    remember_declared,
    services_of,
    visitor_of,
)


class DecideRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What ``POST /v1/decide`` takes: who, which page or blocks, and the context."""

    anonymous_id: str = ""
    user_id: str = ""
    page: str = ""
    blocks: list[str] = []
    context: dict[str, Any] = {}
    write_key: str = ""


class DecidedBlock(msgspec.Struct, frozen=True):
    """One block's decision as API clients see it."""

    variant: str
    content: Mapping[str, Any] | msgspec.Raw
    reason: Reason
    arms: Mapping[str, str]
    propensity: float
    id: str


class VisitorState(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A visitor's own state: what they declared, and the persona that follows from it.

    `guesses` holds what a model guessed of a visitor who did not say it, by predicted attribute.
    """

    id: str = ""
    industry: str | None = None
    goals: list[str] = []
    tools: list[str] = []
    persona: str | None = None
    identified: bool = False
    guesses: dict[str, Guess] = {}


class DecideResponse(msgspec.Struct, frozen=True):
    """What ``POST /v1/decide`` answers.

    `receipt` is what ``GET /v1/decisions/{id}`` explains it by: the decision's id where a line of
    it is kept, else, of a visitor who allows no storage, a signed token that says it all itself.
    """

    decisions: dict[str, DecidedBlock]
    visitor: VisitorState
    snapshot: int
    receipt: str = ""


class StateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What ``PUT /v1/state`` takes: declared facts by attribute; null forgets one.

    What ``GET`` answers may be sent back: `id`, `persona`, `identified` and `guesses`
    follow from the rest.
    """

    industry: str | msgspec.UnsetType | None = msgspec.UNSET
    goals: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    tools: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    id: str | None = None
    persona: str | None = None
    identified: bool | None = None
    guesses: Any = None

    @property
    def declared(self) -> dict[str, Any]:
        """The facts that are given."""
        given = {"industry": self.industry, "goals": self.goals, "tools": self.tools}
        return {name: value for name, value in given.items() if value is not msgspec.UNSET}


_DECIDE: Final = KeyScope.DECIDE
_ANYONE: Final = KeyScope.PROFILE_READ
_READ: Final = {name.encode(): name for name in ("authorization", "x-api-key", "cookie", "sec-gpc")}
"""The headers that tell who asks; looking at no others saves time."""


class Asking(Protocol):
    """A body that tells for whom it asks."""

    @property
    def anonymous_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def write_key(self) -> str: ...


def sender(request: Request, asked: Asking, services: Services) -> Visitor:
    """Return for whom a request asks, as far as its key and its cookie allow it.

    Raises:
        Forbidden: Its key does not allow this.
        BadInput: It does not say for whom it asks.
    """
    headers = {
        _READ[name]: value.decode("latin-1")
        for name, value in request.scope["headers"]
        if name in _READ
    }
    key = allowed(request, services, key_of(headers) or asked.write_key)
    key.need(_DECIDE)
    if max(len(asked.anonymous_id), len(asked.user_id)) > MAX_ID:
        raise BadInput(f"An id is longer than {MAX_ID} characters.")
    gpc = headers.get("sec-gpc") == "1"
    if _ANYONE in key.scopes:
        if not (asked.anonymous_id or asked.user_id):
            raise BadInput("Neither 'anonymousId' nor 'userId' says for whom to decide.")
        return Visitor(
            anonymous_id=asked.anonymous_id,
            user_id=asked.user_id,
            trusted=True,
            gpc=gpc,
        )
    if asked.user_id:
        raise Forbidden(
            "A user id needs the server key, or one with the scope 'profile:read'.",
            hint="With the write key, send 'anonymousId'.",
        )
    if VISITOR.name in headers.get("cookie", ""):
        bearer = visitor_of(request, make=False)
        if bearer.anonymous_id and asked.anonymous_id in ("", bearer.anonymous_id):
            return bearer
    answers = answers_in(request) if CONSENT.name in headers.get("cookie", "") else {}
    if not asked.anonymous_id:
        if not answers:
            raise BadInput("'anonymousId' is missing, and no visitor cookie came along.")
        return Visitor(anonymous_id=new_id(), new=True, answers=answers, gpc=gpc)
    return Visitor(anonymous_id=asked.anonymous_id, answers=answers, gpc=gpc)


def state_of(profile: Profile) -> VisitorState:
    """Return a visitor's own state, as far as it is known in the profile."""
    known = profile.attributes
    return VisitorState(
        id=profile.bucketing_id,
        industry=_text(known.get("industry")),
        goals=_texts(known.get("goals")),
        tools=_texts(known.get("tools")),
        persona=_text(known.get("persona")),
        identified=any(identity.startswith("u:") for identity in profile.identities),
        guesses=profile.guesses,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


@answers
async def decide_blocks(request: Request) -> Response:
    """Decide a page or a set of blocks for a visitor."""
    services = services_of(request)
    asked = await body(request, DecideRequest)
    visitor = sender(request, asked, services)
    plan = current_plan(services)
    page = page_plan(plan, asked.page, asked.blocks)
    decided = await decide_for(
        services,
        visitor,
        plan=plan,
        page=page,
        context=contextual(plan, asked.context),
        whole=False,
    )
    decision = decided.decision
    encoded = plan.encoded
    return json(
        DecideResponse(
            decisions={
                each.block: DecidedBlock(
                    variant=each.variant,
                    content=encoded.get(id(each.content), each.content),
                    reason=each.reason,
                    arms=each.arms,
                    propensity=each.propensity,
                    id=f"{decision.id}.{each.block}",
                )
                for each in with_missing(decision, [] if asked.page else asked.blocks)
            },
            visitor=state_of(decided.profile),
            snapshot=decision.snapshot,
            receipt=receipt_of(services, decided, page),
        )
    )


@answers
async def read_state(request: Request) -> Response:
    """Return the bearer's own industry, goals, tools and persona."""
    services = services_of(request)
    plan = current_plan(services)
    profile = await known_of(services, plan, visitor_of(request, make=False))
    return json(state_of(profile), headers={"Cache-Control": "no-store"})


@answers
async def write_state(request: Request) -> Response:
    """Declare the bearer's own industry, goals or tools."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("Another site cannot change a visitor's state.")
    services = services_of(request)
    plan = current_plan(services)
    given = (await body(request, StateRequest)).declared
    visitor = visitor_of(request)
    state = await declare(services, plan, visitor, given)
    cookies = Response()
    profile = await remember_declared(request, cookies, plan, visitor, state)
    response = json(state_of(profile), headers={"Cache-Control": "no-store"})
    response.raw_headers += [pair for pair in cookies.raw_headers if pair[0] == b"set-cookie"]
    return response


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/v1/decide", decide_blocks, methods=["POST"]),
        Route("/v1/state", read_state, methods=["GET"]),
        Route("/v1/state", write_state, methods=["PUT"]),
    ]
