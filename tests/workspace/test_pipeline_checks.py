"""What a publication says of pipelines that cannot work, with place and what to do."""

from __future__ import annotations

import pytest

from persx.workspace.validation import check

ATTRIBUTES = """
plan:
  type: string
  source: declared
  purpose: personalization
  kept_for: recommendations
"""


def told(pipelines: str) -> list[tuple[str, str, str]]:
    """Return severity, place and message with hint of what is said of a file."""
    files = {"settings.yaml": "", "attributes.yaml": ATTRIBUTES, "pipelines.yaml": pipelines}
    _, faults = check(files)
    return [
        (fault.severity, fault.path, f"{fault.message} {fault.hint}")
        for fault in faults
        if fault.file == "pipelines.yaml"
    ]


GOOD = """
for-you:
  sources:
    - recommender: popularity
      config: {half_life: 3}
      weight: 0.5
    - recommender: popularity
      fill: true
  rules:
    - {do: exclude, when: item.price > 90 and plan == "free"}
    - {do: boost, when: item.attributes.colour == "red", by: 3, why: Red}
    - {do: include, when: item.attributes.weight < 2}
    - {do: bury, when: days_since(item.added) > 365}
    - {do: exclude, when: 'count("Order Completed", "30d") > 2 and "sale" in item.tags'}
    - {do: pin, items: [a, b], place: 3}
    - {do: include, when: item.category_path == anchor.category_path}
  not_bought_within: 30d
  price_near: 0.5
  category_cap: 2
  diversity: 0.3
  explore: 0.1
  every: 1d
"""


def test_a_good_pipeline_is_fine() -> None:
    assert told(GOOD) == []


SOURCE = "\n  sources: [{recommender: popularity}]"


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ("\n  sources: [{recommender: populrity}]", "sources.0.recommender",
         "There is no recommender 'populrity'. Did you mean 'popularity'?"),
        ("\n  sources: [{recommender: popularity, config: {halflife: 3}}]",
         "sources.0.config.halflife", "has no option 'halflife'. Did you mean 'half_life'?"),
        ("\n  sources: [{recommender: popularity, config: {half_life: soon}}]",
         "sources.0.config", "do not fit 'popularity'"),
        ("\n  sources: [{recommender: popularity, weight: -1}]", "sources.0.weight",
         "greater than 0"),
        ("\n  sources: []", "sources", "takes its candidates from somewhere"),
        ("\n  sources: [{recommender: popularity, fill: true}]", "sources", "All sources only"),
        (f"{SOURCE}\n  diversity: 30", "diversity", "between 0 and 1"),
        (f"{SOURCE}\n  explore: -0.1", "explore", "between 0 and 1"),
        (f"{SOURCE}\n  price_from: 9\n  price_to: 3", "price_to", "at least 9 and at most 3"),
        (f"{SOURCE}\n  price_near: -1", "price_near", "from 0 up"),
        (f"{SOURCE}\n  category_cap: -1", "category_cap", "0 or more"),
        (f"{SOURCE}\n  not_bought_within: often", "not_bought_within", "often"),
        (f"{SOURCE}\n  every: 5m", "every", "between 1h and 3660d"),
        (f"{SOURCE}\n  only: [a, b, a]", "only", "'a' is listed twice"),
        (f"{SOURCE}\n  rules: [{{do: exclude, when: item.prise > 3}}]", "rules.0.when",
         "Did you mean 'item.price'"),
        (f"{SOURCE}\n  rules: [{{do: exclude, when: 'item.price =='}}]", "rules.0.when",
         "Column"),
        (f"{SOURCE}\n  rules: [{{do: exclude, when: item.attributes.a.b > 3}}]", "rules.0.when",
         "Column"),
        (f"{SOURCE}\n  rules: [{{do: exclude}}]", "rules.0.do", "it would exclude all"),
        (f"{SOURCE}\n  rules: [{{do: boost, items: [a], by: 0.5}}]", "rules.0.by",
         "greater than 1"),
        (f"{SOURCE}\n  rules: [{{do: pin, items: [a], place: 0}}]", "rules.0.place",
         "from 1 to 100"),
        (f"{SOURCE}\n  rules: [{{do: pin, items: [a], place: 101}}]", "rules.0.place",
         "from 1 to 100"),
    ],
)  # fmt: skip
def test_faults_name_their_place(body: str, place: str, words: str) -> None:
    found = told(f"list:{body}\n")
    assert [(severity, path) for severity, path, _ in found] == [("error", f"list.{place}")]
    assert words in found[0][2]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("{do: boost}", "rules.0.do"),
        ("{do: bury, items: [a], place: 4}", "rules.0.place"),
        ("{do: exclude, items: [a], why: because}", "rules.0.why"),
    ],
)
def test_what_has_no_effect_is_a_warning(rule: str, place: str) -> None:
    found = told(f"list:{SOURCE}\n  rules: [{rule}]\n")
    assert [(severity, path) for severity, path, _ in found] == [("warning", f"list.{place}")]
