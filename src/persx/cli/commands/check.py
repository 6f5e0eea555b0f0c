"""`persx check`: every fault of a workspace's files at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from persx.cli.faults import count, errors, print_faults
from persx.cli.progress import waiting
from persx.model.errors import BadInput, Fault, NotFound
from persx.workspace.layout import FOLDERS, SETTINGS_FILE, is_workspace_file, read_folder
from persx.workspace.validation import check


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    ok: bool
    errors: int
    warnings: int
    faults: list[Fault]


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR]...")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Check the workspace in this home instead of a folder.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(paths: tuple[Path, ...], home: Path | None, strict: bool, as_json: bool) -> None:
    """Check a workspace's files and report every fault at once.

    DIR is the workspace's folder, the current one unless given. Files may be given too: then
    the workspaces that they belong to are checked, as pre-commit needs it. With --home the
    audiences are counted too: one with very few visitors is a warning.

    Exits with 1 where there are errors; warnings alone are no error.

    \b
    Example:  persx check my-site
              persx check my-site --strict --json
    """
    if home is not None and paths:
        raise click.UsageError("Give a folder or --home, not both.")
    folders = list(_folders(paths or (Path(),))) if home is None else []
    with waiting("Checking"):
        faults = _of_home(home) if home is not None else []
        for folder in folders:
            prefix = "" if folder == Path() else f"{folder.as_posix()}/"
            faults += [
                msgspec.structs.replace(fault, file=prefix + fault.file)
                for fault in _of_folder(folder)
            ]
    if strict:
        faults = [msgspec.structs.replace(fault, severity="error") for fault in faults]
    wrong = errors(faults)
    if as_json:
        result = CheckResult(
            ok=not wrong, errors=wrong, warnings=len(faults) - wrong, faults=faults
        )
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    elif faults:
        print_faults(faults)
    elif home is None and not folders:
        click.echo("Nothing to check: none of these files is a workspace's.")
    else:
        click.secho(count(faults), fg="green")
    if wrong:
        click.get_current_context().exit(1)


def _of_folder(folder: Path) -> list[Fault]:
    unread: list[Fault] = []
    files = read_folder(folder, unread)
    if not unread and not any(is_workspace_file(path) for path in files):
        raise BadInput(
            f"There is no workspace in '{folder}'.",
            value=str(folder),
            hint="Name the folder that holds settings.yaml, blocks/ and pages/.",
        )
    return [*unread, *check(files)[1]]


def _of_home(home: Path) -> list[Fault]:
    from persx.app.census import CHECK_DRAFTS, CensusRequest
    from persx.app.commands import call

    if not home.is_dir():
        raise NotFound(f"There is no home at {home}.", value=str(home))
    return list(call(home, CHECK_DRAFTS, CensusRequest()).faults)


def _folders(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the workspace folders that are given, or that given files belong to, each once."""
    seen: set[Path] = set()
    for path in paths:
        folder = _root(path) if path.is_file() else path
        if folder is not None and folder not in seen:
            seen.add(folder)
            yield folder


def _root(file: Path) -> Path | None:
    """Return the folder of the workspace that a file belongs to; none where to none."""
    below = [folder for folder in file.parents if (folder / SETTINGS_FILE).is_file()]
    likely = [folder.parent for folder in file.parents if folder.name in FOLDERS]
    for folder in (*below, *likely, file.parent):
        if is_workspace_file(file.relative_to(folder).as_posix()):
            return folder
    return None
