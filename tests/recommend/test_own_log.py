"""Judging and tuning by the own log: planted tastes are found, chance is called chance."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from persx.app.audit import AuditRequest, entries
from persx.app.home import open_home
from persx.app.settings import ServerSettings
from persx.cli import main
from persx.model.clock import DAY
from persx.model.event import Event
from persx.model.pipeline import PipelineSource
from persx.recommend.evaluation.moments import cut_at, moments
from persx.recommend.evaluation.telling import estimate
from persx.recommend.evaluation.tuning import as_document, tune
from persx.recommend.interactions import Interactions
from persx.recommend.recommenders import RECOMMENDERS
from tests.recommend.shop import files, have, said, shop, tell
from tests.recommend.training import some_interactions

SITE = """
together:
  sources:
    - {recommender: cooccurrence}
    - {recommender: popularity, weight: 0.1}
"""


def visits(random: np.random.Generator, tastes: int, visitors: int = 300) -> list[Event]:
    """Visitors over ten days, each of one taste, who view four of the ten items that fit it."""
    found = []
    for visitor in range(visitors):
        ago = int(random.integers(10 * 24 * 60 - 60)) + 30
        taste = int(random.integers(tastes))
        items = random.choice(40 // tastes, size=4, replace=False) + taste * (40 // tastes)
        found += [
            said(
                f"v{visitor}",
                "Product Viewed",
                ago=ago - 3 * step,
                product_id=f"item-{item:02}",
                category=f"shelf {item // 10}",
            )
            for step, item in enumerate(items)
        ]
    return found


def home_with(path: Path, tastes: int, visitors: int = 300, site: str = SITE, **more: str) -> Path:
    async def fill() -> None:
        documents = {f"{name}.yaml": text for name, text in more.items()}
        async with shop(path, {**files(site), **documents}) as services:
            for number in range(40):
                await have(services, f"item-{number:02}", category=(f"shelf {number // 10}",))
            await tell(services, visits(np.random.default_rng(1), tastes, visitors))

    asyncio.run(fill())
    return path


def ran(home: Path, *arguments: str) -> Any:
    found = CliRunner().invoke(main, ["recommend", *arguments, "--home", str(home), "--json"])
    assert found.exit_code == 0, found.output
    return json.loads(found.output)


def by_name(figures: list[Any]) -> dict[str, Any]:
    return {each["name"]: each for each in figures}


def test_what_fits_a_taste_beats_popularity(tmp_path: Path) -> None:
    found = ran(home_with(tmp_path / "home", tastes=4), "evaluate", "together", "--k", "5")
    figures = by_name(found["figures"])
    assert list(figures) == [
        "together", "1. cooccurrence alone", "2. popularity alone", "popularity",
    ]  # fmt: skip
    assert figures["together"]["against"]["recall@5"]["low"] > 0
    # One with the same sources differs by nothing at all.
    same = figures["2. popularity alone"]["against"]["recall@5"]
    assert (same["mean"], same["low"], same["high"]) == (0, 0, 0)
    assert found["cases"] >= 30
    told = CliRunner().invoke(main, ["recommend", "evaluate", "--home", str(tmp_path / "home")])
    assert "better" in told.output


def test_chance_is_called_chance(tmp_path: Path) -> None:
    home = home_with(tmp_path / "home", tastes=1)
    found = by_name(ran(home, "evaluate", "together", "--test", "2d")["figures"])
    against = found["together"]["against"]["ndcg@10"]
    assert against["low"] < 0 < against["high"]


def test_too_few_are_not_judged(tmp_path: Path) -> None:
    home = home_with(tmp_path / "home", tastes=2, visitors=60)
    refused = CliRunner().invoke(main, ["recommend", "evaluate", "--home", str(home)])
    assert refused.exit_code == 3
    assert "30 are needed" in refused.output
    empty = home_with(tmp_path / "empty", tastes=2, visitors=0)
    refused = CliRunner().invoke(main, ["recommend", "evaluate", "--home", str(empty)])
    assert (refused.exit_code, "30 are needed" in refused.output) == (3, True)
    both = ["recommend", "evaluate", "together", "--train", "x.txt", "--home", str(home)]
    assert CliRunner().invoke(main, both).exit_code == 2


def test_tuning_tells_what_it_is_worth_on_later_visitors(tmp_path: Path) -> None:
    home = home_with(tmp_path / "home", tastes=4)
    found = ran(home, "tune", "together", "--trials", "6", "--k", "5")
    assert found["tried"] <= 6
    assert found["best"] >= found["start"]
    assert set(by_name(found["figures"])) == {"as it is", "tuned"}
    for source in found["sources"]:
        read = msgspec.convert(source, PipelineSource)
        msgspec.convert(read.config, RECOMMENDERS[read.recommender].config)
    told = CliRunner().invoke(
        main, ["recommend", "tune", "--home", str(home), "--trials", "6", "--k", "5"]
    ).output  # fmt: skip
    assert "settings tried" in told
    if "keep it as it is" not in told:
        document = yaml.safe_load(told[told.index("sources:") :])
        assert document["sources"] == found["sources"], "the same seed finds the same"


RULES = """
knowing:
  sources: [{recommender: popularity}]
  rules:
    - {do: boost, when: 'contains(seen, item.category_path)', by: 50}
    - {do: exclude, when: 'locale != "de"'}
