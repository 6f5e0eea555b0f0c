"""The command line: `persx` and its commands, each loaded only when it is used."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

import click
from click.exceptions import NoArgsIsHelpError

from persx import __version__
from persx.model.errors import (
    BadInput,
    Conflict,
    Forbidden,
    InvalidWorkspace,
    NotFound,
    PersxError,
    Unavailable,
    did_you_mean,
)


class CommandEntry(NamedTuple):
    """A command: its name, the module of `persx.cli.commands` that has it, and one line on it."""

    name: str
    module: str
    summary: str


COMMANDS: Final = (
    CommandEntry("serve", "serve", "Serve a home: the site, the API and the studio."),
    CommandEntry("new", "new", "Make a small workspace folder to start from."),
    CommandEntry("check", "check", "Check a workspace's files and report every fault at once."),
    CommandEntry("catalogue", "catalogue", "List what is kept of visitors, and who uses it."),
    CommandEntry("boundaries", "boundaries", "Divide visitors by a number into equal parts."),
    CommandEntry("explain", "explain", "Tell why a rule is true or false."),
    CommandEntry("push", "push", "Send a workspace's folder to the home."),
    CommandEntry("pull", "pull", "Bring a workspace's folder to what the home has."),
    CommandEntry("publish", "publish", "Publish the home's workspace as the next snapshot."),
    CommandEntry("rollback", "rollback", "Serve an earlier snapshot again, or list all."),
    CommandEntry("import", "import_", "Bring in events, experiments or items from files."),
    CommandEntry("items", "items", "Look at the catalogue; hide and remove items."),
    CommandEntry("export", "export", "Write out events or form submissions."),
    CommandEntry("identity", "identity", "Show who belongs together; take a merge back."),
    CommandEntry("user", "user", "Look after the accounts of the team."),
    CommandEntry("health", "health", "Tell how personalization works; silence alerts."),
    CommandEntry("audit", "audit", "Tell who changed what; check that nothing was taken out."),
    CommandEntry("erase", "erase", "Erase a visitor from everything that is kept."),
    CommandEntry("key", "key", "Make, list, rotate and revoke API keys."),
    CommandEntry("retention", "retention", "Tell what is removed when it is too old."),
    CommandEntry("predict", "predict", "Train models that guess what visitors did not say."),
    CommandEntry("recommend", "recommend", "Train pipelines, choose what recommends, judge it."),
    CommandEntry("learn", "learn", "Learn which variants of a block work."),
    CommandEntry("replay", "replay", "Compare a draft policy with the decision log."),
    CommandEntry("backup", "backup", "Write everything in a home to one file."),
    CommandEntry("restore", "restore", "Make a home of a backup."),
    CommandEntry("experiment", "experiment", "List, try, ramp and stop experiments; keep winners."),
    CommandEntry("report", "report", "Report what an experiment was worth."),
    CommandEntry("review", "review", "Tell what a week or a month was worth, and what to rewrite."),
    CommandEntry("simulate", "simulate", "Have made-up visitors come, with known effects."),
    CommandEntry("probe", "probe", "Walk every page as every industry, and say what is broken."),
)
"""All commands, in the order in which help lists them. A module has its command as `command`."""

EXIT_CODES: Final[dict[type[PersxError], int]] = {
    Conflict: 3,
    NotFound: 4,
    Forbidden: 5,
    Unavailable: 6,
    BadInput: 2,
}
OTHER_ERROR: Final = 1

YOUNG_OBJECTS: Final = 50_000
"""Objects made between two looks of the garbage collector: a batch of events makes thousands, and
none in circles. Measured: a third less time an event than with Python's own 700."""


class _Misused(click.UsageError):
    """A command that was called wrongly, said in one line like every other error."""

    def show(self, file: IO[Any] | None = None) -> None:
        message = " ".join(self.format_message().split())
        end = "" if message.endswith((".", "?")) else "."
        path = self.ctx.command_path if self.ctx else "persx"
        click.secho(f"Error: {message}{end} See: {path} --help", file=file, err=True, fg="red")


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise _Misused(error.format_message(), error.ctx) from None


class Commands(click.Group):
    """Loads a command's module when the command is used, and turns errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module now."""
        for entry in COMMANDS:
            if entry.name == cmd_name:
                module = importlib.import_module(f"persx.cli.commands.{entry.module}")
                command: click.Command = module.command
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; say which one was meant if there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{error.message} {hint}", ctx) from None

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Read the command line."""
        with _in_one_line():
            return super().make_context(*arguments, **extra)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in COMMANDS])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what went wrong is said in one line, with an exit code of its kind."""
        gc.set_threshold(YOUNG_OBJECTS, 20, 100)
        try:
            with _in_one_line():
                return super().invoke(ctx)
        except InvalidWorkspace as error:
            from persx.cli.faults import print_faults

            print_faults(error.faults, to_stderr=True)
            ctx.exit(exit_code(error))
        except PersxError as error:
            click.secho(f"Error: {error}", err=True, fg="red")
            ctx.exit(exit_code(error))
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            click.secho(f"Error: {place}{error.strerror or error}.", err=True, fg="red")
            ctx.exit(OTHER_ERROR)


def exit_code(error: PersxError) -> int:
    """Return the exit code that tells the kind of an error."""
    return next((EXIT_CODES[kind] for kind in type(error).mro() if kind in EXIT_CODES), OTHER_ERROR)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="persx")
def main() -> None:
    """Decide what each visitor sees, and prove whether it helped.

    \b
    A first look:   persx serve --demo
    A fresh start:  persx new my-site && persx check my-site
    """
