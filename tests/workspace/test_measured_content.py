"""What a publication says before it changes what a report goes on measuring."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from click.testing import CliRunner

from persx.app.publishing import DraftsRequest, PublishRequest, PushRequest, drafts, publish, push
from persx.app.services import Keys, Services
from persx.cli import main
from persx.model.errors import Fault, InvalidWorkspace
from persx.model.experiment import Arm, Experiment
from persx.model.learning import LearnSettings
from persx.model.metric import Metric
from persx.model.workspace import (
    Audience,
    Block,
    Goal,
    HoldoutSettings,
    Policy,
    Settings,
    Variant,
    Workspace,
)
from persx.storage.backends import open_storage
from persx.workspace.documents import read_folder
from persx.workspace.running import changed_while_running

T = TypeVar("T")
FOLDER = Path(__file__).parents[1] / "testdata" / "workspaces" / "shop"
SHOP = read_folder(FOLDER)
replace = msgspec.structs.replace

LEARN = LearnSettings(goal="order")
VARIANTS = (
    Variant(name="saas", when='in_audience("saas")', content={"headline": "SaaS"}),
    Variant(name="all", content={"headline": "All"}),
)


def workspace(**options: Any) -> Workspace:
    """A shop whose hero has a holdout, whose side learns, and whose foot nothing measures."""
    block: dict[str, Any] = {"type": "cta", "content": {"headline": "Hello"}, "variants": VARIANTS}
    blocks = {
        "hero": Block(name="hero", holdout=0.1, **block),
        "side": Block(name="side", policy=Policy.LEARN, learn=LEARN, **block),
        "foot": Block(name="foot", **block),
    }
    found = Workspace(
        settings=Settings(holdout=HoldoutSettings(share=0.1)),
        audiences={"saas": Audience(name="saas", when='device == "phone"')},
        goals={
            "order": Goal(name="order", event="Order Completed"),
            "visit": Goal(name="visit", event="page"),
        },
        blocks=blocks,
    )
    return replace(found, **options)


def with_block(base: Workspace, name: str, **fields: Any) -> Workspace:
    return replace(base, blocks=base.blocks | {name: replace(base.blocks[name], **fields)})


def told(before: Workspace, after: Workspace) -> list[Fault]:
    return changed_while_running(before, after)


def rewritten(*names: str) -> tuple[Variant, ...]:
    return tuple(
        replace(each, content={"headline": "Other"}) if each.name in names else each
        for each in VARIANTS
    )


def test_nothing_is_said_where_nothing_measured_changes() -> None:
    before = workspace()
    assert told(before, before) == []
    assert told(before, with_block(before, "foot", variants=rewritten("saas"))) == []
    assert told(before, with_block(before, "hero", description="Words.")) == []


@pytest.mark.parametrize(("block", "report"), [("hero", "holdout:hero"), ("side", "learn:side")])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"variants": rewritten("all")}, "the content of 'all' changes"),
        ({"variants": (VARIANTS[0], replace(VARIANTS[1], when='device == "tablet"'))}, "the rule"),
        ({"variants": VARIANTS[::-1]}, "order"),
        ({"variants": VARIANTS[:1]}, "'all' goes"),
        ({"variants": (*VARIANTS, Variant(name="more"))}, "'more' is new"),
        ({"content": {"headline": "Bye"}}, "the default content changes"),
    ],
)
def test_other_content_under_a_report_that_goes_on_is_said_and_not_refused(
    block: str, report: str, fields: dict[str, Any], words: str
) -> None:
    (fault,) = told(workspace(), with_block(workspace(), block, **fields))
    assert fault.severity == "warning"
    assert fault.file == f"blocks/{block}.yaml"
    assert words in fault.message
    assert report in fault.message


def test_an_audience_that_a_rule_asks_for_is_part_of_it() -> None:
    before = workspace(
        audiences={
            "saas": Audience(name="saas", when='in_audience("small")'),
            "small": Audience(name="small", when='device == "phone"'),
        }
    )
    after = replace(
        before,
        audiences=before.audiences | {"small": Audience(name="small", when='device == "tablet"')},
    )
    assert [each.message.partition(" while")[0] for each in told(before, after)] == [
        "an audience of 'saas' changes"
    ] * 2


def test_a_running_experiment_says_so_until_it_begins_a_new_epoch() -> None:
    test = Experiment(key="foot-text", arms=(Arm(name="a"), Arm(name="b")), blocks=("foot",))
    before = workspace(experiments={"foot-text": test})
    after = with_block(before, "foot", variants=rewritten("saas"))
    assert ["foot-text" in each.message for each in told(before, after)] == [True]
    anew = replace(after, experiments={"foot-text": replace(test, epoch=2)})
    assert told(before, anew) == []


@pytest.mark.parametrize(("share", "words"), [(0.2, "everybody who was"), (0.05, "some who were")])
def test_a_moved_share_begins_an_epoch_and_that_is_said(share: float, words: str) -> None:
    before = workspace()
    site = replace(before, settings=Settings(holdout=HoldoutSettings(share=share)))
    for after, path in (
        (site, "holdout.share"),
        # With its content too: nothing of before is in the new epoch.
        (with_block(before, "hero", holdout=share, variants=rewritten("all")), "holdout"),
    ):
        (fault,) = told(before, after)
        assert (fault.path, fault.severity) == (path, "warning")
        assert "begins a new epoch" in fault.message
        assert words in fault.message


def test_a_holdout_that_ends_is_said() -> None:
    (fault,) = told(workspace(), with_block(workspace(), "hero", holdout=0.0))
    assert "Nobody is held out any more" in fault.message


@pytest.mark.parametrize(
    "learn",
    [
        replace(LEARN, held_out=0.2),
        replace(LEARN, goal="visit"),
        replace(LEARN, seed="other"),
        replace(LEARN, epoch=0),
    ],
)
def test_what_divides_or_judges_learning_is_refused(learn: LearnSettings) -> None:
    (fault,) = told(workspace(), with_block(workspace(), "side", learn=learn))
    assert fault.severity == "error"
    assert fault.path.startswith("learn.")


def test_learning_may_be_tuned_and_a_new_epoch_takes_the_rest() -> None:
    for learn in (
        replace(LEARN, exploration=0.2, memory="30d"),
        replace(LEARN, held_out=0.2, goal="visit", epoch=2),
    ):
        assert told(workspace(), with_block(workspace(), "side", learn=learn)) == []


def test_a_goal_that_holdouts_count_is_said() -> None:
    before = workspace()
    after = replace(before, goals=before.goals | {"order": Goal(name="order", event="Order Paid")})
    (fault,) = told(before, after)
    assert (fault.file, fault.severity) == ("goals.yaml", "warning")
    assert "holdout, holdout:hero, learn:side count" in fault.message
    assert told(before, replace(before, goals={**before.goals, "more": Goal(event="x")})) == []
    others = replace(
        before, settings=Settings(holdout=HoldoutSettings(share=0.1, goals=("visit",)))
    )
    assert "proves nothing" in told(before, others)[0].message


def test_a_metric_is_frozen_for_experiments_and_said_for_the_holdout() -> None:
    value = Metric(name="value", kind="mean", goal="paid", label="Value")
    test = Experiment(
        key="foot-text", arms=(Arm(name="a"), Arm(name="b")), goals=("visit",), metrics=("value",)
    )
    base = workspace(metrics={"value": value}, experiments={"foot-text": test})
    before = replace(
        base,
        goals=base.goals | {"paid": Goal(name="paid", event="Order Paid", value="amount")},
        settings=Settings(
            holdout=HoldoutSettings(share=0.1, goals=("visit",), guardrails=("value", "bounce"))
        ),
    )
    assert told(before, replace(before, metrics={"value": replace(value, label="Worth")})) == []
    for after in (
        replace(before, metrics={"value": replace(value, winsorise=0.99)}),
        replace(before, goals=before.goals | {"paid": Goal(name="paid", event="Order Paid")}),
    ):
        frozen, said = told(before, after)
        assert (frozen.severity, said.severity) == ("error", "warning")
        assert "'foot-text' runs" in frozen.message
        assert "holdout" in said.message
        anew = replace(after, experiments={"foot-text": replace(test, epoch=2)})
        assert [each.severity for each in told(before, anew)] == ["warning"]
    # A standard metric that the workspace declares itself is another one.
    own = Metric(name="bounce", goal="visit")
    (said,) = told(before, replace(before, metrics=before.metrics | {"bounce": own}))
    assert said.path == "bounce"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def test_publishing_says_it_and_goes_on_and_drafts_say_it_before() -> None:
    storage = open_storage(None, store="memory")
    at = Services(
        store=storage.store,
        stream=storage.stream,
        warehouse=storage.warehouse,
        artifacts=storage.artifacts,
        items=storage.items,
        keys=Keys(write_key="w", server_key="s", secret="x"),
    )

    def pushed(files: dict[str, str]) -> None:
        base = {path: draft.digest for path, draft in run(at.store.drafts()).items()}
        run(push(at, PushRequest(files=files, base=base)))

    pushed(SHOP)
    run(publish(at, PublishRequest()))
    moved = SHOP["settings.yaml"].replace("share: 0.1", "share: 0.3")
    assert moved != SHOP["settings.yaml"]
    pushed({**SHOP, "settings.yaml": moved})
    before = [str(each) for each in run(drafts(at, DraftsRequest())).faults]
    assert any("begins a new epoch" in each for each in before)
    result = run(publish(at, PublishRequest()))
    assert result.number == 2
    assert [str(each) for each in result.warnings if "epoch" in each.message] == [
        each for each in before if "epoch" in each
    ]
    twice = SHOP["experiments/hero-text.yaml"].replace("treatment: targeted", "treatment: industry")
    pushed({**SHOP, "experiments/hero-text.yaml": twice})
    with pytest.raises(InvalidWorkspace) as refused:
        run(publish(at, PublishRequest()))
    assert {each.severity for each in refused.value.faults} == {"error"}


def test_the_commands_say_it(tmp_path: Path) -> None:
    home, folder = str(tmp_path / "home"), tmp_path / "shop"
    for path, text in SHOP.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)

    def persx(*arguments: str) -> str:
        result = CliRunner().invoke(main, [*arguments, "--home", home], standalone_mode=False)
        assert result.exception is None, result.output
        return result.output

    persx("publish", str(folder))
    hero = folder / next(path for path in SHOP if "Fewer abandoned carts" in SHOP[path])
    hero.write_text(hero.read_text().replace("Fewer abandoned carts", "More paid carts"))
    persx("push", str(folder))
    assert "the content of 'shops' changes while hero-text measures" in persx("check")
    faults = json.loads(persx("check", "--json"))["faults"]
    assert "raise the experiment's epoch" in "".join(each["hint"] for each in faults)
    assert "hero-text measures this block" in persx("publish")
