"""The frame of every page of the studio: where one may go, who one is, and the forms' token."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.sessions import csrf_token
from persx.model.simulation import SIMULATED_LABEL
from persx.model.staff import Account, Action
from persx.web.admin.session import staff_of
from persx.web.html import page
from persx.web.visitors import services_of


class NavigationEntry(NamedTuple):
    """A link of the navigation, for whoever may do its action."""

    key: str
    label: str
    href: str
    action: Action


NAVIGATION: Final = (
    NavigationEntry("overview", "Overview", "/admin", Action.READ),
    NavigationEntry("report", "Lift", "/admin/report/holdout", Action.READ),
    NavigationEntry("experiments", "Experiments", "/admin/experiments", Action.READ),
    NavigationEntry("review", "Review", "/admin/review", Action.READ),
    NavigationEntry("probes", "Probes", "/admin/probes", Action.READ),
    NavigationEntry("learning", "Learning", "/admin/learning", Action.READ),
    NavigationEntry("health", "Health", "/admin/health", Action.READ),
    NavigationEntry("attributes", "Attributes", "/admin/attributes", Action.READ),
    NavigationEntry("submissions", "Submissions", "/admin/submissions", Action.READ_VISITORS),
    NavigationEntry("visitors", "Visitors", "/admin/visitors", Action.READ_VISITORS),
    NavigationEntry("data-protection", "Data protection", "/admin/data-protection", Action.READ),
    NavigationEntry("people", "People", "/admin/people", Action.MANAGE),
    NavigationEntry("keys", "Keys", "/admin/keys", Action.MANAGE),
    NavigationEntry("audit", "Audit log", "/admin/audit", Action.MANAGE),
)


class StudioFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What a page of the studio is framed with.

    Attributes:
        csrf: What every form sends back as `csrf`.
        simulated: The label of a home with simulated visitors; empty where there are none.
        simulated_visitors: How many there are.
    """

    account: Account
    csrf: str
    simulated: str = ""
    simulated_visitors: int = 0
    links: tuple[NavigationEntry, ...]

    @property
    def display(self) -> str:
        """What the account is called."""
        return self.account.display or self.account.name

    def may(self, action: str) -> bool:
        """Tell whether they may do something, by the action's name in the code."""
        return self.account.may(Action[action])


def frame_of(request: Request) -> StudioFrame | None:
    """Return the frame of who is signed in; none where nobody is."""
    staff = staff_of(request)
    if staff is None:
        return None
    mark = services_of(request).simulation
    return StudioFrame(
        simulated=SIMULATED_LABEL if mark else "",
        simulated_visitors=mark.visitors if mark else 0,
        account=staff.account,
        csrf=csrf_token(services_of(request), staff.key),
        links=tuple(each for each in NAVIGATION if staff.account.may(each.action)),
    )


def studio_page(request: Request, template: str, view: Any, status: int = 200) -> Response:
    """Render a page of the studio in its frame."""
    return page(template, view, status, studio=frame_of(request))


def site_name(request: Request) -> str:
    """Return what the site is called."""
    plan = services_of(request).publication.plan
    return plan.workspace.settings.name if plan else "persx"
