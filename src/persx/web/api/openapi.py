"""``/openapi.json``: the JSON API as OpenAPI 3.1, made of the routes and the structs they read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from persx import __version__
from persx.app.consenting import ConsentRecord
from persx.app.erasing import ErasureReceipt
from persx.app.item_keeping import ItemsPut
from persx.decide.receipt import Receipt
from persx.model.item import Item
from persx.model.probe import MARK_HEADER, Walk
from persx.storage.items import ItemsWritten
from persx.web.api.answers import ErrorBody, json
from persx.web.api.consent import ConsentRequest
from persx.web.api.decide import DecideRequest, DecideResponse, StateRequest, VisitorState
from persx.web.api.exposures import Beacon, ClientError
from persx.web.api.items import ItemPage, ItemsRequest
from persx.web.api.me import Erased
from persx.web.api.preference_links import LinkRequest, PreferenceLink
from persx.web.api.recommendations import RecommendationsRequest, RecommendationsResponse
from persx.web.api.recommendations_mail import OF_PIPELINE
from persx.web.collect.wire import Message
from persx.web.visitors import VISITOR

_DESCRIBED: Final = ("/v1/", "/beacon/v1/")
_UNDESCRIBED: Final = ("/v1/commands/", "/v1/{")
"""Only a home's own commands call the former; the latter answers what does not exist."""

_PARAMETER: Final = re.compile(r"{(\w+)(?::\w+)?}")
_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"


class Batch(msgspec.Struct, rename="camel"):
    """What ``POST /v1/batch`` takes: messages that each say their type."""

    batch: list[Message]
    write_key: str | None = None
    sent_at: str | int | float | None = None
    context: dict[str, Any] | None = None


