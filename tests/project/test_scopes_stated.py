"""Who says that they may see everyone: few places in web, each of them named here."""

from __future__ import annotations

import ast

from scripts.completeness import ROOT

EVERYONES = {
    "admin/overview.py": "System",
    "admin/rejected.py": "Staff",
    "admin/submissions.py": "Staff",
    "admin/visitors.py": "Staff",
    "api/me.py": "Staff",
}
"""A handler that is not here reads as the bearer of its request. Think twice."""


def test_handlers_that_see_everyone_are_listed() -> None:
    web = ROOT / "src" / "persx" / "web"
    found = {
        (str(path.relative_to(web)), node.func.id)
        for path in web.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Staff", "System")
    }
    assert found == set(EVERYONES.items())


def test_nothing_but_a_backend_reads_around_the_ports() -> None:
    source = ROOT / "src" / "persx"
    around = [
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if "backends" not in path.parts
        for name in ("SqliteVisitors", "MemoryVisitors", "DuckdbRows", "SqliteEvents")
        if name in path.read_text("utf-8")
    ]
    assert around == []
