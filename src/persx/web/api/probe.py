"""``/v1/probe``: what there is to walk, told to probes alone; and how requests become a probe's."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from persx.app.services import Services
from persx.app.unseen import HEADER, Unseen
from persx.app.walking import walk_of
from persx.model.errors import Forbidden
from persx.web.admin.session import STUDIO
from persx.web.api.answers import answers, json
from persx.web.limits import COMMANDS
from persx.web.visitors import SERVICES, services_of

_NOT_FOR_PROBES: Final = (STUDIO, COMMANDS)
_PROBE: Final = "persx.probe"


class Probing:
    """Tells requests of probes from others, and gives them services that keep and count nothing.

    A mark that is not good is refused: what came as a probe shall not count as a visitor.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unseen: Unseen | None = None

    def refuses(self, scope: Scope, mark: bytes) -> Response | None:
        """Make a marked request a probe's; return an answer where that is refused."""
        if scope["path"].startswith(_NOT_FOR_PROBES):
            return json({"code": "Forbidden", "message": "A probe is a visitor of the site."}, 403)
        if self._unseen is None:
            self._unseen = Unseen(self._services)
        if not self._unseen.admits(mark.decode("latin-1")):
            return json(
                {
                    "code": "Forbidden",
                    "message": "This mark of a probe is not this home's, or is too old.",
                },
                403,
            )
        scope[SERVICES] = self._unseen.services()
        scope[_PROBE] = True
        return None


def mark_in(scope: Scope) -> bytes | None:
    """Return the mark that a request carries; none where it comes from an ordinary visitor."""
    for name, value in scope["headers"]:
        if name == HEADER:
            found: bytes = value
            return found
    return None


@answers
async def show_walk(request: Request) -> Response:
    """Tell a probe what it should see: each visitor, each page, each block."""
    if not request.scope.get(_PROBE):
        raise Forbidden("Only a probe is told this.", hint="Run 'persx probe'.")
    walk = await walk_of(services_of(request))
    return json(walk, headers={"Cache-Control": "no-store"})


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/probe", show_walk, methods=["GET"])]
