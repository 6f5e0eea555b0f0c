"""``/v1/consent``: what a visitor allows, with its proof, and the way to change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.consenting import Said, answer, check_purposes, consent_of, purposes_in
from persx.app.deciding import current_plan
from persx.app.visiting import Visitor, known_of
from persx.app.withdrawing import Withdrawn, erase_withdrawn, erases
from persx.model.attribute import Purpose
from persx.model.errors import BadInput, Forbidden
from persx.model.key import KeyScope
from persx.model.visitor import Grant
from persx.web.api.answers import answers, body, json
from persx.web.collect.wire import MAX_ID
from persx.web.keys import allowed, key_of
from persx.web.visitors import remember, remember_answers, services_of, visitor_of

_NO_STORE = {"Cache-Control": "no-store"}


class ConsentRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What ``POST /v1/consent`` takes: the purposes that are granted (true) or denied (false).

    `categories` are answers in the words of the site's own consent manager, which the workspace's
    `consent.categories` map to purposes; what `purposes` says comes first.
    `anonymousId` or `userId` say for whom, with the server key; without a key it is the bearer's
    own answer. `source` says where it was asked, `version` which text was shown. `erase` has what
    was kept for the purposes that are withdrawn erased at once, whatever the workspace says.
    """

    purposes: dict[str, bool] = {}
    categories: dict[str, bool] = {}
    source: str = "api"
    version: str = ""
    anonymous_id: str = ""
    user_id: str = ""
    erase: bool = False


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``POST /v1/consent`` answers; `withdrawn` tells what was erased, where something was."""

    mode: str
    version: str
    granted: Mapping[Purpose, bool]
    answers: Mapping[Purpose, Grant]
    history: Sequence[Said]
    withdrawn: Withdrawn | None = None


def _visitor(
    request: Request, scope: KeyScope, anonymous_id: str, user_id: str, *, make: bool
) -> Visitor:
    """Return whose consent it is: the bearer's, or with a key for that whoever is named."""
    key = key_of(request.headers)
    if not key:
        if anonymous_id or user_id:
            raise Forbidden("Somebody's consent needs the server key.", hint="Send the key.")
        return visitor_of(request, make=make)
    # Without a key, a browser reads and changes its own visitor's consent.
    allowed(request, services_of(request), key).need(scope)
    if not (anonymous_id or user_id):
        raise BadInput("Neither 'anonymousId' nor 'userId' says whose consent it is.")
    if max(len(anonymous_id), len(user_id)) > MAX_ID:
        raise BadInput(f"An id is longer than {MAX_ID} characters.")
    return Visitor(anonymous_id=anonymous_id, user_id=user_id, trusted=True)


@answers
async def read_consent(request: Request) -> Response:
    """Return what a visitor allows, and every answer that proves it."""
    services = services_of(request)
    asked = request.query_params
    visitor = _visitor(
        request,
        KeyScope.PROFILE_READ,
        asked.get("anonymousId", ""),
        asked.get("userId", ""),
        make=False,
    )
    record = await consent_of(services, current_plan(services), visitor)
    return json(record, headers=_NO_STORE)


@answers
async def write_consent(request: Request) -> Response:
    """Take a visitor's answer, from a consent manager of the site's own perhaps."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("Another site cannot answer for a visitor.")
    services = services_of(request)
    plan = current_plan(services)
    asked = await body(request, ConsentRequest)
    visitor = _visitor(
        request, KeyScope.CONSENT_WRITE, asked.anonymous_id, asked.user_id, make=True
    )
    if asked.erase and (key := key_of(request.headers)):
        # Of somebody else: whoever may answer for them may not erase them by that.
        allowed(request, services, key).need(KeyScope.ERASE)
    purposes = purposes_in(plan, asked.categories)
    if asked.purposes or not purposes:
        purposes |= check_purposes(asked.purposes)
    answered = await answer(
        services,
        plan,
        visitor,
        purposes,
        source=asked.source,
        version=asked.version or None,
    )
    after = msgspec.structs.replace(
        visitor, answers=answered.answers, new=visitor.new and not answered.kept
    )
    withdrawn = None
    if answered.lost and not visitor.new and (asked.erase or erases(plan)):
        withdrawn = await erase_withdrawn(services, plan, visitor, answered)
    record = await consent_of(services, plan, after)
    told = Answer(
        mode=record.mode,
        version=record.version,
        granted=record.granted,
        answers=record.answers,
        history=record.history,
        withdrawn=withdrawn,
    )
    response = json(told, headers=_NO_STORE)
    if not key_of(request.headers):
        remember(request, response, plan, after, await known_of(services, plan, after))
        remember_answers(response, services, plan, answered.answers)
    return response


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/v1/consent", read_consent, methods=["GET"]),
        Route("/v1/consent", write_consent, methods=["POST"]),
    ]
