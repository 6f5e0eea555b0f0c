"""The guide on recommending: its pipelines can be published, and all that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

from persx.recommend.item_facts import ITEM_FACTS
from persx.visitors.computed.touches import ACTION_BY_EVENT
from persx.workspace.validation import check

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "recommending.md").read_text(
    encoding="utf-8"
)
PIPELINES, ATTRIBUTE = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


def test_its_files_can_be_published() -> None:
    files = {"settings.yaml": "", "pipelines.yaml": PIPELINES, "attributes.yaml": ATTRIBUTE}
    workspace, faults = check(files)
    assert faults == []
    assert workspace is not None
    assert set(workspace.pipelines) == {"for-you", "similar"}


def test_every_fact_of_items_and_every_event_is_named() -> None:
    for name in ITEM_FACTS:
        assert f"`item.{name}`" in GUIDE
    for name in ACTION_BY_EVENT:
        assert f"`{name}`" in GUIDE
