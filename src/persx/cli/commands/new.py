"""`persx new`: a workspace folder to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import msgspec

from persx.demo import DEMOS, demo_folder
from persx.workspace.creation import create

SMALL: Final = "small"


@click.command("new")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--template",
    type=click.Choice([SMALL, *DEMOS]),
    default=SMALL,
    show_default=True,
    help="What to start from: a small workspace with comments, or one of the demos.",
)
@click.option("--ci", is_flag=True, help="Add a GitHub Actions workflow that checks it.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Push and publish it in this home too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the paths as JSON.")
def command(folder: Path, template: str, ci: bool, home: Path | None, as_json: bool) -> None:
    """Make a workspace folder to start from.

    Two industries, a home page with a hero that speaks to each of them, a goal and an
    experiment, with comments that say what each line does; or a copy of a demo.

    \b
    Example:  persx new my-site
              persx new my-shop --template shop
              persx new my-site --ci --home shop && persx serve --home shop
    """
    paths = create(folder, ci=ci, template=None if template == SMALL else demo_folder(template))
    if home is not None:
        _publish(folder, home)
    if as_json:
        click.echo(msgspec.json.encode(paths).decode())
        return
    for path in paths:
        click.echo(f"made {(folder / path).as_posix()}")
    if home is None:
        click.echo(f"Next: persx check {folder}, then persx publish {folder} --home HOME")
    else:
        click.echo(f"Published in {home}. Next: persx serve --home {home}")


def _publish(folder: Path, home: Path) -> None:
    from persx.app.commands import call
    from persx.app.publishing import PUBLISH, PublishRequest
    from persx.cli.commands.push import push_folder
    from persx.cli.options import author

    push_folder(folder, home)
    call(home, PUBLISH, PublishRequest(author=author(), message="A new workspace"))
