"""The documentation: the glossary fits the structs, links lead somewhere, examples run."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import typing
import warnings
from pathlib import Path

import pytest

import persx.model
from persx.demo import demo_folder
from persx.model.workspace import Workspace
from persx.workspace.documents import read_folder
from persx.workspace.validation import check
from scripts import completeness

ROOT = completeness.ROOT
SRC = ROOT / "src"
PAGES = [path for path in completeness.tracked_files() if path.suffix == ".md"]


def model_names() -> set[str]:
    """Every class of persx.model."""
    folder = Path(persx.model.__file__).parent
    return {
        node.name
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }


def glossary_names() -> set[str]:
    """The structs that the glossary names."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    return set(re.findall(r"\*\* \(`(\w+)`\)", text))


def test_the_glossary_names_structs_that_exist() -> None:
    assert len(glossary_names()) > 20
    assert glossary_names() - model_names() == set()


def test_every_document_of_a_workspace_is_in_the_glossary() -> None:
    kinds = {
        typing.get_args(hint)[1].__name__
        for hint in typing.get_type_hints(Workspace).values()
        if typing.get_args(hint)
    }
    assert len(kinds) >= 10
    assert kinds - glossary_names() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" in target or target.startswith("mailto:") or "NNNN" in target:
            continue
        assert (page.parent / target).exists(), f"{page} links to {target}"


def modules_with_examples() -> list[str]:
    """Modules of the product and of the scripts whose docstrings show a session."""
    found = []
    for base, folder in ((SRC, SRC / "persx"), (ROOT, ROOT / "scripts")):
        for path in sorted(folder.rglob("*.py")):
            if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE):
                name = ".".join(path.relative_to(base).with_suffix("").parts)
                found.append(name.removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_run(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = importlib.import_module(name)
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_variant_that_the_readme_shows_can_be_published() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    variant = re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)[1]
    path = re.search(r"`site/(blocks/[\w/-]+\.yaml)`", readme)[1]
    files = dict(read_folder(demo_folder()))
    files[path] = files[path].replace("variants:\n", f"variants:\n{variant}", 1)
    workspace, faults = check(files)
    assert [fault for fault in faults if fault.severity == "error"] == []
    name = variant.split(":")[0].strip()
    assert name in {each.name for each in workspace.blocks[Path(path).stem].variants}
