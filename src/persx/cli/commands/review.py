"""`persx review`: what a week or a month was worth, as Markdown, a page, a mail or JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console

from persx.app.commands import call
from persx.app.reviewing import REVIEW, REVIEWS, KeptRequest, ReviewRequest
from persx.app.settings import load_settings
from persx.cli.options import home_option, print_json
from persx.health.review.mail import mail_of
from persx.health.review.markdown import markdown
from persx.health.review.review import Review
from persx.health.review.telling import tell
from persx.model.errors import BadInput
from persx.model.simulation import SIMULATED_LABEL


def _markdown(review: Review, url: str) -> str:
    return markdown(tell(review, public_url=url, simulated=SIMULATED_LABEL))


def _page(review: Review, url: str) -> str:
    # The template engine is not needed for the other forms.
    from persx.web.review_page import render_review

    return render_review(review, public_url=url)


def _mail(review: Review, url: str) -> str:
    return mail_of(review, public_url=url, simulated=SIMULATED_LABEL).as_bytes().decode()


def _json(review: Review, _url: str) -> str:
    return msgspec.json.format(msgspec.json.encode(review), indent=2).decode() + "\n"


FORMATS: Final[Mapping[str, Callable[[Review, str], str]]] = {
    "md": _markdown,
    "html": _page,
    "eml": _mail,
    "json": _json,
}


@click.command("review")
@click.option("--week", metavar="YYYY-Www", help="Which week, such as 2026-W47.")
@click.option("--month", metavar="YYYY-MM", help="Which month, such as 2026-11.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="md", show_default=True,
    help="Markdown, a page, a mail, or JSON.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it to a file.",
)
@click.option("--fresh", is_flag=True, help="Compute it anew; what is kept stays as it is.")
@click.option("--list", "listed", is_flag=True, help="List what can be read again.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@home_option(must_exist=True)
def command(
    week: str | None, month: str | None, form: str, out: Path | None, fresh: bool, listed: bool,
    as_json: bool, home: Path,
) -> None:  # fmt: skip
    """Tell what a week or a month was worth, what fell under 10%, and what to rewrite.

    Without --week or --month it is the last week that is over. The review of a time that is over
    is kept, and is the same whenever it is read again.

    \b
    Example:  persx review --week 2026-W47 --format html --out review.html --home shop
    """
    if listed:
        kept = call(home, REVIEWS, KeptRequest())
        if as_json or form == "json":
            print_json(kept)
        else:
            for name in (*kept.weeks, *kept.months):
                click.echo(name)
        return
    if week and month:
        raise BadInput("Name a week or a month, not both.", value=f"{week} {month}")
    for text, wanted, sign in ((week, "--month", "-W"), (month, "--week", "-")):
        if text and (("W" in text) != (sign == "-W")):
            raise BadInput(f"'{text}' is not of that kind.", value=text, hint=f"Try {wanted}.")
    with Console(stderr=True).status("Reading the log …"):
        review = call(home, REVIEW, ReviewRequest(period=week or month or "", fresh=fresh))
    text = FORMATS["json" if as_json else form](review, load_settings(home).public_url)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        # A mail's lines end as mail programs want it; nothing is to change that.
        out.write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}.", value=str(out)) from error
    click.echo(f"Wrote {out}: {review.period.title}.", err=True)
