"""Editing documents by machine: what was meant is there, and all that people wrote stays."""

from __future__ import annotations

import pytest

from persx.model.errors import BadInput
from persx.workspace.editing import Keys, Plain, with_values
from persx.workspace.source import load

PLACE: Keys = ("mine", "sources", 0)
VALUES: dict[Keys, Plain] = {
    (*PLACE, "weight"): 0.5,
    (*PLACE, "config", "half_life"): 14.0,
    (*PLACE, "config", "history"): 20,
}

FORMS = {
    "flow": """
# What many like.
mine:
  sources: [{recommender: ease, weight: 1.0}, {recommender: popularity}]   # Two.
  every: 1d
other: {sources: [{recommender: ease}]}
""",
    "block": """
mine:
  label: "Für dich"   # Ä, ö: no byte counts twice.
  sources:
    # The one.
    - recommender: ease
      config:
        # As measured in May.
        half_life: 3   # Days.

    # The other.
    - recommender: popularity
  description: |
    Two lines,
    as written.
""",
    "no indent, and an end without a line": """mine:
  sources:
  - recommender: ease
    config: {half_life: 3.0, } # Open.
  - {recommender: popularity, fill: true}
  every: 1d""",
    "several lines": """
mine:
  sources: [
    {
      recommender: ease,   # First.
      config: {},
    },
    {recommender: popularity},
  ]
""",
    "other ends of lines": "mine:\r\n  sources:\r\n    - recommender: ease # One.\r\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_values_are_there_and_comments_stay(text: str) -> None:
    edited = with_values(text, "pipelines.yaml", VALUES)
    before, after = load(text, "")[0], load(edited, "")[0]
    source = before.value["mine"]["sources"][0]
    source["weight"] = 0.5
    source["config"] = {**source.get("config", {}), "half_life": 14.0, "history": 20}
    assert after.value == before.value
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in edited.splitlines() if "#" in line] == comments
    touched = {"weight", "half_life", "history", "config", "recommender"}
    for line in text.splitlines():
        assert line in edited.splitlines() or any(word in line for word in touched), line


@pytest.mark.parametrize(
    "text",
    [
        # One place would change two.
        "one: &s\n  - {recommender: ease}\nmine: {sources: *s}\n",
        "mine: {sources: [{recommender: ease, config: }]}\n",
        "mine: {sources: []}\n",
        "mine: 3\n",
        "other: {}\n",
        "mine: [\n",
        "",
    ],
)
def test_what_only_a_person_can_edit_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"not edited by machine.*mine\.sources\.0\.weight: 0\.5"):
        with_values(text, "pipelines.yaml", VALUES)
