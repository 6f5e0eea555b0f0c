"""What another share of exploration would bring: where the truth is known, it is found."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from persx.app.exploration import Exploration, ExplorationRequest, exploration, logged_places
from persx.cli import main
from persx.experiments.off_policy.estimators import Floats
from persx.experiments.off_policy.lists import ListsEvaluation, SeenLists, evaluate_lists
from persx.model.clock import DAY
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput
from persx.model.event import Event, EventType
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.picking import Draw
from persx.recommend.ranking.rank import rank
from tests.recommend import shop
from tests.recommend.scripted import NOW, catalogue_of, item, pipeline, ready

PLACES, SHARE = 4, 0.2
BEST, TRIED = 0.06, 0.015
"""How probably an item is clicked: one that the pipeline thinks best, and another one."""


def truth(explore: float) -> float:
    """The share of lists with a click, where clicks on places come one by one."""
    return 1 - (1 - ((1 - explore) * BEST + explore * TRIED)) ** PLACES


def some_lists(seed: int, visitors: int, share: float = SHARE) -> SeenLists:
    """Lists as `persx.recommend.ranking.picking` draws them among 30 candidates, and clicks."""
    random = np.random.default_rng(seed)
    explored = random.random((visitors, PLACES)) < share
    others = 29 - np.arange(PLACES)
    propensity = np.where(explored, share / others, 1 - share)
    clicks = random.random((visitors, PLACES)) < np.where(explored, TRIED, BEST)
    reward = clicks.any(axis=1).astype(float)
    return SeenLists(propensity.round(6), explored, np.full(visitors, share), reward)


@pytest.mark.parametrize("explore", [0.0, 0.1, 0.4])
def test_intervals_hold_the_truth_as_often_as_they_say(explore: float) -> None:
    rounds, held = 200, {"snipw": 0, "ipw": 0}
    lifts = 0
    for seed in range(rounds):
        found = evaluate_lists(some_lists(seed, 2_000), explore).evaluation
        assert not found.refused
        for name, each in found.estimates.items():
            assert each.low is not None
            assert each.high is not None
            held[name] += each.low <= truth(explore) <= each.high
        told = found.estimates["snipw"]
        assert told.lift_low is not None
        assert told.lift_high is not None
        lifts += told.lift_low <= truth(explore) / truth(SHARE) - 1 <= told.lift_high
    # 95% of 200, less three standard errors.
    assert min(*held.values(), lifts) >= 0.90 * rounds


def drawing(numbers: Floats) -> Draw:
    return lambda place: float(numbers[place - 1])


def test_the_ranking_itself_draws_by_the_probabilities_that_it_logs() -> None:
    names = [f"i{number}" for number in range(12)]
    scores = {name: 1.0 - at / 100 for at, name in enumerate(names)}
    prepared = ready(pipeline(explore=SHARE), catalogue_of(*map(item, names)), scores)
    random = np.random.default_rng(7)
    visitors = 3_000
    numbers, clicks = random.random((visitors, PLACES)), random.random((visitors, PLACES))
    propensity, explored = np.ones((visitors, PLACES)), np.zeros((visitors, PLACES), dtype=bool)
    for row in range(visitors):
        wanted = Wanted(count=PLACES, now=NOW, draw=drawing(numbers[row]))
        for at, each in enumerate(rank(prepared, wanted)):
            propensity[row, at], explored[row, at] = each.propensity, each.tried
    reward = (clicks < np.where(explored, TRIED, BEST)).any(axis=1).astype(float)
    lists = SeenLists(propensity, explored, np.full(visitors, SHARE), reward)
    found = evaluate_lists(lists, 0.0)
    assert found.inconsistent == 0
    assert found.logged_explore == pytest.approx(SHARE, abs=0.02)
    told = found.evaluation.estimates["snipw"]
    assert told.low is not None
    assert told.high is not None
    assert told.low < truth(0) < told.high


# -- what it does not say -------------------------------------------------------------------------


def refused(lists: SeenLists, explore: float = 0.0) -> str:
    found = evaluate_lists(lists, explore)
    assert bool(found.evaluation.estimates) is not bool(found.evaluation.refused)
    return found.evaluation.refused


def test_too_few_explored_lists_say_nothing() -> None:
    assert "Too few explored lists to say: " in refused(some_lists(1, 40))
    assert "Too few clicks on explored lists" in refused(some_lists(1, 100))
    assert "Too few explored lists to say: 0 have" in refused(some_lists(1, 5_000, share=0.0), 0.1)
    nothing = np.zeros((0, 0))
    empty = SeenLists(nothing, nothing.astype(bool), np.zeros(0), np.zeros(0))
    assert "Too few explored lists to say: 0 have" in refused(empty)


def test_a_share_far_from_the_logs_says_nothing() -> None:
    found = evaluate_lists(some_lists(1, 3_000), 0.9, clip=1e9)
    assert "The effective sample size is 1" in found.evaluation.refused
    # Cutting the weights would hide that: the estimate would be that of lists like the log's.
    cut = evaluate_lists(some_lists(1, 3_000), 0.9)
    assert "too rare in the log" in cut.evaluation.refused
    assert cut.cut > 0.5
    assert cut.largest_weight > 100


def test_weights_are_cut_and_that_is_told() -> None:
    lists = some_lists(1, 5_000)
    whole, cut = (evaluate_lists(lists, 0.4, clip=clip) for clip in (1e9, 10.0))
    assert (whole.clipped, whole.cut) == (0, 0)
    assert 0 < cut.clipped < 0.01
    # Four of four explored: .4⁴ of what would be shown, and 6 of its 16 are cut away.
    assert cut.cut == pytest.approx(0.4**4 * 6 / 16)
    assert cut.largest_weight == whole.largest_weight == pytest.approx(16)
    assert cut.evaluation.effective > whole.evaluation.effective
    assert cut.evaluation.estimates["snipw"] != whole.evaluation.estimates["snipw"]


def test_lists_without_a_draw_and_wrong_probabilities_are_left_out() -> None:
    lists = some_lists(3, 2_000)
    wrong, undrawn = lists.propensity.copy(), lists.propensity.copy()
    wrong[:100, 0] = 0.5
    undrawn[:50] = 1.0
    explored = lists.explored.copy()
    explored[:50] = False
    found = evaluate_lists(lists._replace(propensity=wrong), 0.0)
    assert (found.inconsistent, found.evaluation.n) == (100, 1_900)
    found = evaluate_lists(lists._replace(propensity=undrawn, explored=explored), 0.0)
    assert (found.undrawn, found.evaluation.n) == (50, 1_950)


@pytest.mark.parametrize("wrong", [{"explore": 1.0}, {"explore": -0.1}, {"explore": float("nan")}])
def test_shares_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="from 0 to below 1"):
        evaluate_lists(some_lists(1, 10), **wrong)
    with pytest.raises(BadInput, match="cannot be cut"):
        evaluate_lists(some_lists(1, 10), 0.0, clip=0.5)


@pytest.mark.parametrize("line", [None, "null", "[]", '{"other": ["p", []]}', '{"b": ["q", []]}'])
def test_lines_that_do_not_have_the_list(line: str | None) -> None:
    assert logged_places(line, "b", "p") is None
    assert logged_places(line, "", "p") is None


def test_a_list_that_was_asked_for_may_be_shown_under_any_name() -> None:
    line = '{"pipeline": "p", "items": [["i", "", 0.8], ["j", "", 0.01, true]]}'
    assert logged_places(line, "shelf", "p") == [(0.8, False), (0.01, True)]
    assert logged_places(line, "", "other") is None
    page = '{"pipeline": ["p", [["i", "", "", 0.8, false]]]}'
    assert logged_places(page, "pipeline", "p") == [(0.8, False)]


# -- from the log ---------------------------------------------------------------------------------

EXPLORING = """
tried:
  explore: 0.2
  sources: [{recommender: popularity}]
