"""`persx recommend activate`: an earlier number recommends again, or none."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.recommender_records import PipelineRequest
from persx.app.recommender_training import ACTIVATE, OFF
from persx.cli.commands.recommend.status import print_status
from persx.cli.options import home_option, json_option, print_json

_OFF = "off"


@click.command("activate")
@click.argument("pipeline", metavar="PIPELINE")
@click.argument("number", metavar="NUMBER|off")
@home_option(must_exist=True)
@json_option
def command(pipeline: str, number: str, home: Path, as_json: bool) -> None:
    """Recommend by an earlier number again, until the next training; or, with off, by none.

    What is switched off is not trained by a server until somebody trains or activates it.

    \b
    Example:  persx recommend activate for-you 3 --home shop
              persx recommend activate for-you off --home shop
    """
    if number != _OFF and not (number.isdecimal() and int(number)):
        raise click.UsageError(f"'{number}' is neither a number nor 'off'")
    request = PipelineRequest(pipeline=pipeline, number=0 if number == _OFF else int(number))
    found = call(home, OFF if number == _OFF else ACTIVATE, request)
    if as_json:
        print_json(found)
    else:
        print_status(found)
