"""What /metrics of a server that has done everything once tells: names, kinds and labels."""

from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from persx.app.recommendation_counts import Origin, Outcome
from persx.app.services import Keys, Services
from persx.health.judging import Finding
from persx.health.status import IndicatorStatus, ObjectiveStatus, Status
from persx.model.health import Measure, ObjectiveState
from persx.model.probe import ProbeReport
from persx.storage.backends import open_storage


def told_metrics() -> dict[str, tuple[str, set[str]]]:
    """Return metric → kind and labels; a counter with its ending, a histogram without any."""
    storage = open_storage(None, store="memory")
    services = Services(
        store=storage.store, stream=storage.stream, warehouse=storage.warehouse,
        artifacts=storage.artifacts, items=storage.items,
        keys=Keys(write_key="w", server_key="s", secret="x"),
    )  # fmt: skip
    metrics = services.metrics
    metrics.errors.labels("somewhere")
    metrics.answers.labels("analytics", "granted")
    metrics.latencies.add("site", 0.1)
    metrics.recommendations.add("for-you", Outcome.GENERIC, [Origin("popularity")])
    metrics.probed = ProbeReport(at=1_000, url="http://127.0.0.1")
    services.health.status = Status(
        at=1,
        objectives=(
            ObjectiveStatus(
                name="quick", measure=Measure.LATENCY, title="", description="", target="",
                limit=0.5, window="7d",
                finding=Finding(subject="", state=ObjectiveState.OK, since=0),
            ),
        ),
        indicators=(
            IndicatorStatus(
                name=Measure.LATENCY, title="", formula="", window="", value=0.5, numerator=1,
                denominator=2, numerator_of="", denominator_of="",
            ),
        ),
    )  # fmt: skip
    found = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        if family.name.endswith("_created"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = (family.type, labels - {"le"})
    return found
