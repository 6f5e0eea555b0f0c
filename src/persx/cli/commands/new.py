"""`persx new`: a small workspace folder to start from."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from persx.workspace.creation import create


@click.command("new")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--ci", is_flag=True, help="Add a GitHub Actions workflow that checks it.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Push and publish it in this home too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the paths as JSON.")
def command(folder: Path, ci: bool, home: Path | None, as_json: bool) -> None:
    """Make a small workspace folder to start from.

    Two industries, a home page with a hero that speaks to each of them, a goal and an
    experiment, with comments that say what each line does.

    \b
    Example:  persx new my-site
              persx new my-site --ci --home shop && persx serve --home shop
    """
    paths = create(folder, ci=ci)
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