"""


def said(visitor: int, name: str, at: int, **properties: Any) -> Event:
    return Event(
        type=EventType.TRACK, message_id=f"{visitor}-{name}", anonymous_id=f"v{visitor}", name=name,
        timestamp=at, received=at, properties={"pipeline": "tried", **properties},
    )  # fmt: skip


async def make(home: Path, lists: SeenLists) -> Exploration:
    """Log lists as pages and as answers, and views of them two days ago, and what follows then.

    Two more visitors say that they saw another's list, one of them just now.
    """
    seen = shop.NOW - 2 * DAY
    async with shop.shop(home, shop.files(EXPLORING)) as services:
        events, lines = [], []
        for number in range(len(lists.reward)):
            id = f"{seen:011x}{number:016x}"
            places = zip(
                lists.propensity[number].tolist(), lists.explored[number].tolist(), strict=True
            )
            if number % 2:
                block, named = "", {"recommendation_id": id}
                items = [[f"i{n}", "", p, tried] for n, (p, tried) in enumerate(places)]
                recommended: Any = {"pipeline": "tried", "items": items}
            else:
                block, named = "shelf", {"decision_id": id, "block": "shelf"}
                items = [[f"i{n}", "", "", p, tried] for n, (p, tried) in enumerate(places)]
                recommended = {"other": ["x", []], "shelf": ["tried", items]}
            lines.append(
                DecisionRecord(
                    id=id, at=seen, bucketing_id=f"a:v{number}", page="home" if block else "",
                    snapshot=1, body=msgspec.json.encode({"recommended": recommended}).decode(),
                )
            )  # fmt: skip
            events.append(said(number, "Recommendations Viewed", seen, **named))
            if lists.reward[number]:
                late = {"item_id": "i0", **named}
                events.append(said(number, "Recommendation Clicked", seen + 1_000, **late))
        stranger = said(9_999, "Recommendations Viewed", seen, recommendation_id=lines[1].id)
        young = said(9_998, "Recommendations Viewed", shop.NOW, recommendation_id=lines[1].id)
        await services.store.log_decisions(lines)
        await shop.tell(services, [*events, stranger, young])
        return await exploration(services, ExplorationRequest(pipeline="tried"))


def evaluated(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(
        main, ["recommend", "evaluate", *arguments, "--off-policy", "--home", str(home)]
    )


def test_by_the_log_of_a_home(tmp_path: Path) -> None:
    lists = some_lists(5, 1_500)
    then = asyncio.run(make(tmp_path, lists))
    assert (then.lost, then.waiting) == (1, 1), "another's list is not believed, and one is young"
    # The command looks by its own clock, by which that was years ago.
    found = json.loads(evaluated(tmp_path, "tried", "--json").stdout)
    assert (found["lost"], found["waiting"]) == (2, 0)
    direct = evaluate_lists(lists, 0.0)
    assert msgspec.convert(found["lists"], ListsEvaluation) == direct
    told = evaluated(tmp_path, "tried")
    assert "1,500 visitors by their first list" in told.output
    assert "snipw" in told.output
    assert "left out: 2 whose list the log does not have any more" in told.output
    assert evaluated(tmp_path).exit_code != 0
    assert "Unknown pipeline" in evaluated(tmp_path, "nothing").output


def test_a_log_without_lists_says_so(tmp_path: Path) -> None:
    async def empty() -> None:
        async with shop.shop(tmp_path, shop.files(EXPLORING)):
            pass

    asyncio.run(empty())
    told = evaluated(tmp_path, "tried")
    assert told.exit_code == 0
    assert "Nothing is estimated. Too few explored lists to say: 0" in told.output
