"""A review as an e-mail: HTML with styles in place, as mail programs want it, and plain text."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from persx.health.review.markdown import plain
from persx.health.review.review import Review
from persx.health.review.telling import Told, subject, tell

TONES: Final = {
    "above": "#0a5a45",
    "under": "#a3261b",
    "open": "#8a5a00",
    "unknown": "#5c6f66",
}
"""Colours of what is said, dark enough on white and on the cards (WCAG 2, level AA)."""


def mail_of(
    review: Review,
    *,
    sender: str = "",
    to: str = "",
    public_url: str = "",
    simulated: str = "",
    home_id: str = "home",
) -> EmailMessage:
    """Return a review as a mail; its Message-ID is the same in every attempt to send it.

    Raises:
        ValueError: An address holds a line break.
    """
    told = tell(review, public_url=public_url, simulated=simulated)
    mail = EmailMessage(policy=SMTP)
    mark = f"[{told.simulated}] " if told.simulated else ""
    mail["Subject"] = mark + subject(review)
    mail["From"] = sender or to.partition(",")[0].strip() or "persx@persx.invalid"
    if to:
        mail["To"] = to
    mail["Date"] = formatdate(review.made / 1_000)
    mail["Message-ID"] = f"<review.{review.period.name}.{home_id}@persx.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain(told))
    mail.add_alternative(mail_html(told), subtype="html")
    return mail


def mail_html(told: Told) -> str:
    """Return the HTML part."""
    # Loaded when it is needed: most processes never write a mail.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("persx.health.review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("mail.html").render(view=told, tones=TONES)
