"""`persx recommend`: recommenders are trained, tuned and judged; one file for each subcommand."""

from __future__ import annotations

from typing import Final

import click

from persx.cli.commands.recommend import (
    activate,
    evaluate,
    explain,
    show,
    status,
    train,
    tune,
)

SUBCOMMANDS: Final = (
    train.command,
    status.command,
    activate.command,
    show.command,
    explain.command,
    tune.command,
    evaluate.command,
)
"""The subcommands, in the order in which they are documented."""


@click.group("recommend")
def command() -> None:
    """Recommend: train pipelines, choose what recommends, and judge how well it finds.

    \b
    Example:  persx recommend train --home shop
              persx recommend status --home shop
              persx recommend show for-you --visitor 5f2a --home shop
              persx recommend evaluate --train train.txt --test test.txt --recommender ease
    """


for _each in SUBCOMMANDS:
    command.add_command(_each)
