"""The pages of docs/reference: which there are, whether they are stale, and writing them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from scripts.reference import documents, health, interfaces, privacy, registries

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FOLDER: Final = ROOT / "docs" / "reference"


class ReferencePage(NamedTuple):
    """One page of the reference: its file, title, what it is about, and who writes its body."""

    file: str
    title: str
    about: str
    body: Callable[[], str]


PAGES: Final = (
    ReferencePage(
        "workspace.md",
        "Workspace documents",
        "Every file of a workspace, field by field.",
        documents.workspace_documents,
    ),
    ReferencePage(
        "rules.md",
        "Rule functions",
        "What a rule may call and read.",
        registries.rules,
    ),
    ReferencePage(
        "computed-attributes.md",
        "Computed attributes",
        "The kinds of folds from events to values.",
        registries.computed,
    ),
    ReferencePage(
        "block-types.md",
        "Block types",
        "The built-in ones, with the fields of their contents.",
        registries.blocks,
    ),
    ReferencePage(
        "metrics.md",
        "Metrics",
        "The kinds of metrics that a report analyses.",
        registries.metrics,
    ),
    ReferencePage(
        "learners.md",
        "Learners",
        "The ways in which a block learns what works.",
        registries.learners,
    ),
    ReferencePage(
        "recommenders.md",
        "Recommenders",
        "The ways to find items for a visitor, with their options.",
        registries.recommenders,
    ),
    ReferencePage(
        "health.md",
        "Health",
        "Every indicator with its formula, the objectives, the criteria of success.",
        health.health,
    ),
    ReferencePage(
        "commands.md",
        "Commands",
        "Everything that `persx` does on the command line.",
        interfaces.commands,
    ),
    ReferencePage(
        "settings.md",
        "Server settings",
        "What an operator may set.",
        interfaces.settings,
    ),
    ReferencePage(
        "http.md",
        "HTTP",
        "The routes of a server, and the cookies that it sets.",
        interfaces.http,
    ),
    ReferencePage(
        "data-protection.md",
        "What is kept of a visitor",
        "For each purpose: what is stored, under which id, for how long.",
        privacy.kept,
    ),
    ReferencePage(
        "demo-attributes.md",
        "Attributes of the demo",
        "What the demo keeps of visitors: source, freshness, purpose, expiry, uses.",
        registries.demo_attributes,
    ),
    ReferencePage(
        "words.md",
        "Closed sets",
        "Value types, sources, purposes, reasons, event types.",
        documents.words,
    ),
)


def written() -> dict[str, str]:
    """Return file name → text of the whole reference as the code has it now."""
    texts = {
        page.file: f"# {page.title}\n\n{page.about} Written by `make reference`.\n\n"
        f"{page.body().rstrip()}\n"
        for page in PAGES
    }
    lines = [f"- [{page.title}]({page.file}): {page.about}" for page in PAGES]
    texts["README.md"] = (
        "# Reference\n\nWritten from the code by `make reference`; `make check` fails where it "
        "is stale.\n\n" + "\n".join(lines) + "\n"
    )
    return texts


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the pages of the folder that differ from what the code says, or are too many."""
    now = written()
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in now.keys() | kept.keys() if now.get(name) != kept.get(name))


def missing() -> list[str]:
    """Return what the reference does not tell: whatever does not say itself what it is."""
    silent = [*documents.undescribed(), *interfaces.undescribed()]
    return [f"{thing} says nowhere what it is" for thing in silent]


def write(folder: Path = FOLDER) -> Iterable[str]:
    """Write the pages that are stale and remove those that are too many; return their names."""
    changed = stale(folder)
    texts = written()
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in texts:
            (folder / name).write_text(texts[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the reference, or check it; return 1 where it is stale or incomplete."""
    parser = argparse.ArgumentParser(prog="reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    faults = missing()
    if options.check:
        faults += [f"docs/reference/{name} is stale: run `make reference`" for name in stale()]
    else:
        for name in write():
            print(f"docs/reference/{name} written")
    for fault in faults:
        print(fault)
    if not faults:
        print("The reference is complete.")
    return 1 if faults else 0
