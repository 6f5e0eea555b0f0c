"""The benchmarks' tools: timing in turns, percentiles, budgets, and the table that is printed."""

from __future__ import annotations

import io
import json
import time

import msgspec
import pytest
from rich.console import Console

from benchmarks import Skipped, __main__
from benchmarks.bare_endpoint import bare_endpoint
from benchmarks.budgets import BUDGETS, Bound, Budget, Figure
from benchmarks.load import Load, at_rate
from benchmarks.measurement import Measurement, interleaved, percentile


def test_interleaved_calls_take_turns_and_are_compared() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(0.004)

    def fast() -> None:
        calls.append("fast")
        time.sleep(0.001)

    timed = interleaved(slow, fast, rounds=4, calls=1)
    assert calls == ["slow", "fast"] + ["slow", "fast", "fast", "slow"] * 2
    assert timed.a > timed.b >= 0.001
    assert timed.ratio > 1.5


@pytest.mark.parametrize(("rounds", "calls"), [(0, 1), (1, 0)])
def test_no_rounds_are_refused(rounds: int, calls: int) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        interleaved(dict, dict, rounds, calls=calls)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.01) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_budget_judges_the_figure_that_it_is_about() -> None:
    taken = Measurement("x", 12.0, "µs", "peer", 9.0)
    assert Budget("x", Figure.VALUE, Bound.AT_MOST, 12, "µs").holds(taken) is True
    assert Budget("x", Figure.VALUE, Bound.AT_MOST, 11, "µs").holds(taken) is False
    assert Budget("x", Figure.RATIO, Bound.AT_LEAST, 10, "×").holds(taken) is False
    assert Budget("x", Figure.RATIO, Bound.AT_LEAST, 9, "×").holds(taken) is True
    unpaired = Measurement("x", 12.0, "µs")
    assert Budget("x", Figure.RATIO, Bound.AT_LEAST, 9, "×").holds(unpaired) is None


def test_the_table_tells_kept_missed_and_not_measured() -> None:
    outcomes = [
        __main__.Outcome(
            "one",
            [
                Measurement("decide", 12.0, "µs", "GrowthBook", 8.0, "a note"),
                Measurement("something else", 3.0, "s"),
            ],
        ),
        __main__.Outcome("two", skipped="no data"),
        __main__.Outcome("three", failed="Traceback"),
    ]
    standing = {(row[0], row[1]): row[3] for row in __main__.rows(outcomes)}
    value, ratio = (budget for budget in BUDGETS if budget.name == "decide")
    assert standing[("decide", str(value))] == "kept"
    assert standing[("decide", str(ratio))] == "MISSED"
    assert standing[("something else", "no budget")] == ""
    assert standing[("rule", str(next(b for b in BUDGETS if b.name == "rule")))] == ""
    assert len(__main__.rows(outcomes, complete=False)) == 3
    printed = io.StringIO()
    __main__.report(outcomes, Console(file=printed, width=200))
    assert "not measured" in printed.getvalue()
    assert "two: skipped. no data" in printed.getvalue()
    assert "three: FAILED.\nTraceback" in printed.getvalue()


def test_every_benchmark_is_found() -> None:
    names = __main__.names()
    assert {"decide_http", "server"} <= set(names)
    assert not {"measurement", "budgets", "__main__", "load", "bare_endpoint"} & set(names)


def test_a_skipped_benchmark_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import server

    def skip() -> list[Measurement]:
        raise Skipped("no data here")

    monkeypatch.setattr(server, "main", skip)
    assert __main__.run_here("server") != 0
    assert capsys.readouterr().err == "no data here"


@pytest.mark.server
def test_load_counts_every_answer_and_refuses_a_wrong_one() -> None:
    answer = msgspec.json.encode({"decisions": {"hero": {"content": "x" * 2_000}}})
    bodies = tuple(json.dumps({"anonymousId": f"v{n}"}).encode() for n in range(3))
    with bare_endpoint(answer) as url:
        taken = at_rate(Load(url, bodies, "key"), rate=200, seconds=0.5)
        assert len(taken) == 100
        assert all(0 < seconds < 5 for seconds in taken)
        with pytest.raises(RuntimeError, match="404"):
            at_rate(Load(url + "/nowhere", bodies, "key"), rate=10, seconds=0.2)
