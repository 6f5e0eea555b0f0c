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
    NavigationEntry("recommendations", "Recommendations", "/admin/recommendations", Action.READ),
    NavigationEntry("catalogue", "Catalogue", "/admin/catalogue", Action.READ),
    NavigationEntry("health", "Health", "/admin/health", Action.READ),
    NavigationEntry("attributes", "Attributes", "/admin/attributes", Action.READ),
    NavigationEntry("submissions", "Submissions", "/admin/submissions", Action.READ_VISITORS),
    NavigationEntry("visitors", "Visitors", "/admin/visitors", Action.READ_VISITORS),
    NavigationEntry("data-protection", "Data protection", "/admin/data-protection", Action.READ),
    NavigationEntry("people", "People", "/admin/people", Action.MANAGE),
    NavigationEntry("keys", "Keys", "/admin/keys", Action.MANAGE),
    NavigationEntry("audit", "Audit log", "/admin/audit", Action.MANAGE),
)


class Label(msgspec.Struct, frozen=True):
    """What every page says of a home with simulated visitors, those who sign in included.

    Attributes:
        text: Empty where there are none.
        visitors: How many there are.
    """

    text: str
    visitors: int


class StudioFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What a page of the studio is framed with.

    Attributes:
        csrf: What every form sends back as `csrf`.
    """

    account: Account
    csrf: str
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
    return StudioFrame(
        account=staff.account,
        csrf=csrf_token(services_of(request), staff.key),
        links=tuple(each for each in NAVIGATION if staff.account.may(each.action)),
    )


def label_of(request: Request) -> Label:
    """Return what is to be said of simulated data."""
    mark = services_of(request).simulation
    return Label(SIMULATED_LABEL, mark.visitors) if mark else Label("", 0)


def studio_page(request: Request, template: str, view: Any, status: int = 200) -> Response:
    """Render a page of the studio in its frame; without one where nobody is signed in."""
    return page(template, view, status, studio=frame_of(request), label=label_of(request))


def outside_page(request: Request, template: str, view: Any, status: int = 200) -> Response:
    """Render a page before the studio, such as the one that asks for a password."""
    return page(template, view, status, label=label_of(request))


def site_name(request: Request) -> str:
    """Return what the site is called."""
    plan = services_of(request).publication.plan
    return plan.workspace.settings.name if plan else "persx"