class Kept(msgspec.Struct, omit_defaults=True):
    """What collecting answers: all is kept, `rejected` of it aside because it was no event."""

    success: bool
    rejected: int = 0


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What a route does not tell of itself.

    Attributes:
        answer: The struct that it answers with; none where `status` or `media` says it all.
        query: Parameters that the address may carry, for a GET.
        security: What opens it, each by itself; nothing where it is open to all.
    """

    request: type | None = None
    answer: type | None = None
    status: int = 200
    media: str = _JSON
    query: Sequence[str] = ()
    security: Sequence[str] = ()
    tag: str = "site"


_KEYS: Final = ("bearer", "basic", "apiKey")
_BEARER: Final = ("visitor", *_KEYS)
_EVENT: Final = Detail(request=Message, answer=Kept, security=_KEYS, tag="collect")
_BATCH: Final = Detail(request=Batch, answer=Kept, security=_KEYS, tag="collect")
_CALLS: Final = ("identify", "track", "page", "screen", "group", "alias")
_ITEM: Final = Detail(answer=Item, security=_KEYS, tag="catalogue")
_STATE: Final = Detail(answer=VisitorState, security=("visitor",), tag="decide")
_CONSENT: Final = Detail(
    answer=ConsentRecord, security=("visitor", *_KEYS), query=("anonymousId", "userId"), tag="site"
)

DETAILS: Final[Mapping[tuple[str, str], Detail]] = {
    ("POST", "/v1/decide"): Detail(
        request=DecideRequest, answer=DecideResponse, security=_KEYS, tag="decide"
    ),
    ("GET", "/v1/recommendations"): Detail(
        answer=RecommendationsResponse,
        security=_BEARER,
        query=(
            "pipeline",
            "item",
            "count",
            "exclude",
            "only",
            "generic",
            "anonymousId",
            "userId",
            "category",
            "locale",
            "device",
        ),
        tag="decide",
    ),
    ("POST", "/v1/recommendations"): Detail(
        request=RecommendationsRequest,
        answer=RecommendationsResponse,
        security=_BEARER,
        tag="decide",
    ),
    ("GET", "/v1/state"): _STATE,
    ("PUT", "/v1/state"): msgspec.structs.replace(_STATE, request=StateRequest),
    ("GET", "/v1/consent"): _CONSENT,
    ("POST", "/v1/consent"): msgspec.structs.replace(_CONSENT, request=ConsentRequest),
    ("POST", "/v1/preferences/link"): Detail(
        request=LinkRequest, answer=PreferenceLink, security=_KEYS
    ),
    **{("POST", f"/v1/{call}"): _EVENT for call in _CALLS},
    **{("POST", f"/v1/{call[0]}"): _EVENT for call in _CALLS},
    **{("POST", f"/v1/{name}"): _BATCH for name in ("batch", "import", "b")},
    ("POST", "/beacon/v1/batch"): _BATCH,
    ("POST", "/v1/m"): Detail(request=dict[str, Any], answer=Kept, tag="collect"),
    ("GET", "/v1/projects/{key}/settings"): Detail(answer=dict[str, Any], tag="collect"),
    ("DELETE", "/v1/visitors/{key:path}"): Detail(
        answer=ErasureReceipt, security=_KEYS, tag="visitors"
    ),
    ("GET", "/v1/items"): Detail(
        answer=ItemPage, query=("after", "limit", "search"), security=_KEYS, tag="catalogue"
    ),
    ("POST", "/v1/items"): Detail(
        request=ItemsRequest, answer=ItemsPut, security=_KEYS, tag="catalogue"
    ),
    ("GET", "/v1/items/{id:path}"): _ITEM,
    ("PATCH", "/v1/items/{id:path}"): msgspec.structs.replace(_ITEM, request=dict[str, Any]),
    ("DELETE", "/v1/items/{id:path}"): msgspec.structs.replace(_ITEM, answer=ItemsWritten),
    ("GET", "/v1/decisions/{id}"): Detail(answer=Receipt, security=_BEARER, tag="visitor"),
    ("GET", "/v1/me"): Detail(answer=dict[str, Any], security=_BEARER, tag="visitor"),
    ("DELETE", "/v1/me"): Detail(answer=Erased, security=("visitor",), tag="visitor"),
    ("GET", "/v1/x/{token}"): Detail(media="image/gif"),
    ("GET", "/v1/r/{token}"): Detail(status=303, media="text/html", security=("visitor",)),
    ("GET", "/v1/recommendations.html"): Detail(
        media="text/html",
        security=_KEYS,
        query=("userId", "locale", "block", *OF_PIPELINE),
        tag="decide",
    ),
    ("POST", "/v1/beacon"): Detail(request=Beacon, status=204, security=("visitor",)),
    ("POST", "/v1/client-error"): Detail(request=ClientError, status=204),
    ("GET", "/v1/probe"): Detail(answer=Walk, security=("probe",)),
}

_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The write key, which is public, or the server key.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The key as the user's name, the password empty, as Segment's clients do.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "visitor": {
        "type": "apiKey",
        "in": "cookie",
        "name": VISITOR.name,
        "description": VISITOR.purpose,
    },
    "probe": {
        "type": "apiKey",
        "in": "header",
        "name": MARK_HEADER,
        "description": "What the home signed: requests that carry it count nowhere.",
    },
}

_ERRORS: Final = {
    400: "What was sent cannot be used; the message says where and why.",
    401: "The write key is missing or unknown.",
    403: "The key or the sender does not allow this.",
    404: "What is named does not exist.",
    503: "Nothing is published yet, or the store cannot be written now; try again.",
}


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI document of an application's routes."""
    described = [
        (route, method)
        for route in routes
        if isinstance(route, Route)
        and route.path.startswith(_DESCRIBED)
        and not route.path.startswith(_UNDESCRIBED)
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    details = [DETAILS.get((method, route.path), Detail()) for route, method in described]
    types = [kind for each in details for kind in (each.request, each.answer) if kind]
    types = list(dict.fromkeys([ErrorBody, *types]))
    shown, components = msgspec.json.schema_components(types, ref_template=_REF)
    schemas = dict(zip(types, shown, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for (route, method), detail in zip(described, details, strict=True):
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[method.lower()] = _operation(route, method, detail, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "persx",
            "version": __version__,
            "summary": "What each visitor sees, what they do, and what it was worth.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            {"name": "decide", "description": "What a visitor sees, and what they declared."},
            {"name": "collect", "description": "Events, in the form of Segment's tracking API."},
            {"name": "catalogue", "description": "The items that can be recommended."},
            {"name": "visitor", "description": "What is held on the bearer, and why they saw it."},
            {"name": "visitors", "description": "What is kept of a visitor."},
            {
                "name": "site",
                "description": "What delivered pages send by themselves, and consent.",
            },
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": _SECURITY,
            "responses": {
                f"error{status}": {
                    "description": text,
                    "content": {_JSON: {"schema": schemas[ErrorBody]}},
                }
                for status, text in _ERRORS.items()
            },
        },
    }


def _operation(
    route: Route, method: str, detail: Detail, schemas: Mapping[type, Any]
) -> dict[str, Any]:
    summary = (route.endpoint.__doc__ or "").strip().partition("\n")[0]
    words = re.findall(r"\w+", route.path)
    answer: dict[str, Any] = {"description": summary}
    if detail.answer is not None:
        answer["content"] = {detail.media: {"schema": schemas[detail.answer]}}
    elif detail.status == 200:
        answer["content"] = {detail.media: {}}
    operation: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *words]),
        "summary": summary,
        "tags": [detail.tag],
        "responses": {
            str(detail.status): answer,
            **{str(each): {"$ref": f"#/components/responses/error{each}"} for each in _ERRORS},
        },
    }
    if detail.security:
        operation["security"] = [{name: []} for name in detail.security]
    if detail.request is not None:
        content: dict[str, Any] = {_JSON: {"schema": schemas[detail.request]}}
        if detail.tag == "collect":
            # Browsers send it so, to be spared the question whether they may.
            content["text/plain"] = content[_JSON]
        operation["requestBody"] = {"required": True, "content": content}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if method == "GET":
        parameters += [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in detail.query
        ]
    if parameters:
        operation["parameters"] = parameters
    return operation


async def openapi(request: Request) -> Response:
    """Describe the JSON API, for people and for what generates clients."""
    return json(document(request.app.routes), headers={"Access-Control-Allow-Origin": "*"})


async def unknown(request: Request) -> Response:
    """Tell an API client that there is no such thing; pages of the site do not live here."""
    asked = f"{request.method} {request.url.path}"[:200]
    body = ErrorBody("NotFound", f"There is no '{asked}'. What there is: /openapi.json")
    return json(body, 404)


def routes() -> list[Route]:
    """Return the routes of this file; they come after all others under ``/v1``."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [
        Route("/openapi.json", openapi, methods=["GET"]),
        Route("/v1/{rest:path}", unknown, methods=methods),
    ]
