"""`persx key`: API keys with scopes, shown once, rotated and revoked."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.api_keys import (
    CREATE,
    LIST,
    REVOKE,
    ROTATE,
    CreateKey,
    ListKeys,
    MadeKey,
    RevokeKey,
    RotateKey,
    ShownKey,
)
from persx.app.commands import call
from persx.cli.options import home_option, json_option, print_json
from persx.model.clock import iso, parse_duration
from persx.model.key import SCOPES


@click.group("key")
def command() -> None:
    """Make, list, rotate and revoke API keys.

    A key is shown once, when it is made; what is kept is a hash.

    \b
    Example:  persx key create --name "CI" --scope workspace:write,publish --home shop
              persx key rotate CI --home shop
    """


@command.command("create")
@click.option("--name", required=True, help="Who uses it, and what for.")
@click.option("--scope", "scopes", required=True, help="Scopes, separated by commas; see below.")
@click.option("--expires", metavar="TIME", help="When it stops working, such as 90d (never).")
@home_option(must_exist=True)
@json_option
def create(name: str, scopes: str, expires: str | None, home: Path, as_json: bool) -> None:
    """Make a key, and show it this once.

    \b
    Example:  persx key create --name "Shop server" --scope collect,identify --home shop
              persx key create --name CI --scope publish --expires 90d --json --home shop
    """
    request = CreateKey(
        name=name,
        scopes=[each.strip() for each in scopes.split(",") if each.strip()],
        lasts=parse_duration(expires) if expires else None,
    )
    _print_made(call(home, CREATE, request), as_json)


create.epilog = "\b\nScopes:\n" + "\n".join(
    f"  {scope.value:<16} {meaning}." for scope, meaning in SCOPES.items()
)


@command.command("list")
@home_option(must_exist=True)
@json_option
def list_(home: Path, as_json: bool) -> None:
    """List all keys, those that work first; the keys themselves nobody can show again.

    \b
    Example:  persx key list --home shop
    """
    found = call(home, LIST, ListKeys())
    if as_json:
        print_json(found)
        return
    if not found.keys:
        click.echo("There are none but the write key and the server key of the first start.")
    for key in found.keys:
        click.echo(_line(key))


@command.command("rotate")
@click.argument("key", metavar="KEY")
@click.option("--overlap", default="24h", show_default=True, help="How long the old one works.")
@home_option(must_exist=True)
@json_option
def rotate(key: str, overlap: str, home: Path, as_json: bool) -> None:
    """Give a key a new secret, and show it this once.

    KEY is a name or an id. The old secret works until the overlap is over; 0s ends it now.

    \b
    Example:  persx key rotate "Shop server" --overlap 7d --home shop
    """
    _print_made(call(home, ROTATE, RotateKey(key=key, overlap=parse_duration(overlap))), as_json)


@command.command("revoke")
@click.argument("key", metavar="KEY")
@home_option(must_exist=True)
@json_option
def revoke(key: str, home: Path, as_json: bool) -> None:
    """Take a key back for good; the next request with it is refused.

    \b
    Example:  persx key revoke "Shop server" --home shop
    """
    found = call(home, REVOKE, RevokeKey(key=key))
    if as_json:
        print_json(found)
    else:
        click.echo(_line(found))
        if found.already:
            click.echo("It had been revoked before; nothing is changed.", err=True)


def _print_made(made: MadeKey, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    click.echo(made.key)
    click.echo("Keep it now: it cannot be shown again.", err=True)
    click.echo(_line(made.shown), err=True)


def _line(key: ShownKey) -> str:
    notes = [", ".join(key.scopes)]
    if key.old_until is not None:
        notes.append(f"the old secret works until {iso(key.old_until)}")
    if key.expires is not None:
        notes.append(f"expires {iso(key.expires)}")
    notes.append(f"last used {iso(key.used)}" if key.used is not None else "not used yet")
    return f"pxk_{key.id}…  {key.name}  {key.state}  {'; '.join(notes)}"
