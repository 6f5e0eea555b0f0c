"""Objectives of a workspace: what is refused, with its place and what to do."""

from __future__ import annotations

import pytest

from persx.model.health import Measure
from persx.workspace.checks.objectives import _AT_LEAST
from persx.workspace.documents import read_folder
from persx.workspace.validation import check
from tests.workspace.test_workspace_faults import DATA


def faults(text: str) -> list[str]:
    files = {**read_folder(DATA / "shop"), "objectives.yaml": text}
    return [str(each) for each in check(files)[1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {measure: latency}", "has one target: at_most"),
        ("a: {measure: latency, at_least: 0.5}", "has one target: at_most"),
        ("a: {measure: persistence, at_least: 0.5, at_most: 0.7}", "has one target: at_least"),
        ("a: {measure: persistence, at_least: 70}", "A target is a share between 0 and 1"),
        ("a: {measure: lift, at_least: 15}", "A target is a share between 0 and 1"),
        ("a: {measure: latency, at_most: 0.1, window: 36h}", "1 to 90 whole days"),
        ("a: {measure: latency, at_most: 0.1, window: soon}", "'soon' is not a length of time"),
        ("a: {measure: happiness, at_least: 1}", "happiness"),
        ("a: {measure: latency, at_most: 0.1, pager: ada}", "pager"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith("objectives.yaml:1: a")
    assert words in fault


def test_what_makes_sense_is_not() -> None:
    lines = [
        f"{each.value}: {{measure: {each.value}, "
        f"{'at_least' if each in _AT_LEAST else 'at_most'}: 0.5, window: 14d}}"
        for each in Measure
    ]
    assert faults("\n".join([*lines, "off-by-name: {measure: lift, off: true}"])) == []
