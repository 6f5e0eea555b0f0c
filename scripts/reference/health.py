"""The reference of health: every indicator, the objectives that are there, the scorecard."""

from __future__ import annotations

from persx.app.health_telling import WINDOW, target_words, window_words
from persx.health.counts import Counts
from persx.health.indicator import Known
from persx.health.indicators import INDICATORS
from persx.health.objectives import DEFAULT_OBJECTIVES
from persx.health.scorecard import Evidence, scorecard
from scripts.reference.structs import markdown_table


def health() -> str:
    """Return the page on what health tells."""
    windows = {each.measure: each.window for each in DEFAULT_OBJECTIVES}
    cards = scorecard(Evidence(known=Known(now=0), month=Counts()))
    return "\n".join(
        [
            "How to read it is told in [the guide](../guides/health.md).\n",
            "## Indicators\n",
            "A window such as `7d` is the objective's of that measure, today included; without one "
            f"it is `{WINDOW}`.\n",
            *(
                f"### {each.title} (`{each.name.value}`)\n\n{each.formula}\n\n"
                + markdown_table(
                    ("counted", "of", "window"),
                    [
                        (
                            each.numerator,
                            each.denominator,
                            window_words(each, windows.get(each.name, WINDOW)),
                        )
                    ],
                )
                for each in INDICATORS
            ),
            "## Objectives\n",
            "They hold without any configuration; "
            "[objectives.yaml](workspace.md#objectives) changes them.\n",
            markdown_table(
                ("objective", "measure", "target", "why"),
                [
                    (
                        f"`{each.name}`",
                        f"`{each.measure.value}`",
                        target_words(each),
                        each.description,
                    )
                    for each in DEFAULT_OBJECTIVES
                ],
            ),
            "## Criteria of success\n",
            markdown_table(
                ("", "criterion", "formula", "window"),
                [(str(each.number), each.text, each.formula, each.window) for each in cards],
            ),
        ]
    )
