"""`persx recommend show`: what would be recommended to somebody now, and why."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from persx.app.home import open_home
from persx.app.starting import load_demo
from persx.cli import main
from persx.model.item import Item, ItemId
from persx.model.pipeline import Pipeline, PipelineSource
from persx.model.workspace import Snapshot
from persx.storage.items import put
from tests.recommend.training import put_trained

PIPELINE = Pipeline(
    name="popular", only=("a", "b"), sources=(PipelineSource(recommender="popularity"),)
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    async def make() -> None:
        async with open_home(tmp_path) as services:
            await load_demo(services, "persx_ai")
            assert services.publication.plan is not None
            workspace = msgspec.structs.replace(
                services.publication.plan.workspace, pipelines={PIPELINE.name: PIPELINE}
            )
            await services.store.publish(
                Snapshot(number=0, digest="", published=1, author="", message="",
                         workspace=workspace)
            )  # fmt: skip
            await services.refresh()
            await put(services.items, [Item(id=ItemId(id), title=id.title()) for id in "ab"])

    asyncio.run(make())
    return tmp_path


def show(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["recommend", "show", *arguments, "--home", str(home)])


def train(home: Path) -> None:
    async def work() -> None:
        async with open_home(home) as services:
            await put_trained(services, "a", "b", pipeline=PIPELINE)

    asyncio.run(work())


def test_before_and_after_training(home: Path) -> None:
    untrained = show(home, "popular")
    assert untrained.exit_code == 0, untrained.output
    assert "Nothing is trained yet" in untrained.output
    train(home)
    trained = show(home, "popular", "--visitor", "v")
    assert trained.exit_code == 0, trained.output
    lines = trained.output.splitlines()
    assert lines[0] == "Artifact 1."
    assert lines[1].startswith("Nothing that they viewed or bought is known by this name.")
    assert [line.split()[:2] for line in lines[2:]] == [["1", "b"], ["2", "a"]]
    assert "Popular this week" in lines[2]
    of_nobody = show(home, "popular").output
    assert "viewed or bought" not in of_nobody


def test_as_json_and_on_an_items_page(home: Path) -> None:
    train(home)
    found = json.loads(show(home, "popular", "--item", "b", "--json").output)
    assert [each["id"] for each in found["items"]] == ["a"]
    assert found["items"][0]["why"] == {"kind": "popular"}


def test_an_unknown_pipeline_is_told(home: Path) -> None:
    answer = show(home, "populer")
    assert answer.exit_code == 4
    assert "Did you mean 'popular'?" in answer.output
