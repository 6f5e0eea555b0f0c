"""What may change of an experiment that runs, and the commands that look after experiments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner

from persx.app.experimenting import (
    ExperimentRequest,
    ExperimentsRequest,
    experiments,
    promote,
    ramp,
    start_aa,
    stop,
)
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Keys, Services
from persx.cli import main
from persx.model.errors import BadInput, Conflict, InvalidWorkspace, NotFound
from persx.storage.backends import open_storage
from persx.workspace.documents import read_folder
from persx.workspace.editing import with_fields

T = TypeVar("T")

FOLDER = Path(__file__).parents[1] / "testdata" / "workspaces" / "shop"
SHOP = read_folder(FOLDER)
TEST = "experiments/hero-text.yaml"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def shop() -> Services:
    """The shop, published."""
    storage = open_storage(None, store="memory")
    at = Services(
        store=storage.store,
        stream=storage.stream,
        warehouse=storage.warehouse,
        artifacts=storage.artifacts,
        items=storage.items,
        keys=Keys(write_key="w", server_key="s", secret="x"),
    )
    published(at, SHOP)
    return at


def published(at: Services, files: dict[str, str]) -> int:
    """Push all files as they are, and publish them."""
    run(push(at, PushRequest(files=files, base=pushed_base(at))))
    return run(publish(at, PublishRequest())).number


def pushed_base(at: Services) -> dict[str, str]:
    return {path: draft.digest for path, draft in run(at.store.drafts()).items()}


def edited(**values: Any) -> dict[str, str]:
    return {**SHOP, TEST: with_fields(SHOP[TEST], TEST, values)}


def refusal(at: Services, files: dict[str, str]) -> str:
    with pytest.raises(InvalidWorkspace) as refused:
        published(at, files)
    return str(refused.value)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"target": 'industry == "SaaS"'}, "target"),
        ({"layer": "other"}, "layer"),
        ({"traffic": 0.5}, "traffic"),
        ({"seed": "another"}, "seed"),
        ({"epoch": 1, "offset": 0.1, "traffic": 0.9}, "offset"),
    ],
)
def test_what_moves_visitors_or_figures_is_refused(
    shop: Services, values: dict[str, Any], path: str
) -> None:
    told = refusal(shop, edited(**values))
    assert TEST in told
    assert path in told


def test_other_arms_and_goals_are_refused_and_a_new_epoch_takes_them(shop: Services) -> None:
    other = SHOP[TEST].replace("treatment: targeted", "treatment: industry")
    assert "epoch: 2" in refusal(shop, {**SHOP, TEST: other})
    assert published(shop, {**SHOP, TEST: with_fields(other, TEST, {"epoch": 2})}) == 2
    assert "Epochs count up" in refusal(shop, {**SHOP, TEST: other})


def test_a_goal_that_is_counted_stays_what_it_counts(shop: Services) -> None:
    goals = SHOP["goals.yaml"].replace("Order Completed", "Order Paid")
    assert goals != SHOP["goals.yaml"]
    told = refusal(shop, {**SHOP, "goals.yaml": goals})
    assert "goals.yaml" in told
    assert "hero-text" in told


def test_a_running_experiment_is_not_removed_and_a_stopped_one_may_be(shop: Services) -> None:
    without = {path: text for path, text in SHOP.items() if path != TEST}
    assert "persx experiment stop hero-text" in refusal(shop, without)
    with pytest.raises(Conflict, match="Push the file again"):
        run(stop(shop, ExperimentRequest(key="hero-text")))
    run(push(shop, PushRequest(files=SHOP, base=pushed_base(shop))))
    run(stop(shop, ExperimentRequest(key="hero-text")))
    published(shop, without)


def test_descriptions_and_stopping_are_free_and_starting_again_is_a_new_epoch(
    shop: Services,
) -> None:
    published(shop, edited(description="Words."))
    published(shop, edited(status="stopped"))
    assert "epoch: 2" in refusal(shop, edited(status="running"))
    published(shop, edited(status="running", epoch=2))


def test_a_ramp_lets_more_join_and_never_fewer(shop: Services) -> None:
    published(shop, edited(epoch=2, traffic=0.2))
    run(ramp(shop, ExperimentRequest(key="hero-text", traffic=0.6)))
    served = run(experiments(shop, ExperimentsRequest())).experiments["hero-text"]
    assert (served.traffic, served.epoch) == (0.6, 2)
    with pytest.raises(InvalidWorkspace, match="nobody leaves"):
        run(ramp(shop, ExperimentRequest(key="hero-text", traffic=0.1)))
    # What was refused has left nothing behind.
    run(ramp(shop, ExperimentRequest(key="hero-text", traffic=1.0)))


def test_promoting_keeps_the_winner_in_the_file_and_comments_with_it(shop: Services) -> None:
    run(stop(shop, ExperimentRequest(key="hero-text")))
    result = run(promote(shop, ExperimentRequest(key="hero-text", arm="treatment")))
    assert [str(each) for each in result.changes] == ["changed experiments/hero-text"]
    text = run(shop.store.drafts())[TEST].text
    assert text.startswith(SHOP[TEST].split("goals")[0])
    assert 'winner: "treatment"' in text
    with pytest.raises(NotFound, match="has no arm"):
        run(promote(shop, ExperimentRequest(key="hero-text", arm="treatmnt")))
    with pytest.raises(NotFound, match="no experiment"):
        run(promote(shop, ExperimentRequest(key="hero", arm="treatment")))


def test_nothing_else_is_published_with_it(shop: Services) -> None:
    texts = {**SHOP, "goals.yaml": SHOP["goals.yaml"] + "\nother: {event: Something}\n"}
    run(push(shop, PushRequest(files=texts, base=pushed_base(shop))))
    with pytest.raises(Conflict, match="goals/other"):
        run(stop(shop, ExperimentRequest(key="hero-text")))
    assert run(shop.store.drafts())[TEST].text == SHOP[TEST]


def test_alike_arms_are_one_step(shop: Services) -> None:
    run(start_aa(shop, ExperimentRequest(key="aa", blocks=("hero",), traffic=0.5)))
    made = run(experiments(shop, ExperimentsRequest())).experiments["aa"]
    assert ([arm.name for arm in made.arms], made.traffic) == (["a", "b"], 0.5)
    with pytest.raises(Conflict, match="already"):
        run(start_aa(shop, ExperimentRequest(key="aa")))
    with pytest.raises(BadInput, match="key"):
        run(start_aa(shop, ExperimentRequest(key="Not a key")))
    with pytest.raises(InvalidWorkspace, match="no block"):
        run(start_aa(shop, ExperimentRequest(key="bb", blocks=("heroo",))))
    assert "experiments/bb.yaml" not in run(shop.store.drafts())


def test_a_winner_needs_a_stopped_experiment_and_an_arm(shop: Services) -> None:
    assert "has no winner yet" in refusal(shop, edited(winner="treatment"))
    assert "Did you mean 'treatment'" in refusal(shop, edited(status="stopped", winner="tratment"))


@pytest.mark.parametrize(
    "text",
    ["{arms: {a: default, b: targeted}}\n", "- a\n- b\n", "arms: [\n", "status: |\n  running\n"],
)
def test_what_cannot_be_edited_is_said_with_what_to_write(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        with_fields(text, TEST, {"status": "stopped"})
    assert 'status: "stopped"' in refused.value.hint


def test_the_commands(tmp_path: Path) -> None:
    home = str(tmp_path / "home")

    def persx(*arguments: str) -> str:
        result = CliRunner().invoke(main, [*arguments, "--home", home], standalone_mode=False)
        assert result.exception is None, result.output
        return result.output

    persx("publish", str(FOLDER))
    assert "hero-text: running, epoch 1, 100% of layer hero-text" in persx("experiment", "list")
    persx("experiment", "aa", "try", "--block", "hero", "--traffic", "0.25")
    assert "50%" in persx("experiment", "ramp", "try", "0.5")
    assert "persx report try" in persx("experiment", "stop", "try")
    assert "the arm 'treatment'" in persx("experiment", "promote", "hero-text", "treatment")
    assert "won by treatment" in persx("experiment", "list")
    told = json.loads(persx("experiment", "list", "--json"))["experiments"]
    assert told["try"]["status"] == "stopped"
    log = json.loads(persx("audit", "--json"))
    assert {"experiment.promote", "experiment.stop"} <= {each["what"] for each in log}
