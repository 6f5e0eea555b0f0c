"""Every kind of metric and of figure is found again by the exported script, and so is a lie."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from persx.app.readout_export import ReadoutExportRequest, export_readout
from persx.app.services import Services
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.metric import Metric
from persx.model.workspace import (
    Arm,
    Block,
    Experiment,
    Goal,
    HoldoutSettings,
    Settings,
    Variant,
    Workspace,
)

from .test_live_report import Log, log, see
from .test_reproducing import reproduce

__all__ = ["log"]

Run = Callable[[Any], Any]

METRICS = [
    Metric(name="order_value", kind="ratio", goal="purchase", per="purchase"),
    Metric(
        name="early_value", kind="ratio", goal="purchase", per="purchase", within="5d",
        winsorise=0.9, covariate="20d",
    ),
    Metric(name="early", goal="purchase", within="5d", after="1h"),
    Metric(name="early_orders", kind="mean", goal="purchase", of="count", within="5d"),
    Metric(name="cut", kind="mean", goal="purchase", winsorise=0.9),
    Metric(name="adjusted", kind="mean", goal="purchase", covariate="20d"),
    Metric(name="twice", goal="purchase", at_least=2),
    Metric(name="once_at_most", goal="purchase", at_most=1, better="less"),
    Metric(name="given", kind="mean", goal="donation"),
    Metric(name="given_each", kind="ratio", goal="donation", per="donation"),
    Metric(name="buyers", kind="mean", goal="purchase", of="visitors", margin=0.5),
    Metric(name="never", kind="ratio", goal="nothing", per="nothing", covariate="5d"),
]  # fmt: skip

GUARDRAILS = ("once_at_most", "buyers", "bounce")

SERVED = Workspace(
    settings=Settings(
        holdout=HoldoutSettings(
            share=0.5,
            metrics=tuple(each.name for each in METRICS if each.name not in GUARDRAILS),
            guardrails=GUARDRAILS,
        )
    ),
    goals={
        "purchase": Goal(name="purchase", event="Order Completed", value="revenue"),
        "donation": Goal(name="donation", event="Given", value="revenue"),
        "nothing": Goal(name="nothing", event="Never", value="revenue"),
    },
    metrics={each.name: each for each in METRICS},
    blocks={"hero": Block(type="hero", name="hero", content={}, variants=(Variant(name="a"),))},
    experiments={
        "layers": Experiment(
            key="layers",
            blocks=("hero",),
            goals=("purchase",),
            arms=(
                Arm(name="none", show="default"),
                Arm(name="one", show={"hero": "a"}),
                Arm(name="all", show="targeted"),
            ),
        )
    },
)


def fill(log: Log, now: int, visitors: int = 500, sizes: int = 60) -> None:
    """Two epochs, two attributes, orders before and after entering, money of two currencies."""
    log.publish(SERVED)
    draw = random.Random(11)
    for who in range(visitors):
        name = f"a:{who}"
        start = now - 25 * DAY + who * 24 * DAY // visitors
        epoch = 1 if who < visitors // 3 else 2
        arm = "targeted" if draw.random() < 0.5 else "generic"
        for _ in range(draw.randrange(3)):
            spent = draw.lognormvariate(3, 1)
            log("Order Completed", name, start - draw.randrange(25 * DAY), revenue=spent)
        says = {"industry": draw.choice(["SaaS", "(other)", "Retail"]), "size": f"s{who % sizes}"}
        see(log, name, arm, start, epoch=epoch, segments=says if who % 9 else {}, snapshot=1)
        for _ in range(draw.choice([0, 0, 1, 2] if arm == "generic" else [0, 1, 2, 3])):
            spent, at = draw.lognormvariate(3, 1.5), start + draw.randrange(8 * DAY)
            log("Order Completed", name, at, revenue=spent)
        log("Home", name, start, type="page")
        if draw.random() < 0.6:
            log("Home", name, start + MINUTE, type="page")
        log("Given", name, start + HOUR, revenue=5, currency=draw.choice(["EUR", "USD"]))
        if draw.random() < 0.1:
            log("Consent Changed", name, start + HOUR, purposes={"analytics": False})
        log(
            "Experiment Viewed", name, start, experiment_id="layers", epoch=1,
            variation_id=draw.choice(["none", "one", "all"]),
        )  # fmt: skip


def export(services: Services, run: Run, folder: Path, name: str = "holdout", **more: Any) -> Any:
    run(export_readout(services, ReadoutExportRequest(name=name, folder=str(folder), **more)))
    return json.loads((folder / "readout.json").read_text(encoding="utf-8"))


def found_again(folder: Path) -> str:
    """Run the script, and expect that it agrees: by its status, and by what it says itself."""
    done = reproduce(folder)
    differs = [line for line in done.stdout.splitlines() if "differs" in line]
    assert (done.returncode, differs, done.stderr) == (0, [], "")
    last = done.stdout.splitlines()[-1]
    worst = float(last.split("largest difference ")[1].split(",")[0])
    assert worst <= 1e-9
    return done.stdout


@pytest.mark.parametrize("fixed", [False, True])
def test_every_kind_of_metric_is_found_again(
    services: Services, run: Run, log: Log, tmp_path: Path, fixed: bool
) -> None:
    fill(log, services.clock())
    told = export(services, run, tmp_path / "x", fixed=fixed)
    said = found_again(tmp_path / "x")
    assert told["method"] == ("fixed" if fixed else "always_valid")
    assert told["epochs"] == [1, 2]
    metrics = told["arms"]["targeted"]["metrics"]
    for name in (*(each.name for each in METRICS), "purchase", "purchase.revenue", "bounce"):
        assert f"everyone, targeted: {name}\n" in said
        if name not in ("given", "given_each", "never"):
            assert metrics[name]["low"] is not None, name
    # What the test would not be one without.
    assert metrics["given"]["total"] is None
    assert metrics["early"]["n"] < metrics["purchase"]["n"]
    assert metrics["buyers"]["guard"] == "safe"
    assert told["pli"][0]["withheld"] == []
    assert told["consent"]["p"] is not None
    assert len(told["segments"]["size"]) == 50
    size = told["segments"]["size"]["s5"]["arms"]["targeted"]["metrics"]["purchase"]
    assert size["adjusted"]["p"] is not None
    assert size["pooled"]["p"] is not None


@pytest.mark.parametrize("fixed", [False, True])
def test_layers_and_the_best_single_content_are_found_again(
    services: Services, run: Run, log: Log, tmp_path: Path, fixed: bool
) -> None:
    fill(log, services.clock())
    told = export(services, run, tmp_path / "x", "layers", fixed=fixed, confidence=0.9)
    said = found_again(tmp_path / "x")
    assert told["best_single"][0]["low"] is not None
    assert "all over the best single content: lift" in said


def test_the_columns_say_what_was_counted(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    fill(log, services.clock())
    export(services, run, tmp_path / "x")
    with (tmp_path / "x" / "units.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for columns in (
        ["metric:early_value", "per:early_value", "before-metric:early_value",
         "before-per:early_value"],
        ["metric:adjusted", "before-metric:adjusted"],
        ["metric:early"],
    ):  # fmt: skip
        assert set(columns) <= set(rows[0])
    # Refused: nothing is told that would be added up; not over: nothing at all.
    assert {row["metric:given"] for row in rows} == {""}
    assert {row["metric:early"] for row in rows} == {"", "0", "1"}
    assert any(row["metric:early"] == "" and row["metric:twice"] == "1" for row in rows)
    # Somebody's industry is really called so; what is not shown has a name that nobody has.
    assert {row["segment:industry"] for row in rows} == {"SaaS", "Retail", "(other)", "(unknown)"}
    assert "(other)" in {row["segment:size"] for row in rows}
    read_me = (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    assert "`cut` is **winsorised** at 0.9" in read_me
    assert "`given` is refused" in read_me
    assert "Which visitors entered" in read_me
    cut = sorted(float(row["metric:cut"]) for row in rows)
    assert cut[-1] == cut[-2], "the greatest numbers were cut to one"


def test_values_that_are_not_shown_have_a_name_that_nobody_has(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    now = services.clock()
    for who in range(120):
        size = "(other)" if who % 2 else f"s{who}"
        arm = "targeted" if who % 3 else "generic"
        see(log, f"a:{who}", arm, now - DAY, segments={"size": size, 'per:"': "x\r\ny"})
    told = export(services, run, tmp_path / "x")
    found_again(tmp_path / "x")
    assert told["segments"]["size"]["(other)"]["arms"]["targeted"]["n"] == 40
    assert "(other)*" in (tmp_path / "x" / "units.csv").read_text(encoding="utf-8")


SEGMENT = ("segments", "industry", "SaaS")
TARGETED = ("arms", "targeted", "metrics")
LIES = {
    ("arms", "generic", "n"): "everyone, generic: visitors",
    ("arms", "generic", "metrics", "cut", "total"): "everyone, generic: cut",
    ("arms", "generic", "metrics", "order_value", "per"): "everyone, generic: order_value",
    (*TARGETED, "purchase", "low"): "everyone, targeted: purchase",
    (*TARGETED, "early", "n"): "everyone, targeted: early",
    (*TARGETED, "early_value", "high"): "everyone, targeted: early_value",
    (*TARGETED, "adjusted", "p"): "everyone, targeted: adjusted",
    (*TARGETED, "bounce", "lift"): "everyone, targeted: bounce",
    (*TARGETED, "order_value", "rate"): "everyone, targeted: order_value",
    (*TARGETED, "cut", "difference", "low"): "everyone, targeted: cut",
    (*TARGETED, "buyers", "guard"): "everyone, targeted: buyers",
    (*TARGETED, "given", "total"): "everyone, targeted: given",
    ("pli", 0, "lift"): "everyone, targeted: PLI",
    ("srm", "p"): "everyone: sample ratio",
    ("consent", "p"): "everyone: consent",
    (*SEGMENT, *TARGETED, "purchase", "adjusted", "low"): "industry=SaaS, targeted: purchase",
    (*SEGMENT, *TARGETED, "cut", "pooled", "high"): "industry=SaaS, targeted: cut",
    (*SEGMENT, "srm", "p"): "industry=SaaS: sample ratio",
    (*SEGMENT, "pli", 0, "control_total"): "industry=SaaS, targeted: PLI",
}


def test_whatever_figure_lies_is_found_out(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    """By twice what is allowed, and nothing else is accused."""
    fill(log, services.clock(), sizes=2)
    told = export(services, run, tmp_path / "x")
    found_again(tmp_path / "x")
    for path in LIES:
        place: Any = told
        for each in path[:-1]:
            place = place[each]
        value = place[path[-1]]
        if value is None:
            place[path[-1]] = 1.0
        else:
            place[path[-1]] = "harmed" if isinstance(value, str) else value - 2e-9 * max(1, value)
    (tmp_path / "x" / "readout.json").write_text(json.dumps(told), encoding="utf-8")
    done = reproduce(tmp_path / "x")
    lines = [line for line in done.stdout.splitlines() if "<-- differs" in line]
    assert {line[11:].removesuffix("   <-- differs") for line in lines} == set(LIES.values())
    assert done.returncode == 1


@pytest.mark.parametrize("path", [(*TARGETED, "purchase", "high"), ("pli", 0, "p")])
def test_one_lie_is_enough(
    services: Services, run: Run, log: Log, tmp_path: Path, path: tuple[Any, ...]
) -> None:
    fill(log, services.clock(), 200, sizes=2)
    told = place = export(services, run, tmp_path / "x")
    for each in path[:-1]:
        place = place[each]
    place[path[-1]] = None if place[path[-1]] else 0.5
    (tmp_path / "x" / "readout.json").write_text(json.dumps(told), encoding="utf-8")
    assert reproduce(tmp_path / "x").returncode == 1


def test_a_readout_without_an_arm_that_it_should_have_is_no_agreement(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    fill(log, services.clock(), 60)
    told = export(services, run, tmp_path / "x")
    del told["arms"]["targeted"]
    (tmp_path / "x" / "readout.json").write_text(json.dumps(told), encoding="utf-8")
    assert reproduce(tmp_path / "x").returncode != 0
