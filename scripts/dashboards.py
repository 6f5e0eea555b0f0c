"""Dashboards of what /metrics tells, for Grafana and for Datadog, written from one list.

`make reference` writes them; a test compares the list with what a server really tells.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "examples" / "dashboards"
QUANTILES: Final = (50, 95, 99)


class Panel(NamedTuple):
    """One chart.

    Attributes:
        metric: As Prometheus names it; a histogram without its ending.
        kind: ``counter`` (told as a rate), ``gauge`` or ``histogram`` (told as quantiles).
        by: The label that parts it; empty for none.
        unit: As Grafana names it.
    """

    title: str
    metric: str
    kind: str
    by: str
    unit: str
    about: str


PANELS: Final = (
    Panel(
        "Decisions by reason", "persx_decisions_total", "counter", "reason", "ops",
        "Blocks that were decided. `error` and `invalid` should stay at 0.",
    ),
    Panel(
        "Pages by consent to storage", "persx_decided_pages_total", "counter", "storage", "ops",
        "Pages for people: how many may be remembered.",
    ),
    Panel(
        "Events", "persx_events_total", "counter", "result", "ops",
        "What became of events that were sent.",
    ),
    Panel(
        "Answers to the question of consent", "persx_consent_answers_total", "counter", "answer",
        "ops", "Granted and denied, all purposes together.",
    ),
    Panel(
        "Bots", "persx_bots_total", "counter", "found", "ops",
        "Requests of programs, by the name they gave or by their pace: nothing of them counts.",
    ),
    Panel(
        "Recommendations", "persx_recommendations_total", "counter", "outcome", "ops",
        "Lists by what became of them. `error` should stay at 0; `instead` is what the team wrote.",
    ),
    Panel(
        "Recommended items", "persx_recommended_items_total", "counter", "source", "ops",
        "By the recommender that spoke most for them.",
    ),
    Panel(
        "Time to answer", "persx_request_seconds", "histogram", "route", "s",
        "Half, 95% and 99% of the requests are answered within this time.",
    ),
    Panel(
        "Errors that no visitor saw", "persx_errors_total", "counter", "place", "ops",
        "Default content was shown instead, or work is tried again.",
    ),
    Panel(
        "Decision log lines lost", "persx_decision_log_dropped_total", "counter", "", "ops",
        "Should stay at 0: the log could not be written as fast as was decided.",
    ),
    Panel(
        "Objectives", "persx_objective_state", "gauge", "objective", "none",
        "0 is ok, 1 watch, 2 confirmed, -1 unknown.",
    ),
    Panel(
        "Indicators", "persx_indicator", "gauge", "indicator", "percentunit",
        "Indicators of health, as shares.",
    ),
    Panel(
        "Pages × industries of the last walk", "persx_probe_cells", "gauge", "state", "none",
        "What probes saw: personal, generic or broken.",
    ),
    Panel(
        "Broken in the last walk", "persx_probe_broken", "gauge", "", "none",
        "Should be 0; what it is stands at /admin/probes.",
    ),
    Panel(
        "Duration of the last walk", "persx_probe_seconds", "gauge", "", "s",
        "Of all pages as all industries.",
    ),
    Panel(
        "When the last walk began", "persx_probe_timestamp_seconds", "gauge", "", "dateTimeAsIso",
        "If it stands still, nobody walks.",
    ),
)  # fmt: skip


def grafana() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it (schema 39); it asks for the data source."""
    return {
        "__inputs": [
            {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource",
             "pluginId": "prometheus", "pluginName": "Prometheus"}
        ],
        "title": "persx",
        "uid": "persx",
        "tags": ["persx"],
        "schemaVersion": 39,
        "editable": True,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {
            "list": [
                {"name": "instance", "label": "Server", "type": "query", "multi": True,
                 "includeAll": True, "allValue": ".*",
                 "datasource": {"type": "prometheus", "uid": "${DS_PROMETHEUS}"},
                 "query": "label_values(persx_events_total, instance)", "refresh": 2}
            ]
        },
        "panels": [_grafana(place, panel) for place, panel in enumerate(PANELS)],
    }  # fmt: skip


