"""Validation: everything that must hold before a workspace may be published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from persx.model.errors import Fault
from persx.model.workspace import Workspace
from persx.workspace.checks.attributes import check_attributes
from persx.workspace.checks.audiences import check_rules
from persx.workspace.checks.blocks import check_blocks
from persx.workspace.checks.catalogues import check_catalogues
from persx.workspace.checks.coverage import check_coverage
from persx.workspace.checks.currencies import check_currencies
from persx.workspace.checks.experiments import check_experiments
from persx.workspace.checks.metrics import check_metrics
from persx.workspace.checks.network import check_network
from persx.workspace.checks.objectives import check_objectives
from persx.workspace.checks.pages import check_pages
from persx.workspace.checks.pipelines import check_pipelines
from persx.workspace.checks.questions import check_questions
from persx.workspace.checks.settings import check_settings
from persx.workspace.checks.strategies import check_strategies
from persx.workspace.checks.subject import Subject
from persx.workspace.checks.targets import check_targets
from persx.workspace.checks.trust import check_trust
from persx.workspace.documents import parse_files

CHECKS: Final[tuple[Callable[[Subject], Iterator[Fault]], ...]] = (
    check_settings,
    check_attributes,
    check_network,
    check_catalogues,
    check_rules,
    check_blocks,
    check_pages,
    check_strategies,
    check_experiments,
    check_metrics,
    check_currencies,
    check_targets,
    check_questions,
    check_objectives,
    check_pipelines,
)


def validate(workspace: Workspace) -> list[Fault]:
    """Return everything wrong in a workspace, by file and path; its files are the usual ones."""
    return _faults(Subject(workspace))


def check(files: Mapping[str, str]) -> tuple[Workspace | None, list[Fault]]:
    """Return the workspace that files hold, and everything wrong in them at once.

    What depends on a document that cannot be read is not complained about.

    Args:
        files: Texts by path, relative to the workspace's folder.

    Returns:
        The workspace, or none where a fault is an error; and faults and warnings, by file and
        line.
    """
    parsed = parse_files(files)
    found = _faults(Subject(parsed.workspace, parsed.damaged, parsed.unstated("purpose")))
    faults = sorted(
        dict.fromkeys([*parsed.faults, *map(parsed.locate, found)]),
        key=lambda fault: (fault.file, fault.line, fault.path),
    )
    refused = any(fault.severity == "error" for fault in faults)
    return None if refused else parsed.workspace, faults


def _faults(subject: Subject) -> list[Fault]:
    faults = [fault for check in CHECKS for fault in check(subject)]
    if not any(fault.severity == "error" for fault in faults):
        faults += check_coverage(subject)
        faults += check_trust(subject)
    return sorted(faults, key=lambda fault: (fault.file, fault.path))
