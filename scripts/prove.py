"""Runs the proofs, each in a process of its own, and keeps what they print in docs/proofs."""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PROOFS: Final = ROOT / "proofs"
PAGES: Final = ROOT / "docs" / "proofs"
SKIPPED: Final = 77
"""The exit status of a proof that cannot run here; what it printed says why."""


def names() -> list[str]:
    """Return the proofs: modules of proofs/ that have a `main()`."""
    return [
        path.stem
        for path in sorted(PROOFS.glob("*.py"))
        if "\ndef main()" in path.read_text(encoding="utf-8")
    ]


def claim(name: str) -> str:
    """Return what a proof claims: its module's docstring."""
    tree = ast.parse((PROOFS / f"{name}.py").read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or name


def run(name: str) -> tuple[int, str]:
    """Run one proof, showing its output as it comes; return its exit status and output."""
    call = f"import sys; from proofs.{name} import main; sys.exit(main())"
    lines = []
    with subprocess.Popen(
        [sys.executable, "-u", "-c", call],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return process.returncode, "".join(lines)


def page(name: str, output: str) -> str:
    """Return the page of a proof: its claim, how to repeat it, and the Markdown it printed."""
    head, _, rest = claim(name).partition("\n")
    return (
        f"# {head.rstrip('.')}\n\n{rest.strip()}\n\n"
        f"Repeat it with `make proof ARGS={name}`. The last run printed:\n\n"
        f"{output.strip()}\n"
    ).replace("\n\n\n\n", "\n\n")


def write_index() -> None:
    """Write the list of the proofs that have a page."""
    kept = [name for name in names() if (PAGES / f"{name}.md").exists()]
    lines = [f"- [{claim(name).splitlines()[0]}]({name}.md)" for name in kept]
    text = "# Proofs\n\nWhat persx claims, shown on real data. `make proof` writes these pages.\n\n"
    (PAGES / "README.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proofs that are named, or all; return 1 where one of them failed."""
    parser = argparse.ArgumentParser(prog="prove", description=__doc__)
    parser.add_argument("names", nargs="*", help="proofs to run; all unless named")
    chosen = parser.parse_args(arguments).names or names()
    wrong = sorted(set(chosen) - set(names()))
    if wrong:
        parser.error(f"unknown proof {', '.join(wrong)}; known: {', '.join(names())}")
    PAGES.mkdir(parents=True, exist_ok=True)
    summary = []
    for name in chosen:
        print(f"== {name}: {claim(name).splitlines()[0]}", flush=True)
        begun = time.monotonic()
        status, output = run(name)
        verdict = {0: "proved", SKIPPED: "skipped"}.get(status, "FAILED")
        if status == 0:
            (PAGES / f"{name}.md").write_text(page(name, output), encoding="utf-8")
        summary.append((verdict, name, time.monotonic() - begun))
    write_index()
    for verdict, name, seconds in summary:
        print(f"{verdict:8} {name} ({seconds:.1f} s)")
    return 1 if any(verdict == "FAILED" for verdict, _, _ in summary) else 0


if __name__ == "__main__":
    sys.exit(main())
