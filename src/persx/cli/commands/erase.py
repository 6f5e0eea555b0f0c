"""`persx erase`: a visitor gone from everything that is kept, with a signed receipt."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from persx.app.commands import call
from persx.app.erasing import ERASE, VERIFY, EraseRequest, ErasureReceipt, VerifyRequest
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.clock import iso
from persx.model.errors import BadInput


@click.command("erase")
@click.option("--user", default="", metavar="ID", help="Erase the visitor with this user id.")
@click.option(
    "--anonymous", default="", metavar="ID", help="Erase the visitor with this anonymous id."
)
@click.option(
    "--email",
    default="",
    metavar="ADDRESS",
    help="Erase the visitor whom your servers gave this e-mail address.",
)
@click.option(
    "--claimed",
    is_flag=True,
    help="Erase browsers too that called themselves this user with the write key.",
)
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option(
    "--verify",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="RECEIPT",
    help="Erase nobody; check a receipt that an erasure printed with --json.",
)
@home_option(must_exist=True)
@json_option
def command(
    user: str,
    anonymous: str,
    email: str,
    claimed: bool,
    yes: bool,
    verify: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Erase a visitor from everything that is kept.

    What verified edges join to the id goes with it: events, sealed ones too, decisions,
    states, edges, and events that were set aside. Late retries of old events are turned away;
    who comes back is a new visitor. The receipt names nobody. It works beside a running server.

    \b
    Example:  persx erase --user jane --home shop
              persx erase --email jane@example.com --home shop
              persx erase --anonymous 4f1c --yes --json --home shop > receipt.json
              persx erase --verify receipt.json --home shop
    """
    if verify is not None:
        if user or anonymous or email:
            raise click.UsageError("--verify erases nobody: leave the ids out.")
        _verify(verify, home, as_json)
        return
    if len([id for id in (user, anonymous, email) if id]) != 1:
        raise click.UsageError(
            "Say whom to erase, with one of --user ID, --anonymous ID and --email ADDRESS."
        )
    named = f"user '{user}'" if user else f"the anonymous id '{anonymous}'"
    if email:
        named = f"the visitor with the address '{email}'"
    if not yes:
        click.confirm(
            f"Erase everything that is known of {named}? Nobody can bring it back.",
            abort=True,
            err=True,
        )
    with waiting("Erasing"):
        receipt = call(
            home,
            ERASE,
            EraseRequest(user=user, anonymous=anonymous, email=email, claimed=claimed),
        )
    if as_json:
        print_json(receipt)
        return
    found = {place: count for place, count in receipt.counts.items() if count}
    told = f"Erased {named}." if found else f"Nothing was kept of {named}."
    if "@" in user and not found:
        told += " Is it an e-mail address rather than a user id? Then give it with --email."
    click.echo(f"{told} What is older than {iso(receipt.at)} is turned away from now on.")
    for place, count in found.items():
        click.echo(f"  {place.replace('_', ' '):<20} {count:>8,}")
    click.echo(f"Receipt {receipt.id}, {len(receipt.tombstones)} tombstones; it is signed:")
    click.echo(f"  {receipt.signature}")


def _verify(path: Path, home: Path, as_json: bool) -> None:
    try:
        with click.open_file(str(path), "rb") as file:
            receipt = msgspec.json.decode(file.read(), type=ErasureReceipt)
    except msgspec.DecodeError as error:
        raise BadInput(
            f"{path} is not a receipt: {error}.",
            value=str(path),
            hint="Keep what 'persx erase --json' prints.",
        ) from error
    found = call(home, VERIFY, VerifyRequest(receipt=receipt))
    if as_json:
        print_json(found)
    elif found.genuine and found.kept:
        click.echo(
            f"Genuine: erased at {iso(receipt.at)}, and {len(receipt.tombstones)} tombstones "
            "keep it so."
        )
    if not found.genuine:
        raise BadInput(
            "The receipt is not genuine: it was changed, or another home has signed it.",
            value=receipt.id,
        )
    if not found.kept:
        raise BadInput(
            "The receipt is genuine, but the home has lost its tombstones.",
            value=receipt.id,
            hint="Was an old copy brought back? Erase the visitor again.",
        )
