"""The catalogue of use cases: what a command may ask a running server to do."""

from __future__ import annotations

from typing import Final

from persx.app import (
    all_experiments,
    api_keys,
    audit,
    block_reports,
    boundaries,
    census,
    erasing,
    event_imports,
    experimenting,
    explaining,
    health,
    identities,
    imports,
    learning,
    people,
    predicting,
    probes,
    publishing,
    recommendations_shown,
    recommender_training,
    replaying,
    reports,
    retention,
    reviewing,
    simulation,
    visitor_export,
)
from persx.app.use_cases import AnyUseCase
from persx.model.registry import Registry

USE_CASES: Final[Registry[AnyUseCase]] = Registry(
    "command",
    "persx.use_cases",
    [
        *publishing.USE_CASES,
        *imports.USE_CASES,
        *event_imports.USE_CASES,
        reports.REPORT,
        all_experiments.ALL_EXPERIMENTS,
        *reviewing.USE_CASES,
        block_reports.BLOCK_REPORT,
        *experimenting.USE_CASES,
        explaining.EXPLAIN,
        *identities.USE_CASES,
        *api_keys.USE_CASES,
        *census.USE_CASES,
        *predicting.USE_CASES,
        *learning.USE_CASES,
        *recommender_training.USE_CASES,
        *recommendations_shown.USE_CASES,
        replaying.REPLAY,
        *health.USE_CASES,
        boundaries.BOUNDARIES,
        erasing.ERASE,
        erasing.VERIFY,
        retention.RETENTION,
        retention.RETAIN,
        *people.USE_CASES,
        visitor_export.EXPORT_VISITOR,
        audit.HAND_OUT,
        *probes.USE_CASES,
        *simulation.USE_CASES,
        audit.AUDIT,
        audit.VERIFY_AUDIT,
    ],
)
