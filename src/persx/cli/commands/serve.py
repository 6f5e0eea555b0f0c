"""``persx serve``: the site, the API and the studio of one home."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from persx.app.access import ensure_password, make_link
from persx.app.home import DEFAULT_HOME, open_home
from persx.app.services import Services, hash_server_key
from persx.app.settings import ServerSettings, load_settings
from persx.app.starting import fill_empty, load_demo
from persx.demo import DEMOS
from persx.model.errors import InUse


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=DEFAULT_HOME,
    show_default=True,
    help="Folder that holds everything; made where it is missing.",
)
@click.option("--host", help="Address to listen on (127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (8321); 0 takes a free one.")
@click.option(
    "--demo",
    is_flag=False,
    flag_value=DEMOS[0],
    type=click.Choice(DEMOS),
    help="Load a demo workspace if the home is empty.",
)
@click.option(
    "--simulate",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Fill a home that has no events with N simulated visitors, while it serves.",
)
@click.option("--store", help="Where profiles, workspace and decisions are kept (sqlite).")
@click.option("--stream", help="Where events are logged (where the store says).")
@click.option("--warehouse", help="Where events are analysed (where the store says).")
def command(
    home: Path,
    host: str | None,
    port: int | None,
    demo: str | None,
    simulate: int | None,
    store: str | None,
    stream: str | None,
    warehouse: str | None,
) -> None:
    """Serve a home: site, decisions, events and studio.

    \b
    Example:
      persx serve --home ./home --demo
    """
    flags = {
        "host": host,
        "port": port,
        "store": store,
        "stream": stream,
        "warehouse": warehouse,
    }
    settings = load_settings(home if home.exists() else None, flags=flags)
    try:
        _run(_serve(home, settings, demo, simulate or 0))
    except InUse as error:
        raise InUse(
            f"Another process is serving {home} (process {error.value}).",
            value=error.value,
            hint="Stop it, or use another --home.",
        ) from error


async def _serve(home: Path, settings: ServerSettings, demo: str | None, visitors: int) -> None:
    # The server pulls in the web stack; --help and mistakes shall not wait for it.
    from persx.web.server import open_sockets, serve

    async with open_home(home, settings) as services:
        with contextlib.ExitStack() as stack:
            # Before anything is made that is shown only once.
            sockets = open_sockets(settings.host, settings.port)
            for each in sockets:
                stack.enter_context(each)
            secrets = await _new_secrets(services)
            if demo:
                await load_demo(services, demo)
            link = await make_link(services)
            filling = await fill_empty(services, visitors) if visitors else None

            def listening(url: str) -> None:
                # What is loaded by now stays: the collector need not look at it again.
                gc.freeze()
                _welcome(services, home, settings.public_url.rstrip("/") or url, link, secrets)

            try:
                await serve(services, home, sockets, listening)
            finally:
                if filling is not None:
                    filling.cancel()
                    await asyncio.gather(filling, return_exceptions=True)


async def _new_secrets(services: Services) -> list[tuple[str, str]]:
    """Return the password and keys that were made here and have not been shown yet."""
    secrets = []
    if password := await ensure_password(services):
        secrets.append(("Password", f"{password}   (of the studio; shown only now)"))
    keys = services.keys
    for name, key, given, note in (
        ("Write key", keys.write_key, services.settings.write_key, "public"),
        ("Server key", keys.server_key, services.settings.server_key, "secret; shown only now"),
    ):
        shown = f"shown:{name}"
        if not given and await services.store.value(shown) is None:
            await services.store.set_value(shown, b"1")
            secrets.append((name, f"{key}   ({note})"))
    await hash_server_key(services)
    return secrets


def _welcome(
    services: Services, home: Path, url: str, link: str, secrets: Sequence[tuple[str, str]]
) -> None:
    snapshot = services.publication.number
    rows = [
        ("Site", f"{url}/"),
        ("Studio", f"{url}{link}   (signs in once, within an hour)"),
        *secrets,
        ("Home", str(home.resolve())),
        ("Serving", f"snapshot {snapshot}" if snapshot else "nothing published yet"),
    ]
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print("\npersx is running. Stop it with Ctrl+C.\n", style="bold")
    for name, value in rows:
        console.print(f"  {name:<11} {value}")
    console.print()


SWITCH_SECONDS = 0.0005
"""How long the writer's thread may compute before a request gets its turn (Python's own: 5 ms)."""


def _run(work: object) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)  # type: ignore[arg-type]
    else:
        uvloop.run(work)  # type: ignore[arg-type]
