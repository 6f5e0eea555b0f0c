"""Keys: what a request's key allows, and which scope each route and command asks for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from persx.app.keyring import Allowed
from persx.app.services import Services
from persx.model.key import KeyScope

NO_KEY: Final = None
"""Nobody's key is asked for: it is open, or the visitor's own cookie opens it."""

ROUTE_SCOPES: Final[Mapping[tuple[str, str], KeyScope | None]] = {
    ("POST", "/v1/decide"): KeyScope.DECIDE,
    ("GET", "/v1/recommendations"): KeyScope.DECIDE,
    ("POST", "/v1/recommendations"): KeyScope.DECIDE,
    ("GET", "/v1/state"): NO_KEY,
    ("PUT", "/v1/state"): NO_KEY,
    ("GET", "/v1/consent"): KeyScope.PROFILE_READ,
    ("POST", "/v1/consent"): KeyScope.CONSENT_WRITE,
    ("POST", "/v1/preferences/link"): KeyScope.CONSENT_WRITE,
    ("GET", "/v1/decisions/{id}"): KeyScope.PROFILE_READ,
    ("GET", "/v1/me"): KeyScope.EXPORT,
    ("DELETE", "/v1/me"): NO_KEY,
    ("DELETE", "/v1/visitors/{key:path}"): KeyScope.ERASE,
    ("GET", "/v1/items"): KeyScope.CATALOGUE_WRITE,
    ("POST", "/v1/items"): KeyScope.CATALOGUE_WRITE,
    ("GET", "/v1/items/{id:path}"): KeyScope.CATALOGUE_WRITE,
    ("PATCH", "/v1/items/{id:path}"): KeyScope.CATALOGUE_WRITE,
    ("DELETE", "/v1/items/{id:path}"): KeyScope.CATALOGUE_WRITE,
    ("GET", "/v1/x/{token}"): NO_KEY,
    ("GET", "/v1/r/{token}"): NO_KEY,
    ("GET", "/v1/recommendations.html"): KeyScope.PROFILE_READ,
    ("GET", "/v1/probe"): NO_KEY,
    ("POST", "/v1/beacon"): NO_KEY,
    ("POST", "/v1/client-error"): NO_KEY,
    ("POST", "/v1/m"): NO_KEY,
    ("GET", "/v1/projects/{key}/settings"): KeyScope.COLLECT,
    ("GET", "/sourceConfig"): KeyScope.COLLECT,
    ("GET", "/sourceConfig/"): KeyScope.COLLECT,
    **{
        ("POST", path): KeyScope.COLLECT
        for name in ("identify", "track", "page", "screen", "group", "alias", "batch")
        for path in (f"/v1/{name}", f"/v1/{name[0]}")
    },
    ("POST", "/v1/import"): KeyScope.COLLECT,
    ("POST", "/beacon/v1/batch"): KeyScope.COLLECT,
}
"""The scope that a key needs for a route. What needs no key for one's own data may need one for
another's: ``/v1/me`` with our cookie is the bearer's."""

COMMAND_SCOPES: Final[Mapping[str, KeyScope | None]] = {
    "push": KeyScope.WORKSPACE_WRITE,
    "pull": KeyScope.WORKSPACE_WRITE,
    "drafts": KeyScope.WORKSPACE_WRITE,
    "check-drafts": KeyScope.WORKSPACE_WRITE,
    "publish": KeyScope.PUBLISH,
    "rollback": KeyScope.PUBLISH,
    "experiment-aa": KeyScope.PUBLISH,
    "experiment-ramp": KeyScope.PUBLISH,
    "experiment-stop": KeyScope.PUBLISH,
    "experiment-promote": KeyScope.PUBLISH,
    "experiments": KeyScope.REPORT_READ,
    "predict-train": KeyScope.PUBLISH,
    "predict-activate": KeyScope.PUBLISH,
    "predict-off": KeyScope.PUBLISH,
    "predict-show": KeyScope.REPORT_READ,
    "learn-train": KeyScope.PUBLISH,
    "learn-activate": KeyScope.PUBLISH,
    "learn-off": KeyScope.PUBLISH,
    "learn-show": KeyScope.REPORT_READ,
    "recommend-status": KeyScope.REPORT_READ,
    "recommend-activate": KeyScope.PUBLISH,
    "recommend-off": KeyScope.PUBLISH,
    "recommend-show": KeyScope.PROFILE_READ,
    "recommend-exploration": KeyScope.REPORT_READ,
    "explain-decision": KeyScope.PROFILE_READ,
    "recommend-write": KeyScope.WORKSPACE_WRITE,
    "items": KeyScope.CATALOGUE_WRITE,
    "item": KeyScope.CATALOGUE_WRITE,
    "kept-items": KeyScope.CATALOGUE_WRITE,
    "put-items": KeyScope.CATALOGUE_WRITE,
    "hide-items": KeyScope.CATALOGUE_WRITE,
    "remove-items": KeyScope.CATALOGUE_WRITE,
    "remove-other-items": KeyScope.CATALOGUE_WRITE,
    "replay": KeyScope.REPORT_READ,
    "boundaries": KeyScope.REPORT_READ,
    "snapshots": KeyScope.REPORT_READ,
    "census": KeyScope.REPORT_READ,
    "report": KeyScope.REPORT_READ,
    "report-all": KeyScope.REPORT_READ,
    "review": KeyScope.REPORT_READ,
    "reviews": KeyScope.REPORT_READ,
    "last-health": KeyScope.REPORT_READ,
    "silence": KeyScope.PUBLISH,
    "unsilence": KeyScope.PUBLISH,
    "probe-last": KeyScope.REPORT_READ,
    "recommendation-report": KeyScope.REPORT_READ,
    "block-report": KeyScope.REPORT_READ,
    "retention": KeyScope.REPORT_READ,
    "explain": KeyScope.PROFILE_READ,
    "identity-show": KeyScope.PROFILE_READ,
    "erase": KeyScope.ERASE,
    "verify-erasure": KeyScope.ERASE,
}
"""The scope that a key needs for a command over HTTP; what is not here only the home's own
commands may do: they read and write files of the machine, or make keys."""


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that a request carries: Basic user, Bearer, X-API-Key, or bare."""
    if key := headers.get("x-api-key"):
        return key
    authorization = headers.get("authorization", "")
    scheme, _, rest = authorization.partition(" ")
    if scheme.casefold() == "bearer":
        return rest.strip()
    if scheme.casefold() == "basic":
        try:
            user, _, _ = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        return user
    return authorization.strip()


def allowed(request: Request, services: Services, key: str) -> Allowed:
    """Return what a key allows.

    Raises:
        Forbidden: It was revoked, or has expired.
        TooMany: Wrong keys keep coming from this address.
    """
    found = services.keyring.allowed(key, services.clock)
    if key and not found.scopes:
        address = request.client.host if request.client else ""
        services.keyring.count_wrong(address, services.clock())
    return found
