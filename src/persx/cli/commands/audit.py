"""`persx audit`: who changed what, and whether the log of it is whole."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from persx.app.audit import AUDIT, VERIFY_AUDIT, AuditRequest, VerifyAudit
from persx.app.commands import call
from persx.cli.options import existing, home_option, json_option, print_json
from persx.model.clock import Millis, iso, parse_duration
from persx.model.counting import counted
from persx.model.errors import BadInput, Conflict


@click.group("audit", invoke_without_command=True)
@click.option(
    "--since", default="", metavar="TIME", help="A day (2026-11-30) or a length of time (7d, 12h)."
)
@click.option("--who", default="", metavar="NAME", help="Only what this account did, or cli:USER.")
@click.option("--what", default="", metavar="KIND", help="Only this, such as account or snapshot.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="The newest so many.",
)
@home_option()
@json_option
@click.pass_context
def command(
    ctx: click.Context, since: str, who: str, what: str, limit: int, home: Path, as_json: bool
) -> None:
    """Tell who changed what, newest first; 'verify' checks that nothing was taken out.

    \b
    Example:  persx audit --since 7d --home shop
              persx audit verify --home shop
    """
    if ctx.invoked_subcommand is not None:
        return
    found = call(
        existing(home), AUDIT, AuditRequest(since=_moment(since), who=who, what=what, limit=limit)
    )
    if as_json:
        print_json(found.entries)
        return
    for each in found.entries:
        told = " ".join(filter(None, (each.what, each.on)))
        place = f" from {each.where}" if each.where else ""
        click.echo(f"{each.number:>6}  {iso(each.at)}  {each.who}{place}  {told}")
        if each.detail:
            click.echo(f"{'':>8}{each.detail}")
    if found.more:
        click.echo(f"There is more: --limit {limit * 10}")


def _moment(text: str) -> Millis:
    if not text:
        return 0
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1_000)
    except ValueError:
        pass
    try:
        return int(time.time() * 1_000) - parse_duration(text)
    except BadInput:
        raise BadInput(
            f"'{text}' is no time.", value=text, hint="Write a day as 2026-11-30, or 7d or 12h."
        ) from None


@command.command("verify")
@click.option("--head", default="", metavar="NUMBER:HASH", help="What an earlier check printed.")
@home_option(must_exist=True)
@json_option
def verify(head: str, home: Path, as_json: bool) -> None:
    """Check that no entry was changed or taken out.

    Each entry holds the hash of the one before it. That the newest ones were cut off, or all
    written anew, shows only against a --head that was noted somewhere else.

    \b
    Example:  persx audit verify --home shop
              persx audit verify --head 120:9f86d0… --home shop
    """
    found = call(home, VERIFY_AUDIT, VerifyAudit(head=head))
    if as_json:
        print_json(found)
    if found.problem:
        raise Conflict(found.problem, hint="Compare it with a backup.")
    if not as_json:
        click.echo(f"{counted(found.entries, 'entry')}, each rests on the one before it.")
        if found.head:
            click.echo(f"Note this somewhere else: {found.head}")
