"""Publishing and going back, from the studio: by whoever may, under their own name."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.audit import perform
from persx.app.publishing import PUBLISH, ROLLBACK, PublishRequest, RollbackRequest
from persx.model.errors import BadInput, InvalidWorkspace, PersxError
from persx.web.admin.doors import RefusedView
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, field, staff_of
from persx.web.visitors import services_of

_FAULTS = 20
_MESSAGE = 200


async def publish(request: Request) -> Response:
    """Publish the drafts as the next snapshot, or serve another snapshot; lead to the overview."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    form = await request.form()
    actor, number = actor_of(request, staff), field(form, "number")
    try:
        if field(form, "do") == "publish":
            asked = PublishRequest(author=actor.who, message=field(form, "message")[:_MESSAGE])
            await perform(services, PUBLISH, asked, actor)
        elif number.isdecimal() and len(number) < 10:
            await perform(services, ROLLBACK, RollbackRequest(number=int(number)), actor)
        else:
            raise BadInput("Say which snapshot shall be served.", value=number)
        await services.publication.refresh(services.store)
    except InvalidWorkspace as error:
        shown = [str(each) for each in error.faults if each.severity == "error"]
        return _problem(request, "The drafts have faults: nothing was published.", shown)
    except PersxError as error:
        return _problem(request, str(error), ())
    return RedirectResponse("/admin#publications", 303)


def _problem(request: Request, problem: str, faults: list[str] | tuple[str, ...]) -> Response:
    view = RefusedView(
        name=site_name(request),
        title="Not published",
        problem=problem,
        lines=tuple(faults[:_FAULTS]),
    )
    return studio_page(request, "admin/refused.html", view, 422)
