"""The room as a whole: its examples run, and it is light until something is computed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import persx.experiments

SCRIPTS = ("reproduction.reproduce", "reproduction.lifts")
"""They run by themselves, in the folder of an export."""

MODULES = [
    found.name
    for found in pkgutil.walk_packages(persx.experiments.__path__, "persx.experiments.")
    if not found.name.endswith(SCRIPTS)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_examples_are_found() -> None:
    tried = sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
    assert tried > 10


@pytest.mark.parametrize(
    "code",
    [
        "import persx; persx.lift(12, 300, 4, 300)",
        "import persx.experiments.readout, persx.experiments.imported, persx.experiments.live",
    ],
)
def test_a_proportion_needs_no_heavy_library(code: str) -> None:
    heavy = "{'scipy', 'numpy', 'duckdb'}"
    check = f"import sys; {code}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
