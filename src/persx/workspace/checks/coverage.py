"""Coverage as a check: industries for which a block has nothing of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from persx.model.errors import Fault
from persx.model.question import INDUSTRY
from persx.workspace.checks.subject import Subject
from persx.workspace.coverage import coverage


def check_coverage(subject: Subject) -> Iterator[Fault]:
    """Yield a fault for each block that leaves out industries it has not opted out of.

    A warning, or an error where the settings ask for full coverage. Nothing is said while
    documents are damaged.
    """
    workspace = subject.workspace
    if subject.damaged or not workspace.industries:
        return
    if INDUSTRY not in workspace.attributes:
        yield subject.fault(
            "attributes",
            INDUSTRY,
            "",
            "There are industries, and no attribute 'industry' that holds a visitor's.",
            hint="Declare industry: {type: string, values: industries}",
            severity="warning",
        )
        return
    missing: dict[str, list[str]] = defaultdict(list)
    for cell in coverage(workspace):
        if cell.missing:
            missing[cell.block].append(cell.industry)
    severity = "error" if workspace.settings.coverage == "full" else "warning"
    for block, industries in missing.items():
        yield subject.fault(
            "blocks",
            block,
            "variants",
            f"No variant for {', '.join(industries)}: visitors of whom only that is known get "
            "default content.",
            hint=f'Write one with when: {INDUSTRY} == "{industries[0]}", or list what shall '
            "have default content under coverage_opt_out.",
            severity=severity,
        )
