"""The settings' texts in other languages: known locales, known fields, and shown on the site."""

from __future__ import annotations

from persx.demo import demo_folder
from persx.workspace.documents import read_folder
from persx.workspace.validation import check


def faults_of(texts: str) -> list[tuple[str, str, str]]:
    files = read_folder(demo_folder("persx_ai"))
    files["settings.yaml"] = f"name: PersX.ai\n{texts}"
    return [
        (fault.file, fault.path, fault.hint) for fault in check(files)[1] if "locales" in fault.path
    ]


def test_known_locales_and_fields_are_fine() -> None:
    assert faults_of("locales: {de: {tagline: Hallo, footer: Ende}, de-AT: {footer: Aus}}") == []


def test_every_fault_is_named_at_its_place() -> None:
    found = faults_of("locales: {fr: {tagline: Bonjour}, de: {tagine: Hallo}}")
    assert [(file, path) for file, path, _ in found] == [
        ("settings.yaml", "locales.de.tagine"),
        ("settings.yaml", "locales.fr"),
    ]
    assert "tagline" in found[0][2]
