"""The dashboards show what a server tells, all of it, and nothing that it does not tell."""

from __future__ import annotations

import json
import re

from scripts.dashboards import FOLDER, PANELS, files
from tests.project.telling import told_metrics


def test_the_files_are_those_of_the_list() -> None:
    for name, text in files().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "run: make reference"


def test_every_metric_that_is_told_has_a_chart_and_every_chart_a_metric() -> None:
    told = told_metrics()
    assert len(told) > 10
    assert {panel.metric for panel in PANELS} == set(told)
    for panel in PANELS:
        kind, labels = told[panel.metric]
        assert panel.kind == kind, panel.metric
        assert not panel.by or panel.by in labels, panel.metric


def test_queries_name_only_metrics_that_are_told() -> None:
    told = told_metrics()
    board = json.loads(files()["grafana.json"])
    asked = " ".join(each["expr"] for panel in board["panels"] for each in panel["targets"])
    names = set(re.findall(r"persx_\w+", asked))
    ending = re.compile(r"_bucket$")
    assert {ending.sub("", name) for name in names} == set(told)
    assert all(each["gridPos"]["w"] == 12 for each in board["panels"])
