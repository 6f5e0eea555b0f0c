"""What a terminal shows on standard error while something takes its time."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE: Final = 2.0
"""Seconds after which people wonder."""


def waiting(label: str) -> AbstractContextManager[object]:
    """Return a context in which a terminal shows that work goes on; its steps are not counted."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"{label} …")


class Progress:
    """Counts steps; shows a bar once they have taken longer than `PATIENCE`.

    Nothing is shown where standard error is not a terminal.

    Args:
        label: What is being done.
        total: Steps to expect; none where that is not known.
    """

    def __init__(self, label: str, total: int | None = None) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self._began = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, steps: int) -> None:
        """Count steps that are done."""
        self.done += steps
        if self._bar is None:
            if time.monotonic() - self._began < PATIENCE:
                return
            self._bar = self._start()
        for task in self._bar.task_ids:
            self._bar.update(task, completed=self.done, total=self.total)

    def _start(self) -> Bar:
        # Loaded only now: most commands are done before anybody needs a bar.
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

        console = Console(stderr=True)
        bar = Progress(
            *Progress.get_default_columns()[:2],
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        bar.add_task(self.label, total=self.total, completed=self.done)
        bar.start()
        return bar
