"""Predicted attributes: what may not be guessed, and every mistake in saying how."""

from __future__ import annotations

import pytest

from persx.workspace.attribute_uses import attribute_catalogue
from persx.workspace.snapshot import effective_attributes, schema
from persx.workspace.validation import check
from tests.prediction.conftest import ATTRIBUTES, files

GOOD = "{of: industry, confidence: 0.8, visitors: 400}"


def faults(attributes: str) -> list[str]:
    _, found = check(files(attributes))
    return [f"{fault.path}: {fault.message}" for fault in found if fault.severity == "error"]


def test_a_good_one_takes_over_the_values_and_feeds_on_traces() -> None:
    workspace, found = check(files())
    assert workspace is not None
    assert [fault for fault in found if fault.path.startswith("likely")] == []
    assert schema(workspace).values("likely_industry") == (
        "eCommerce", "SaaS", "Healthcare", "Education",
    )  # fmt: skip
    traces = effective_attributes(workspace)["traces()"]
    assert traces.compute is not None
    assert traces.compute.options == {
        "from": "pages referrer campaign device events", "declares": "industry",
    }  # fmt: skip
    uses = {entry.name: entry.uses for entry in attribute_catalogue(workspace)}
    assert [use.name for use in uses["industry"] if use.kind == "attributes"] == ["likely_industry"]


def test_a_value_that_is_not_there_is_a_fault_in_rules() -> None:
    hero = files()["blocks/hero.yaml"].replace(
        'likely_industry == "SaaS"', 'likely_industry == "Sas"'
    )
    _, found = check(files(blocks__hero=hero))
    assert any("Sas" in fault.message for fault in found)


def test_without_a_predicted_attribute_nothing_is_kept() -> None:
    hero = files()["blocks/hero.yaml"].replace("likely_industry", "industry")
    workspace, _ = check(files(ATTRIBUTES.partition("likely")[0], blocks__hero=hero))
    assert workspace is not None
    assert "traces()" not in effective_attributes(workspace)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("predict: " + GOOD, ""), "predict: A predicted attribute says what it guesses"),
        (("source: predicted", "source: declared"), "source: An attribute with 'predict'"),
        (("type: string\n  source", "type: number\n  source"), "type: What is guessed is one text"),
        (("label: Likely", "values: [a]\n  label: Likely"), "values: The values are those of 'ind"),
        (("label: Likely", "expires: 9d\n  label: Likely"), "expires: A guess is made anew"),
        (("of: industry", "of: industri"), "predict.of: 'industri' is nothing that visitors decl"),
        (("values: industries, ", ""), "predict.of: Only one of a closed set"),
        (("of: industry", "of: likely_industry"), "predict.of: 'likely_industry' is nothing"),
        (("confidence: 0.8", "confidence: 0.3"), "predict.confidence: A guess that is more likely"),
        (("confidence: 0.8", "confidence: 1"), "predict.confidence: A guess that is more likely"),
        (("visitors: 400", "visitors: 3"), "predict.visitors: From fewer than 100"),
        (("visitors: 400", "visitors: 400, traces: []"), "predict.traces: A guess follows from"),
        (("visitors: 400", "visitors: 400, every: 5m"), "predict.every: Training anew more than"),
        (("visitors: 400", "visitors: 400, every: often"), "predict.every: 'often' is not a"),
        (("label: Industry", "sensitive: true, label: I"), "predict.of: 'industry' is sensitive"),
        (("purpose: personalization", "purpose: necessary"), "predict.of: A guess is never nec"),
        (("purpose: personalization", "purpose: marketing"), "purpose: A guess is used for what"),
    ],
)  # fmt: skip
def test_mistakes(changed: tuple[str, str], said: str) -> None:
    assert changed[0] in ATTRIBUTES
    found = faults(ATTRIBUTES.replace(*changed, 1))
    assert any(f"likely_industry.{said}" in each for each in found), found


def test_what_no_visit_leaves_cannot_be_read() -> None:
    found = faults(ATTRIBUTES.replace("visitors: 400", "visitors: 400, traces: [dreams]"))
    assert any("should be one of: pages, referrer" in each for each in found), found