plain:
  sources: [{recommender: popularity}]
"""
KNOWN = """
seen:
  type: strings
  source: computed
  purpose: personalization
  label: Seen
  compute: {kind: distinct, event: Product Viewed, property: category}
"""
AUDIENCES = """
keen: {when: 'size(seen) > 0'}
foreign: {when: 'locale == "en"'}
"""


def test_rules_and_audiences_know_what_was_known_then(tmp_path: Path) -> None:
    home = home_with(
        tmp_path / "home", tastes=4, site=RULES, attributes=KNOWN, audiences=AUDIENCES
    )  # fmt: skip
    knowing = ran(home, "evaluate", "knowing", "--k", "5", "--segment", "audience")
    plain = ran(home, "evaluate", "plain", "--k", "5")
    keen = knowing["segments"]["audience"]["keen"]
    # Who has viewed something gets what stands on the same shelf.
    assert keen["metrics"]["hr@5"]["mean"] > 2 * plain["figures"][0]["metrics"]["hr@5"]["mean"]
    assert keen["cases"] < knowing["cases"], "nobody is told by what they viewed afterwards"
    assert list(knowing["segments"]) == ["audience"]
    assert list(knowing["segments"]["audience"]) == ["keen"]
    assert [(each["rule"], each["unknown"]) for each in knowing["rules_left_out"]] == [
        (1, ["locale"])
    ]
    assert knowing["unknown_audiences"] == ["foreign"]
    assert plain["rules_left_out"] == []
    assert {"coverage@5", "gini@5", "popularity@5", "diversity@5", "variety@5"} == set(
        plain["figures"][0]["together"]
    )
    told = CliRunner().invoke(main, ["recommend", "evaluate", "knowing", "--home", str(home)])
    assert "rule 2, exclude when locale" in told.output
    assert "audience: keen" in told.output
    assert "variety" in told.output
    many = ["recommend", "evaluate", "plain", "--k", "101", "--home", str(home)]
    refused = CliRunner().invoke(main, many)
    assert (refused.exit_code, "100 places at most" in refused.output) == (2, True)


POORLY = """
# What fits, and what is liked.
together:
  sources:
    - {recommender: cooccurrence, weight: 0.3}   # Too little.
    - recommender: popularity   # By hand.
      weight: 2
