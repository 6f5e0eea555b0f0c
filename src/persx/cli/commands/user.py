"""`persx user`: the accounts of the team, their roles, passwords and sessions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from persx.app import people
from persx.app.commands import call, server_address
from persx.app.people import (
    AddPerson,
    ChangeRole,
    NamedPerson,
    PeopleRequest,
    Person,
    PersonResult,
    SetPassword,
)
from persx.app.settings import load_settings
from persx.app.use_cases import UseCase
from persx.cli.options import home_option, json_option, print_json
from persx.model.clock import iso
from persx.model.counting import counted
from persx.model.staff import Role

ROLES: Final = [role.value for role in Role]


@click.group("user")
def command() -> None:
    """Look after the accounts of the team.

    NAME is an e-mail address or a short name. Roles, each with the rights of those before it:
    viewer (reads figures), editor (changes drafts), publisher (publishes and rolls back), admin.

    \b
    Example:  persx user add ada@example.com --role publisher --home shop
              persx user list --home shop
    """


@command.command("list")
@home_option(must_exist=True)
@json_option
def list_(home: Path, as_json: bool) -> None:
    """List all accounts.

    \b
    Example:  persx user list --home shop
    """
    found = call(home, people.LIST, PeopleRequest())
    if as_json:
        print_json(found)
        return
    for each in found.people:
        click.echo(_line(each))
    if not found.people:
        click.echo("There is no account yet: the first start of a server makes 'admin'.")


@command.command("add")
@click.argument("name", metavar="NAME")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="What they may do in the studio.",
)
@click.option("--display", default="", metavar="TEXT", help="The name that others read.")
@click.option("--visitors", is_flag=True, help="They may see visitors' data.")
@click.option(
    "--password", is_flag=True, help="Ask for a password (or read it from stdin) instead."
)
@home_option(must_exist=True)
@json_option
def add(
    name: str, role: str, display: str, visitors: bool, password: bool, home: Path, as_json: bool
) -> None:
    """Make an account, and a link by which its owner sets a password once.

    \b
    Example:  persx user add ada@example.com --role editor --display "Ada L." --home shop
    """
    asked = AddPerson(
        name=name,
        display=display,
        role=role,
        visitors=visitors,
        password=_password() if password else "",
    )
    _tell(home, call(home, people.ADD, asked), "Added {}.", as_json)


@command.command("role")
@click.argument("name", metavar="NAME")
@click.argument("role", type=click.Choice(ROLES), required=False)
@click.option("--visitors/--no-visitors", default=None, help="Whether they may see visitors' data.")
@home_option(must_exist=True)
@json_option
def role(name: str, role: str | None, visitors: bool | None, home: Path, as_json: bool) -> None:
    """Change what somebody may do; it holds with their next request.

    \b
    Example:  persx user role ada@example.com publisher --visitors --home shop
    """
    if role is None and visitors is None:
        raise click.UsageError("Say a role, or --visitors or --no-visitors.")
    asked = ChangeRole(name=name, role=role or "", visitors=visitors)
    _tell(home, call(home, people.ROLE, asked), "Changed {}.", as_json)


@command.command("password")
@click.argument("name", metavar="NAME")
@click.option("--link", is_flag=True, help="Print a link by which they set it, once.")
@home_option(must_exist=True)
@json_option
def password(name: str, link: bool, home: Path, as_json: bool) -> None:
    """Set somebody's password, or make a link by which they do.

    It is asked for, or read from stdin; it never stands on the command line, where others see it.

    \b
    Example:  persx user password ada@example.com --link --home shop
              pass show studio | persx user password admin --home shop
    """
    asked = SetPassword(name=name, password="" if link else _password())
    told = "A link for {}:" if link else "The password of {} is set."
    _tell(home, call(home, people.PASSWORD, asked), told, as_json)


@command.command("remove")
@click.argument("name", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@home_option(must_exist=True)
@json_option
def remove(name: str, yes: bool, home: Path, as_json: bool) -> None:
    """Take an account away; what they did stays in the audit log.

    \b
    Example:  persx user remove ada@example.com --home shop
    """
    if not yes:
        click.confirm(f"Remove the account '{name}'?", abort=True, err=True)
    _do(home, people.REMOVE, name, "The account {} is gone.", as_json)


@command.command("sessions")
@click.argument("name", metavar="NAME")
@click.option("--end", is_flag=True, help="End all of them.")
@home_option(must_exist=True)
@json_option
def sessions(name: str, end: bool, home: Path, as_json: bool) -> None:
    """List where somebody is signed in, or sign them out everywhere.

    \b
    Example:  persx user sessions ada@example.com --end --home shop
    """
    if end:
        _do(home, people.END_SESSIONS, name, "{} is signed out everywhere.", as_json)
        return
    found = call(home, people.SESSIONS, NamedPerson(name=name))
    if as_json:
        print_json(found)
        return
    for each in found.sessions:
        click.echo(
            f"{each.agent or 'unknown':<32} {each.network or 'unknown':<18} "
            f"since {iso(each.at)}, last used {iso(each.seen)}"
        )
    if not found.sessions:
        click.echo(f"{found.name} is signed in nowhere.")


def _simple(name: str, use_case: UseCase[NamedPerson, PersonResult], told: str, text: str) -> None:
    """Add a command that does one thing to one account."""

    @command.command(
        name,
        help=f"{text}\n\n\b\nExample:  persx user {name} ada@example.com --home shop",
        short_help=text,
    )
    @click.argument("name", metavar="NAME")
    @home_option(must_exist=True)
    @json_option
    def run(name: str, home: Path, as_json: bool) -> None:
        _do(home, use_case, name, told, as_json)


def _do(
    home: Path,
    use_case: UseCase[NamedPerson, PersonResult],
    name: str,
    told: str,
    as_json: bool,
) -> None:
    _tell(home, call(home, use_case, NamedPerson(name=name)), told, as_json)


def _tell(home: Path, result: PersonResult, told: str, as_json: bool) -> None:
    link = _base(home) + result.link if result.link else ""
    if as_json:
        print_json({"person": result.person, "link": link, "ended": result.ended})
        return
    click.echo(told.format(result.person.name))
    if link:
        click.echo(f"\n  {link}\n\nIt sets their password once, within three days.")
    if result.ended:
        click.echo(f"{counted(result.ended, 'session')} ended.")


def _base(home: Path) -> str:
    """Return where the studio is, as far as that is known."""
    settings = load_settings(home)
    here = server_address(home) or f"http://{settings.host}:{settings.port}"
    return (settings.public_url or here).rstrip("/")


def _password() -> str:
    """Return a password from the terminal, twice asked for, or the first line of stdin."""
    if sys.stdin.isatty():
        asked: str = click.prompt(
            "Password", hide_input=True, confirmation_prompt="The same again", err=True
        )
        return asked
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise click.UsageError("There is no password on stdin.")
    return given


def _line(person: Person) -> str:
    marks = [
        mark
        for mark, holds in (
            ("sees visitors", person.visitors),
            ("second factor", person.second_factor),
            ("invited", person.invited),
            ("DISABLED", person.disabled),
        )
        if holds
    ]
    last = f"last {iso(person.signed_in)}" if person.signed_in else "never signed in"
    name = f"{person.name} ({person.display})" if person.display else person.name
    return f"{name:<36} {person.role.value:<10} {last:<30} {', '.join(marks)}".rstrip()


_simple(
    "disable",
    people.DISABLE,
    "{} is kept out.",
    "Keep somebody out; their sessions end at once.",
)
_simple("enable", people.ENABLE, "{} may sign in again.", "Let somebody in again.")
_simple(
    "reset-totp",
    people.RESET_TOTP,
    "{} signs in without a code.",
    "Take the second factor off an account, whose owner has lost it.",
)
