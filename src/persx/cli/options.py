"""Options that commands share: the home, JSON output, and who does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from persx.app.commands import user
from persx.app.home import DEFAULT_HOME
from persx.model.errors import NotFound

F = TypeVar("F", bound=Callable[..., Any])

HOME_HELP: Final = "The folder of the workspace's data."


def existing(home: Path) -> Path:
    """Return the home; a command that only reads must not make an empty one of a misspelt path.

    Raises:
        NotFound: There is no such folder.
    """
    if not home.is_dir():
        raise NotFound(
            f"There is no home at {home}.",
            value=str(home),
            hint="Name it with --home, or make one: persx serve --home FOLDER",
        )
    return home


def home_option(*, must_exist: bool = False) -> Callable[[F], F]:
    """Return the option --home.

    Args:
        must_exist: The command only reads.
    """
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="PERSX_HOME",
        default=DEFAULT_HOME,
        show_default=True,
        metavar="DIR",
        callback=(lambda _, __, home: existing(home)) if must_exist else None,
        help=HOME_HELP,
    )


def json_option(function: F) -> F:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        function
    )


def author() -> str:
    """Return the name of the user of this machine, for the history."""
    return user()


def print_json(result: object) -> None:
    """Print a result as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
