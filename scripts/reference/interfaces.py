"""The reference of the doors: server settings, commands, HTTP routes, cookies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from starlette.routing import BaseRoute, Mount, Route

from persx.app.settings import ServerSettings
from persx.cli import main as command_line
from persx.web.server import create_app
from persx.web.visitors import COOKIES
from scripts.reference.privacy import needed
from scripts.reference.structs import fields, markdown_table, summary


def settings() -> str:
    """Return the page on the settings of a server."""
    flags = {
        parameter.name for parameter in dict(walk(command_line, "persx"))["persx serve"].params
    }
    rows = [
        (
            f"`{field.name}`",
            f"`--{field.name.replace('_', '-')}`" if field.name in flags else "",
            f"`PERSX_{field.name.upper()}`",
            field.default,
            field.meaning,
        )
        for field in fields(ServerSettings)
    ]
    return (
        "A flag of `persx serve` beats the environment variable, which beats the key in "
        "`persx.toml` of the home.\n\n"
        + markdown_table(("key", "flag", "variable", "default", "meaning"), rows)
    )


def commands() -> str:
    """Return the page on the commands, each with its help as the terminal shows it."""
    parts = ["`persx COMMAND --help` shows the same.\n"]
    settings = {**command_line.context_settings, "max_content_width": 96, "terminal_width": 96}
    for name, command in walk(command_line, "persx"):
        *groups, last = name.split()
        outer = click.Context(command_line, info_name=" ".join(groups), **settings)
        inner = click.Context(command, parent=outer, info_name=last)
        text = "\n".join(line.rstrip() for line in command.get_help(inner).splitlines())
        parts.append(f"## `{name}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, below a group, with its full name."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command, info_name=name)
    for part in command.list_commands(context):
        found = command.get_command(context, part)
        assert found is not None
        yield from walk(found, f"{name} {part}")


def http() -> str:
    """Return the page on HTTP routes and cookies."""
    alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for path, methods, meaning in sorted(routes()):
        alike.setdefault((methods, meaning), []).append(f"`{path}`")
    rows = [
        (", ".join(f"`{method}`" for method in methods), ", ".join(paths), meaning)
        for (methods, meaning), paths in alike.items()
    ]
    cookies = [
        (f"`{cookie.name}`", cookie.purpose, needed(cookie.needs), cookie.lifetime)
        for cookie in COOKIES
    ]
    return (
        "## Routes\n\n"
        + markdown_table(("methods", "path", "what it does"), rows)
        + "\n## Cookies\n\nAll are first-party, `HttpOnly` and `SameSite=Lax`, and `Secure` behind "
        "https.\n\n"
        + markdown_table(("cookie", "what it is for", "set with", "how long it lives"), cookies)
    )


def routes() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield path, methods and meaning of every route that the server has."""
    # Handlers ask for the services only when they are called; a list of routes needs none.
    services: Any = None
    yield from _routes(create_app(services).routes, "")


def _routes(found: list[BaseRoute], prefix: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for route in found:
        if isinstance(route, Route):
            methods = tuple(sorted((route.methods or set()) - {"HEAD"}))
            yield prefix + route.path, methods, summary(route.endpoint).replace("\n", " ")
        elif isinstance(route, Mount):
            if route.routes:
                yield from _routes(list(route.routes), prefix + route.path)
            else:
                yield f"{prefix}{route.path}/…", ("GET",), "Files."


def undescribed() -> list[str]:
    """Return settings, commands and routes that do not say what they are."""
    silent = [f"setting {field.name}" for field in fields(ServerSettings) if not field.meaning]
    for name, command in walk(command_line, "persx"):
        if not command.help:
            silent.append(f"command {name}")
        elif "example" not in command.help.lower():
            silent.append(f"command {name} (no example)")
        silent += [
            f"option {option.opts[0]} of {name}"
            for option in command.params
            if isinstance(option, click.Option) and not option.help
        ]
    silent += [f"route {path}" for path, _, meaning in routes() if not meaning]
    return silent
