"""What documents say in other languages: of known locales, fields and values, at their place."""

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


def faults_in(file: str, extra: str) -> list[tuple[str, str]]:
    files = read_folder(demo_folder("persx_ai"))
    files[file] = files[file].rstrip() + "\n" + extra
    faults = [fault for fault in check(files)[1] if "locales" in fault.path]
    return [(fault.path, fault.message + " " + fault.hint) for fault in faults]


def test_an_industry_has_a_label_and_a_description_in_known_locales() -> None:
    assert faults_in("industries.yaml", "Retail: {locales: {de: {label: Handel}}}") == []
    (fault,) = faults_in("industries.yaml", "Retail: {locales: {de: {lable: Handel}}}")
    assert fault[0] == "Retail.locales.de.lable"
    assert "label" in fault[1]


def test_only_an_attributes_own_values_are_said_in_another_language() -> None:
    plan = "plan:\n  values: [Free, Paid]\n  locales: {de: {label: Tarif, values: {%s}}}\n"
    assert faults_in("attributes.yaml", plan % "Free: Gratis, Paid: Bezahlt") == []
    ((path, said),) = faults_in("attributes.yaml", plan % "Fre: Gratis")
    assert path == "plan.locales.de.values.Fre"
    assert "Free" in said
    ((path, said),) = faults_in("attributes.yaml", "plan: {locales: {fr: {label: Tarif}}}")
    assert path == "plan.locales.fr"
