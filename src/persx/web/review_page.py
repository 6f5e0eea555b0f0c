"""A review as one self-contained page, to be sent around or kept."""

from __future__ import annotations

from typing import Final

from persx.health.review.review import Review
from persx.health.review.telling import Told, tell
from persx.model.simulation import SIMULATED_LABEL
from persx.web.site.views import STATIC, environment

_STYLES: Final = STATIC.parent / "templates" / "report" / "page.css"


def told_of(review: Review, *, public_url: str = "") -> Told:
    """Return what the templates are given."""
    return tell(review, public_url=public_url, simulated=SIMULATED_LABEL)


def render_review(review: Review, *, public_url: str = "") -> str:
    """Return the page; it loads nothing and runs nothing."""
    styles = [path.read_text(encoding="utf-8") for path in (_STYLES, STATIC / "review.css")]
    return (
        environment()
        .get_template("review/page.html")
        .render(view=told_of(review, public_url=public_url), styles="\n".join(styles))
    )