"""


def test_what_is_better_is_written_as_a_draft(tmp_path: Path) -> None:
    home = home_with(tmp_path / "home", tastes=4, site=POORLY)
    tuned = ["tune", "together", "--trials", "8", "--k", "5", "--write"]
    found = ran(home, *tuned)
    assert found["better"]
    assert by_name(found["figures"])["tuned"]["against"]["ndcg@5"]["low"] > 0
    assert found["written"]["file"] == "pipelines.yaml"

    async def look() -> None:
        async with open_home(home, ServerSettings(), read_only=True) as services:
            text = (await services.store.drafts())["pipelines.yaml"].text
            document = yaml.safe_load(text)["together"]["sources"]
            assert msgspec.convert(document, list[PipelineSource]) == msgspec.convert(
                found["sources"], list[PipelineSource]
            )
            for comment in ("# What fits, and what is liked.", "# Too little.", "# By hand."):
                assert comment in text
            (served,) = (await services.store.snapshot()).workspace.pipelines.values()
            assert served.sources[0].weight == 0.3, "nothing is published"
            told = (await entries(services, AuditRequest())).entries
            assert told[0].what == "recommender.tune"
            assert told[0].on == "together"
            assert "sources.0.weight: " in told[0].detail
            assert "better" in told[0].detail

    asyncio.run(look())
    # What was served is not what the draft says any more: it is not written over.
    refused = CliRunner().invoke(main, ["recommend", *tuned, "--home", str(home)])
    assert refused.exit_code == 3
    assert "are not those that were tuned" in refused.stderr
    assert yaml.safe_load(refused.stdout)["sources"] == found["sources"], "it is not lost"


def test_what_is_no_better_is_not_written(tmp_path: Path) -> None:
    home = home_with(tmp_path / "home", tastes=1)
    found = ran(home, "tune", "together", "--trials", "3", "--write")
    assert (found["better"], found["written"]) == (False, None)
    told = CliRunner().invoke(
        main, ["recommend", "tune", "--home", str(home), "--trials", "3", "--write"]
    ).output  # fmt: skip
    assert "than what you have" in told
    assert "Nothing is written." in told


class TestMoments:
    """Of each visitor one moment; what came before is known, what comes after is wanted."""

    data = some_interactions(["a", "b", "c", "d"])

    def ordered(self) -> Interactions:
        times = np.arange(len(self.data.users), dtype=np.int64) * DAY
        return dataclasses.replace(self.data, times=times)

    def test_before_and_after_are_apart(self) -> None:
        data = self.ordered()
        for seed in range(20):
            for case in moments(data, 0, 1 << 60, allowed=lambda _: True, seed=seed):
                assert all(touch.at < case.at for touch in case.touches)
                assert not {touch.item for touch in case.touches} & set(case.wanted)
                assert case.wanted

    def test_what_cannot_be_shown_is_not_wanted(self) -> None:
        found = moments(self.ordered(), 0, 1 << 60, allowed=lambda id: id == "d")
        assert {case.wanted for case in found} == {("d",)}

    def test_only_who_came_in_that_time(self) -> None:
        data = self.ordered()
        # The last visitor's only touch is the newest.
        found = moments(data, int(data.times[-1]), 1 << 60, allowed=lambda _: True)
        assert [(len(case.touches), case.wanted) for case in found] == [(0, ("d",))]
        assert moments(data, 1 << 50, 1 << 60, allowed=lambda _: True) == []

    def test_the_newest_part_of_the_time(self) -> None:
        data = self.ordered()
        last = int(data.times[-1])
        assert cut_at(data, share=0.5) == last - round(last / 2)
        assert cut_at(data, length=2 * DAY) == last - 2 * DAY


def test_intervals_of_a_mean() -> None:
    values = np.array([1.0, 0.0] * 50)
    found = estimate(values)
    half = 1.96 * values.std(ddof=1) / 10
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half))
    assert estimate(np.array([1.0])).low == -np.inf, "of one nothing is known"


def as_json(sources: tuple[PipelineSource, ...]) -> bytes:
    return msgspec.json.encode(sources)


def test_weights_decays_and_what_is_unobserved_come_before_all_else() -> None:
    sources = (
        PipelineSource(recommender="vmis_knn"),
        PipelineSource(recommender="ials"),
        PipelineSource(recommender="popularity", config={"half_life": 0}),
    )
    seen: list[str] = []

    def judge(some: tuple[PipelineSource, ...]) -> Any:
        for old, new in zip(sources, some, strict=True):
            seen.extend(name for name in new.config if name not in old.config)
            seen.extend(name for name, value in old.config.items() if new.config[name] != value)
            seen.extend("weight" for _ in range(old.weight != new.weight))
        return np.zeros(3)

    tune(sources, judge, trials=500)
    names = list(dict.fromkeys(seen))
    early = {"weight", "rules", "decay", "half_life", "unobserved", "step_decay", "match_decay"}
    early |= {"rules_decay"}
    assert set(names[: len(early)]) == early
    assert {"neighbours", "shrink", "factors"} <= set(names[len(early) :])
    assert "seed" not in names, "that would be choosing chance"


def test_tuning_finds_the_best_within_its_trials() -> None:
    sources = (
        PipelineSource(recommender="popularity", weight=1.0),
        PipelineSource(recommender="popularity", weight=8.0),
    )

    def judge(some: tuple[PipelineSource, ...]) -> Any:
        # The best is where both weigh the same.
        return -np.abs(np.log([some[0].weight / some[1].weight]))

    found = tune(sources, judge, trials=200)
    assert found.best == 0.0
    tried = []
    tune(sources, lambda some: tried.append(some) or judge(some), trials=200)
    assert len({as_json(each) for each in tried}) == len(tried), "nothing is judged twice"
    assert found.start < found.best
    assert tune(sources, judge, trials=200) == found
    assert tune(sources, judge, trials=1).tried == 1
    assert tune(sources, judge, trials=50, fits=lambda _: False).sources == sources
    assert as_document(sources) == [
        {"recommender": "popularity"}, {"recommender": "popularity", "weight": 8.0},
    ]  # fmt: skip
