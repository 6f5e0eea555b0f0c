"""`persx recommend`: recommenders are trained, tuned and judged; one file for each subcommand."""

from __future__ import annotations

from typing import Final

import click

from persx.cli.commands.recommend import evaluate

SUBCOMMANDS: Final = (evaluate.command,)
"""The subcommands, in the order in which they are documented."""


@click.group("recommend")
def command() -> None:
    """Recommend: judge how well recommenders find what is wanted.

    \b
    Example:  persx recommend evaluate --train train.txt --test test.txt --recommender ease
    """


for _each in SUBCOMMANDS:
    command.add_command(_each)
