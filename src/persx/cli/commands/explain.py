"""`persx explain`: why a rule is true or false."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from persx.app.commands import call
from persx.app.explaining import EXPLAIN, ExplainRequest
from persx.audience.explain import Explanation
from persx.cli.options import existing, home_option, json_option, print_json
from persx.model.errors import BadInput


@click.command("explain")
@click.argument("rule", metavar="RULE")
@click.option(
    "--attributes", "facts", default="{}", metavar="JSON", help="Facts, by attribute's name."
)
@click.option("--anonymous-id", default="", metavar="ID", help="What is known of this visitor.")
@click.option("--user-id", default="", metavar="ID", help="What is known of this user.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The workspace in this folder, not the one that the home serves.",
)
@home_option()
@json_option
def command(
    rule: str,
    facts: str,
    anonymous_id: str,
    user_id: str,
    folder: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Tell why a rule is true or false: which clause decides, with which value.

    For a visitor by id, for facts that you give, or for both: then the facts lie over what is
    known. The rule may be one of a variant, or in_audience("NAME"); it need not be published.

    \b
    Example:  persx explain 'industry == "SaaS" and page_views > 3' --home shop \\
                --attributes '{"industry": "SaaS", "page_views": 2}'
    """
    attributes = _attributes(facts)
    if folder is None:
        request = ExplainRequest(
            rule=rule, attributes=attributes, anonymous_id=anonymous_id, user_id=user_id
        )
        found = call(existing(home), EXPLAIN, request)
    elif anonymous_id or user_id:
        raise click.UsageError("A folder knows no visitors: give --attributes.")
    else:
        found = _in_folder(folder, rule, attributes)
    if as_json:
        print_json(found)
    else:
        click.echo(found.render())


def _attributes(text: str) -> dict[str, Any]:
    try:
        attributes: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadInput(
            f"--attributes is not a JSON object: {error}.",
            value=text,
            hint="""Write --attributes '{"industry": "SaaS"}'.""",
        ) from error
    return attributes


def _in_folder(folder: Path, rule: str, attributes: dict[str, Any]) -> Explanation:
    from persx.sdk.engine import Engine

    return Engine.from_folder(folder).explain(rule, attributes)
