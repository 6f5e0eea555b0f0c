"""A demo server in a process and a home of its own, for pictures and for figures."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from persx.demo import DEMOS

WRITE_KEY: Final = "write-key-of-the-demo-server"
SERVER_KEY: Final = "server-key-of-the-demo-server"
ADMIN_PASSWORD: Final = "password-of-the-demo-server"
PATIENCE: Final = 30.0
"""Seconds that a server may take to start or to stop."""


class DemoServer(NamedTuple):
    """A running demo server.

    Attributes:
        url: Its address, without a slash at the end.
        pid: Its process.
        home: Its home.
    """

    url: str
    pid: int
    home: Path


@contextmanager
def demo_server(*, home: Path | None = None, demo: str = DEMOS[0]) -> Iterator[DemoServer]:
    """Serve the demo on a free loopback port until the block ends.

    Args:
        home: A home to use and to keep; one that is thrown away unless given.
        demo: Which demo workspace it serves.

    Raises:
        RuntimeError: It did not start; the message holds what it printed.
    """
    place = home or Path(tempfile.mkdtemp(prefix="persx-demo-"))
    command = [sys.executable, "-c", "from persx.cli import main; main()", "serve"]
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("PERSX_")},
        "PERSX_WRITE_KEY": WRITE_KEY,
        "PERSX_SERVER_KEY": SERVER_KEY,
        "PERSX_ADMIN_PASSWORD": ADMIN_PASSWORD,
    }
    process = subprocess.Popen(
        [*command, "--demo", demo, "--home", str(place), "--port", "0"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield DemoServer(_address(process), process.pid, place)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
        if home is None:
            shutil.rmtree(place, ignore_errors=True)


def _address(process: subprocess.Popen[bytes]) -> str:
    """Return the address that a starting server prints."""
    assert process.stdout is not None
    printed = b""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            chunk = os.read(process.stdout.fileno(), 65_536)
            printed += chunk
            if found := re.search(rb"http://[\w.:\[\]-]+:\d+(?=/)", printed):
                return found[0].decode()
            if not chunk:
                break
    process.kill()
    raise RuntimeError(f"The demo server did not start:\n{printed.decode(errors='replace')}")
