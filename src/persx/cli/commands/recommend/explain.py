"""`persx recommend explain`: why a list was as it was, by its id in the decision log."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.receipts import EXPLAIN_DECISION, DecisionRequest
from persx.cli.options import home_option, json_option, print_json
from persx.decide.list_receipt import ArtifactState, ListedItem, ListReceipt, RuleInForce
from persx.decide.receipt import Receipt
from persx.model.clock import iso
from persx.model.decision import Reason

_WHY = {
    Reason.TARGETED: "what is known of the visitor counted",
    Reason.HOLDOUT: "the visitor is held out: they get what everybody gets",
    Reason.DISABLED: "generic content was asked for",
    Reason.NO_CONSENT: "the visitor has not allowed personalization",
    Reason.UNKNOWN_VISITOR: "nothing was known of the visitor that counts here",
}
_ARTIFACT = {
    "active": "",
    "kept": ", which is kept and does not recommend any more",
    "removed": ", whose files are removed: newer ones took its place",
    "unknown": ", which this home does not know",
}


@click.command("explain")
@click.argument("id", metavar="ID")
@home_option(must_exist=True)
@json_option
def command(id: str, home: Path, as_json: bool) -> None:
    """Tell why a list was as it was: reasons, sources, and the rules that acted on each item.

    ID is what /v1/recommendations answered with, or the id of a page's decision. The visitor is
    told in their export that somebody looked.

    \b
    Example:  persx recommend explain 0199a3f0c1e5d2b4a6978f0e1d2 --home shop
    """
    found = call(home, EXPLAIN_DECISION, DecisionRequest(id=id))
    if as_json:
        print_json(found)
    elif isinstance(found.recommended, ListReceipt):
        _print_list(found, found.recommended)
    else:
        _print_page(found)


def _print_list(found: Receipt, told: ListReceipt) -> None:
    why = next((text for reason, text in _WHY.items() if reason == told.reason), "")
    click.echo(f"{told.pipeline}, {iso(found.at)}, to {found.visitor}" + (f": {why}." * bool(why)))
    if told.anchor:
        click.echo(f"On the page of {told.anchor}.")
    if told.artifact is not None:
        click.echo(_artifact(told.artifact))
    if told.rules is None:
        click.echo("The snapshot of then cannot be read any more: nobody knows its rules.")
    for each in told.items:
        click.echo(_item(each))
    for rule in told.rules or ():
        click.echo(_rule(rule))


def _artifact(artifact: ArtifactState) -> str:
    if artifact.state == "none":
        return "Nothing was trained then: the newest items led."
    return f"Artifact {artifact.number}{_ARTIFACT[artifact.state]}."


def _item(item: ListedItem) -> str:
    name = f"{item.id}  {item.title}" if item.title else item.id
    state = "" if item.state == "shown" else f" ({item.state} now)"
    chance = "" if item.propensity == 1 else f"  p={item.propensity:.4g}"
    tried = "  by chance" if item.explored else ""
    rules = f"  rules {', '.join(map(str, item.rules))}" if item.rules else ""
    source = item.source or "-"
    return f"{item.place:>3}  {name}{state}  [{source}]  {item.reason}{chance}{tried}{rules}"


def _rule(rule: RuleInForce) -> str:
    about = " ".join(part for part in (", ".join(rule.items), rule.when) if part) or "all items"
    by = f" by {rule.by:g}" if rule.by is not None else ""
    place = f" at {rule.place}" if rule.place is not None else ""
    return f"rule {rule.number}: {rule.do}{by}{place}: {about}"


def _print_page(found: Receipt) -> None:
    click.echo(f"{found.page or 'blocks'}, {iso(found.at)}, to {found.visitor}.")
    for name, block in found.blocks.items():
        if not block.pipeline:
            continue
        click.echo(f"{name}: {block.pipeline} ({block.reason})")
        for place, item in enumerate(block.items, start=1):
            chance = "" if item.propensity == 1 else f"  p={item.propensity:.4g}"
            click.echo(f"{place:>3}  {item.item}  {item.title}  {item.why}{chance}")
