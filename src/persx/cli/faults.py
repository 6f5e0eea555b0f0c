"""Faults as the command line shows them: one a line, where, what and what to do."""

from __future__ import annotations

from collections.abc import Sequence

import click

from persx.model.counting import counted
from persx.model.errors import Fault


def print_faults(faults: Sequence[Fault], *, to_stderr: bool = False, prefix: str = "") -> None:
    """Print faults and a line that counts them; in colour on a terminal.

    Args:
        prefix: The folder before each file, so that a terminal can open it.
    """
    for fault in faults:
        click.echo(_line(fault, prefix), err=to_stderr)
    if faults:
        click.secho(
            count(faults), err=to_stderr, bold=True, fg="red" if errors(faults) else "yellow"
        )


def errors(faults: Sequence[Fault]) -> int:
    """Return how many of the faults are errors."""
    return sum(fault.severity == "error" for fault in faults)


def count(faults: Sequence[Fault]) -> str:
    """Return how many errors and warnings there are, in words.

    >>> count([Fault(message="x"), Fault(message="y"), Fault(message="z", severity="warning")])
    '2 errors, 1 warning.'
    """
    wrong = errors(faults)
    parts = [
        counted(number, word)
        for number, word in ((wrong, "error"), (len(faults) - wrong, "warning"))
        if number
    ]
    return ", ".join(parts) + "." if parts else "No faults."


def _line(fault: Fault, prefix: str) -> str:
    place = click.style(
        f"{prefix}{fault.file}{f':{fault.line}' if fault.line else ''}: ", bold=True
    )
    severity = click.style("warning: ", fg="yellow") if fault.severity != "error" else ""
    path = click.style(f"{plain(fault.path)}: ", fg="cyan") if fault.path else ""
    value = f" (value: {plain(fault.value)})" if fault.value else ""
    hint = click.style(f" {plain(fault.hint)}", fg="green") if fault.hint else ""
    return f"{place}{severity}{path}{plain(fault.message)}{value}{hint}"


def plain(text: str) -> str:
    """Return text on one line, with nothing in it that a terminal would obey."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "replace").decode()
        for each in text
    )
