"""Checks that the documentation is complete: docstrings, file sizes, registry hosts, commands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MOST_LINES: Final = 450
"""Beyond this many lines a file of the product holds a second idea."""

REGISTRY_HOSTS: Final = tuple(
    # Split, so that this file does not hold what it looks for.
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
    )
)


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Return the files that belong to the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return sorted(root / name for name in names if name and (root / name).is_file())


def source_files(root: Path = ROOT) -> list[Path]:
    """Return the product's Python files."""
    return sorted((root / "src").rglob("*.py"))


def promised_methods(paths: Iterable[Path]) -> frozenset[str]:
    """Return the methods that a `Protocol` of these files documents; who implements inherits."""
    return frozenset(
        method.name
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        if isinstance(node, ast.ClassDef)
        and any("Protocol" in ast.unparse(base) for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(method)
    )


def undocumented(
    path: Path, promised: frozenset[str] = frozenset(), *, objects: bool = True
) -> Iterator[str]:
    """Yield what lacks a docstring in a Python file: the module, and its public objects.

    A module without a statement (an empty `__init__.py`) needs none. Public is what has no
    leading underscore, all the way up. What overrides, overloads or implements a `promised`
    method inherits its documentation, and a property without a body (of a Protocol) is told of
    by its class, like a field.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    if tree.body and ast.get_docstring(tree) is None:
        yield f"{path}:1: the module does not say what its job is"
    if objects:
        yield from _undocumented_in(tree, path, "", promised)


def _undocumented_in(
    scope: ast.Module | ast.ClassDef, path: Path, owner: str, promised: frozenset[str]
) -> Iterator[str]:
    for node in scope.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        name = f"{owner}{node.name}"
        if node.name.startswith("_") or _inherits_docs(node):
            continue
        if owner and (node.name in promised or node.name.startswith("test_")):
            continue  # A contract's test says in its name what it tests.
        if ast.get_docstring(node) is None:
            yield f"{path}:{node.lineno}: '{name}' has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(node, path, f"{name}.", promised)


def _inherits_docs(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    if "property" in marks and ast.unparse(node.body[-1]) == "...":
        return len(node.body) == 1
    return bool(marks & {"override", "overload", "setter"})


def too_long(path: Path) -> Iterator[str]:
    """Yield a complaint where a file has more than `MOST_LINES` lines."""
    lines = path.read_text(encoding="utf-8").count("\n")
    if lines > MOST_LINES:
        yield f"{path}: {lines} lines; which second idea moved in?"


def registry_hosts(path: Path) -> Iterator[str]:
    """Yield a complaint for each line of a file that names a package registry's host."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # A picture.
    for number, line in enumerate(text.splitlines(), 1):
        for host in REGISTRY_HOSTS:
            if host in line.casefold():
                yield f"{path}:{number}: names the registry host {host}"


def make_targets(makefile: str) -> set[str]:
    """Return the targets that a Makefile offers.

    >>> sorted(make_targets("run: .make/run ## Serve\\nB := 1\\nx: y\\n"))
    ['run', 'x']
    """
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE))


def make_commands(text: str) -> set[str]:
    """Return the targets of the `make …` commands that a text shows as code.

    >>> sorted(make_commands("Do `make run PORT=1`, then:\\n    make test\\nand make sense"))
    ['run', 'test']
    """
    return set(re.findall(r"(?:`|^\s*(?:\$ )?)make ([a-z][a-z-]*)\b", text, re.MULTILINE))


def unknown_commands(path: Path, makefile: str) -> Iterator[str]:
    """Yield a complaint for each `make` command in a text that the Makefile does not have."""
    for target in sorted(make_commands(path.read_text(encoding="utf-8")) - make_targets(makefile)):
        yield f"{path}: shows `make {target}`, which the Makefile does not have"


def complaints(root: Path = ROOT) -> Iterator[str]:
    """Yield everything that is missing."""
    promised = promised_methods(source_files(root))
    for path in source_files(root):
        yield from undocumented(path, promised)
        yield from too_long(path)
    for folder in ("benchmarks", "proofs", "scripts"):
        for path in sorted((root / folder).rglob("*.py")):
            yield from undocumented(path, objects=False)
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for path in tracked_files(root):
        yield from registry_hosts(path)
        if path.suffix == ".md":
            yield from unknown_commands(path, makefile)


def main() -> int:
    """Print every complaint; return 1 where there is one."""
    found = list(complaints())
    for complaint in found:
        print(complaint.replace(f"{ROOT}/", ""))
    print(f"{len(found)} things are not documented." if found else "Documentation is complete.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