def _grafana(place: int, panel: Panel) -> dict[str, Any]:
    stat = panel.unit == "dateTimeAsIso"
    scale = " * 1000" if stat else ""
    return {
        "id": place + 1,
        "title": panel.title,
        "description": panel.about,
        "type": "stat" if stat else "timeseries",
        "datasource": {"type": "prometheus", "uid": "${DS_PROMETHEUS}"},
        "gridPos": {"h": 8, "w": 12, "x": 12 * (place % 2), "y": 8 * (place // 2)},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + nth), "expr": expression + scale, "legendFormat": legend}
            for nth, (expression, legend) in enumerate(_promql(panel))
        ],
    }


def _promql(panel: Panel) -> list[tuple[str, str]]:
    chosen = '{instance=~"$instance"}'
    by = f" by ({panel.by})" if panel.by else ""
    legend = f"{{{{{panel.by}}}}}" if panel.by else panel.title
    if panel.kind == "counter":
        return [(f"sum{by} (rate({panel.metric}{chosen}[$__rate_interval]))", legend)]
    if panel.kind == "histogram":
        parts = f"by (le, {panel.by})" if panel.by else "by (le)"
        rate = f"rate({panel.metric}_bucket{chosen}[$__rate_interval])"
        return [
            (f"histogram_quantile(0.{n}, sum {parts} ({rate}))", f"{legend} {n}%")
            for n in QUANTILES
        ]
    return [(f"max{by} ({panel.metric}{chosen})", legend)]


def datadog() -> dict[str, Any]:
    """Return the dashboard as Datadog's API and its import take it."""
    return {
        "title": "persx",
        "description": "What persx tells of itself, by the OpenMetrics check in openmetrics.yaml.",
        "layout_type": "ordered",
        "template_variables": [{"name": "host", "prefix": "host", "default": "*"}],
        "widgets": [
            {
                "definition": {
                    "type": "timeseries",
                    "title": panel.title,
                    "requests": [
                        {"q": each, "display_type": "line"} for each in _datadog_queries(panel)
                    ],
                }
            }
            for panel in PANELS
        ],
    }


def _short(panel: Panel) -> str:
    return panel.metric.removeprefix("persx_").removesuffix("_total")


def _datadog_queries(panel: Panel) -> list[str]:
    by = f" by {{{panel.by}}}" if panel.by else ""
    if panel.kind == "counter":
        return [f"sum:persx.{_short(panel)}.count{{$host}}{by}.as_rate()"]
    if panel.kind == "histogram":
        return [f"p{n}:persx.{_short(panel)}{{$host}}{by}" for n in QUANTILES]
    return [f"max:persx.{_short(panel)}{{$host}}{by}"]


def openmetrics() -> str:
    """Return the settings of Datadog's OpenMetrics check that collects what is shown."""
    lines = [
        "# Datadog's OpenMetrics check: conf.d/openmetrics.d/conf.yaml of the agent.",
        "init_config: {}",
        "instances:",
        "  - openmetrics_endpoint: http://127.0.0.1:8321/metrics",
        "    namespace: persx",
        "    # Quantiles of a histogram come from its buckets.",
        "    histogram_buckets_as_distributions: true",
        "    metrics:",
    ]
    # The check wants counters without their ending.
    lines += [f"      - {panel.metric.removesuffix('_total')}: {_short(panel)}" for panel in PANELS]
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """Return the files by name."""
    return {
        "grafana.json": json.dumps(grafana(), indent=2, ensure_ascii=False) + "\n",
        "datadog.json": json.dumps(datadog(), indent=2, ensure_ascii=False) + "\n",
        "openmetrics.yaml": openmetrics(),
    }


def write() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
