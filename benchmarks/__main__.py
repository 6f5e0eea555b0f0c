"""Runs the benchmarks, each in a process of its own, and prints where each budget stands."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import Skipped
from benchmarks.budgets import BUDGETS, Budget
from benchmarks.measurement import Measurement

_FOLDER = Path(__file__).parent
_SKIPPED = 77


class Outcome(msgspec.Struct, frozen=True):
    """What became of one benchmark: its measurements, or why there are none."""

    benchmark: str
    measurements: list[Measurement] = []
    skipped: str = ""
    failed: str = ""


def names() -> list[str]:
    """Return the modules of this folder that have a `main()`, in order."""
    return [
        module.name
        for module in pkgutil.iter_modules([str(_FOLDER)])
        if module.name not in {"__main__", "measurement", "budgets"}
        and "\ndef main()" in (_FOLDER / f"{module.name}.py").read_text(encoding="utf-8")
    ]


def run_here(name: str) -> int:
    """Run one benchmark in this process and writes its measurements as JSON; an exit status."""
    try:
        measurements: list[Measurement] = importlib.import_module(f"benchmarks.{name}").main()
    except Skipped as reason:
        sys.stderr.write(str(reason))
        return _SKIPPED
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(measurements))
    return 0


def run_apart(name: str) -> Outcome:
    """Run one benchmark in a fresh process, so that none warms or bloats another."""
    command = [sys.executable, "-m", "benchmarks", "--here", name]
    done = subprocess.run(
        command, cwd=_FOLDER.parent, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    errors = done.stderr.decode(errors="replace").strip()
    if done.returncode == _SKIPPED:
        return Outcome(name, skipped=errors)
    if done.returncode:
        return Outcome(name, failed=errors or f"exit status {done.returncode}")
    last = done.stdout.rstrip().rpartition(b"\n")[2]
    return Outcome(name, msgspec.json.decode(last, type=list[Measurement]))


def rows(
    outcomes: Sequence[Outcome], *, complete: bool = True
) -> list[tuple[str, str, str, str, str]]:
    """Return the table: name, budget, measured, where it stands, note; budgets first.

    Without `complete`, budgets that were not measured are left out.
    """
    taken = {m.name: m for outcome in outcomes for m in outcome.measurements}
    budgeted = [
        _budget_row(budget, taken.get(budget.name))
        for budget in BUDGETS
        if complete or budget.name in taken
    ]
    known = {budget.name for budget in BUDGETS}
    others = [
        (m.name, "no budget", _shown(m.value, m.unit) + _against(m), "", m.note)
        for m in taken.values()
        if m.name not in known
    ]
    return budgeted + others


def _budget_row(budget: Budget, taken: Measurement | None) -> tuple[str, str, str, str, str]:
    figure = budget.measured(taken) if taken else None
    if taken is None or figure is None:
        return budget.name, str(budget), "not measured", "", ""
    if budget.figure == "value":
        shown = _shown(figure, taken.unit)
    else:
        shown = f"{_shown(figure, '×')} ({_shown(taken.value, taken.unit)} here; {taken.peer})"
    return budget.name, str(budget), shown, "kept" if budget.holds(taken) else "MISSED", taken.note


def _against(taken: Measurement) -> str:
    return f" ({_shown(taken.ratio, '×')} against {taken.peer})" if taken.ratio is not None else ""


def _shown(figure: float, unit: str) -> str:
    digits = 0 if abs(figure) >= 1_000 else 1 if abs(figure) >= 100 else 2
    return f"{figure:,.{digits}f} {unit}".strip()


def report(outcomes: Sequence[Outcome], console: Console, *, complete: bool = True) -> None:
    """Print the table of budgets and measurements, then what was skipped or failed."""
    table = Table("What", "Budget", "Measured", "Stands", "Note", title="Budgets", show_lines=True)
    for row in rows(outcomes, complete=complete):
        style = {"kept": "green", "MISSED": "red"}.get(row[3], "")
        table.add_row(*row, style=style)
    console.print(table)
    for outcome in outcomes:
        if outcome.skipped:
            console.print(f"{outcome.benchmark}: skipped. {outcome.skipped}", markup=False)
        if outcome.failed:
            console.print(f"{outcome.benchmark}: FAILED.\n{outcome.failed}", markup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that are named, or all; return 1 where one of them failed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run; all unless named")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        return run_here(options.here)
    wrong = sorted(set(options.names) - set(names()))
    if wrong:
        parser.error(f"unknown benchmark {', '.join(wrong)}; known: {', '.join(names())}")
    outcomes = []
    for name in options.names or names():
        begun = time.monotonic()
        outcomes.append(run_apart(name))
        sys.stderr.write(f"{name}: {time.monotonic() - begun:.1f} s\n")
    if options.json:
        sys.stdout.buffer.write(msgspec.json.encode(outcomes) + b"\n")
    else:
        console = Console(width=None if sys.stdout.isatty() else 160)
        report(outcomes, console, complete=not options.names)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
