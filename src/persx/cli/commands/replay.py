"""`persx replay`: what a draft policy would have brought, as far as the log can tell."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.replaying import REPLAY, BlockReplay, ReplayRequest
from persx.cli.estimates import print_estimates
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.errors import BadInput
from persx.workspace.documents import read_folder

_LARGEST = 1 << 20


@click.command("replay")
@click.option(
    "--policy",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="A workspace's folder, or a file with a block's probabilities.",
)
@click.option("--block", default="", metavar="NAME", help="Only this block.")
@click.option(
    "--confidence", type=float, default=0.95, show_default=True, help="Confidence of intervals."
)
@home_option(must_exist=True)
@json_option
def command(policy: Path, block: str, confidence: float, home: Path, as_json: bool) -> None:
    """Compare a draft policy with the decision log, without showing it to anybody.

    It tells what blocks that learn would have brought under the draft, by three estimators, or
    why the log cannot tell. A file of probabilities holds "block: NAME" and "shares: {VARIANT:
    NUMBER}", as YAML or JSON.

    \b
    Example:  persx replay --policy drafts/site --home shop
              persx replay --policy bolder.yaml --home shop
    """
    if not policy.exists():
        raise BadInput(f"There is nothing at '{policy}'.", value=str(policy))
    if policy.is_dir():
        request = ReplayRequest(files=read_folder(policy), block=block, confidence=confidence)
    else:
        request = ReplayRequest(probabilities=_text(policy), block=block, confidence=confidence)
    with waiting("Replaying"):
        found = call(home, REPLAY, request)
    if as_json:
        print_json(found)
        return
    for note in found.notes:
        click.echo(note)
    for each in found.blocks:
        _print(each)


def _text(file: Path) -> str:
    if file.stat().st_size > _LARGEST:
        raise BadInput(f"'{file}' is too large for probabilities.", value=str(file))
    try:
        return file.read_text(encoding="utf-8") or " "
    except UnicodeDecodeError as error:
        raise BadInput(f"'{file}' is not in UTF-8.", value=str(file)) from error


def _print(found: BlockReplay) -> None:
    told = found.evaluation
    click.echo(f"{found.block}  {found.goal} within {found.window}")
    click.echo(
        f"  {told.n:,} visitors in the log, {told.effective:,.0f} effective; largest weight "
        f"{told.largest_weight:,.1f}; {found.changed:.0%} of them under other probabilities"
    )
    for why, count in found.left_out.items():
        click.echo(f"  left out: {count:,} {why}")
    if found.waiting:
        click.echo(f"  left out: {found.waiting:,} whose {found.window} are not over")
    print_estimates(told)
