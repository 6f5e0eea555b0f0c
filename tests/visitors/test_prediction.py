"""Training on visitors who declared: what is learned, what is refused, and every way to cheat."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Prediction
from persx.model.errors import Conflict, Unavailable
from persx.visitors.prediction.examples import Example, Population, at_some_moment, split
from persx.visitors.prediction.figures import figures
from persx.visitors.prediction.fitting import calibrated, matrix, naive_bayes
from persx.visitors.prediction.model import OTHER, Model, Predictor, encode_model
from persx.visitors.prediction.training import Training, train

VALUES = ("eCommerce", "SaaS", "Healthcare")
WANTED = Prediction(of="industry", visitors=300)


class Visit(NamedTuple):
    """One who declares: their number, what they are, and what they have left."""

    number: int
    value: str
    traces: dict[str, int]


Change = Callable[[Visit], None]


def as_it_is(visit: Visit) -> None:
    """Change nothing."""


def truly(visit: Visit) -> str:
    """Declare what one is."""
    return visit.value


def people(
    visitors: int = 3_000,
    *,
    change: Change = as_it_is,
    label: Callable[[Visit], str] = truly,
    own: float = 0.5,
    seed: int = 3,
) -> Population:
    """Visitors who leave pages of their own value, or common ones; half of them declare."""
    draw = random.Random(seed)
    found = Population(examples=[], borne={})
    for number in range(visitors):
        value = draw.choices(VALUES, [5, 3, 2])[0]
        at = number * 10_000
        traces: dict[str, int] = {}
        for step in range(draw.randint(1, 6)):
            page = f"{value}/{draw.randint(0, 3)}" if draw.random() < own else draw.randint(0, 9)
            traces.setdefault(f"page /{page}", at - 900 + step)
        if number % 2:
            visit = Visit(number, value, traces)
            change(visit)
            said = label(visit)
            found.examples.append(Example(key=f"v{number}", label=said, at=at, traces=traces))
        else:
            found.others += 1
            for trace in traces:
                found.borne[trace] = found.borne.get(trace, 0) + 1
    return found


def trained(population: Population, wanted: Prediction = WANTED) -> tuple[Model, Training]:
    return train(population, wanted, name="likely_industry")


class TestWhatIsLearned:
    def test_it_beats_the_base_rate_and_means_what_it_says(self) -> None:
        model, told = trained(people(6_000))
        assert told.objections == ()
        assert told.figures.high < 0
        assert told.figures.ece <= 0.05
        assert (told.declared, told.trained, told.calibrated) == (3_000, 1_800, 600)
        assert told.figures.visitors == 600
        predictor = Predictor(model, 7)
        value, chance = predictor.best(["page /SaaS/0", "page /SaaS/1", "page /3"]) or ("", 0.0)
        assert (value, chance > 0.8) == ("SaaS", True)
        assert predictor.best(["page /nobody"]) is None
        assert predictor.best([]) is None

    def test_it_is_the_same_whenever_and_in_whatever_order(self) -> None:
        population = people(1_500)
        first = trained(population)
        random.Random(1).shuffle(population.examples)
        assert encode_model(trained(population)[0]) == encode_model(first[0])
        assert trained(population)[1] == first[1]

    def test_the_chances_are_those_that_were_tested(self) -> None:
        population = people(2_000)
        model, _ = trained(population)
        predictor = Predictor(model)
        asked = [at_some_moment(each) for each in population.examples[:50]]
        places = {trace: place for place, trace in enumerate(model.traces)}
        logits = matrix(asked, places).times(np.array(model.weights)) + np.array(model.offsets)
        powers = np.exp(logits)
        for row, traces in zip(powers / powers.sum(axis=1, keepdims=True), asked, strict=True):
            assert predictor.probabilities(traces)[0] == pytest.approx(list(row))


class TestWhatIsRefused:
    def test_labels_that_have_nothing_to_do_with_visits(self) -> None:
        _, told = trained(people(label=lambda visit: VALUES[visit.number * 7_919 // 13 % 3]))
        assert any("not surely below the base rate" in each for each in told.objections)

    def test_labels_that_are_switched_from_some_day_on(self) -> None:
        turned = dict(zip(VALUES, (*VALUES[1:], VALUES[0]), strict=True))
        _, told = trained(
            people(label=lambda it: turned[it.value] if it.number > 2_400 else it.value)
        )
        assert told.figures.loss > told.figures.base_loss
        assert len(told.objections) >= 2

    def test_visits_that_are_all_the_same(self) -> None:
        population = people()
        same = [
            Example(key=each.key, label=each.label, at=each.at, traces={"page /": each.at - 1})
            for each in population.examples
        ]
        population.examples = same
        population.borne = {"page /": population.others}
        model, told = trained(population)
        assert model.traces == ("page /",)
        assert any("not surely below the base rate" in each for each in told.objections)

    def test_pages_that_change_their_meaning_between_the_parts(self) -> None:
        def moved(visit: Visit) -> None:
            if visit.number > 2_400:
                turned = {"eCommerce": "SaaS", "SaaS": "Healthcare", "Healthcare": "eCommerce"}
                for trace in list(visit.traces):
                    if visit.value in trace:
                        other = trace.replace(visit.value, turned[visit.value])
                        visit.traces[other] = visit.traces.pop(trace)

        _, told = trained(people(change=moved))
        assert told.objections

    @pytest.mark.parametrize(
        ("population", "said"),
        [
            (people(400), "200 visitors declared 'industry' and allow to learn from it, and 300"),
            (people(label=lambda _: "SaaS"), "all but a few declared 'SaaS'"),
            (people(label=lambda visit: f"v{visit.number}"), "no value is common"),
        ],
        ids=["few", "one value", "each its own"],
    )
    def test_too_little_to_learn_from(self, population: Population, said: str) -> None:
        with pytest.raises(Conflict, match="'likely_industry' stays off") as refused:
            trained(population)
        assert said in str(refused.value)

    def test_nobody_to_guess_for(self) -> None:
        population = people()
        population.others = 10
        with pytest.raises(Conflict, match="only 10 visitors did not declare"):
            trained(population)

    def test_a_confidence_that_nobody_reaches(self) -> None:
        _, told = trained(people(own=0), Prediction(of="industry", visitors=300, confidence=0.99))
        assert any("reached the confidence of 0.99" in each for each in told.objections)


class TestWaysToCheat:
    def test_a_page_that_only_those_see_who_declare(self) -> None:
        def thanks(visit: Visit) -> None:
            # Counted just before the declaration, as a script in the page might do it.
            visit.traces[f"page /thanks/{visit.value}"] = visit.number * 10_000 - 1

        honest, _ = trained(people(own=0))
        model, told = trained(people(own=0, change=thanks))
        assert told.leaking == tuple(sorted(f"page /thanks/{value}" for value in VALUES))
        assert set(model.traces) == set(honest.traces)
        assert told.objections, "nothing honest tells the values apart"
        cheating = people(own=0, change=thanks)
        for value in VALUES:
            cheating.borne[f"page /thanks/{value}"] = cheating.others
        assert trained(cheating)[1].figures.high < -0.1, "it would have paid"

    def test_what_comes_after_the_moment_is_not_looked_at(self) -> None:
        for example in people(200).examples:
            seen = at_some_moment(example)
            latest = max(example.traces[trace] for trace in seen)
            assert all(at > latest for trace, at in example.traces.items() if trace not in seen)

    def test_a_value_of_three_visitors_is_never_guessed(self) -> None:
        def few(visit: Visit) -> str:
            return "Museum" if visit.number in (101, 1_001, 2_901) else visit.value

        model, told = trained(people(label=few))
        assert told.values["Museum"] == 3
        assert "Museum" not in model.classes
        assert model.classes[-1] == OTHER
        assert OTHER not in told.classes

    def test_a_hundred_thousand_different_pages(self) -> None:
        def wander(visit: Visit) -> None:
            for step in range(70):
                visit.traces[f"page /orders/{visit.number}-{step}"] = (
                    visit.number * 10_000 - 800 + step
                )

        model, told = trained(people(change=wander))
        assert told.rare >= 100_000 * 0.6
        assert len(model.traces) < 100
        assert len(encode_model(model)) < 20_000

    def test_no_visitor_can_be_told_from_the_model(self) -> None:
        def tell(visit: Visit) -> None:
            page = f"page /u/ada-{visit.number // 8}@example.com"
            visit.traces[page] = visit.number * 10_000 - 5

        model, _ = trained(people(change=tell))
        body = encode_model(model)
        assert b"ada" not in body
        assert not any(each.key.encode() in body for each in people().examples)


@settings(max_examples=60, deadline=None)
@given(moments=st.lists(st.integers(0, 50), min_size=5, max_size=60))
def test_parts_are_apart_and_in_the_order_of_time(moments: list[int]) -> None:
    examples = [
        Example(key=str(number), label="a", at=at, traces={}) for number, at in enumerate(moments)
    ]
    parts = split(examples)
    keys = [{each.key for each in part} for part in parts]
    assert sum(map(len, keys)) == len(set().union(*keys)) == len(examples)
    for earlier, later in ((parts[0], parts[1]), (parts[1], parts[2]), (parts[0], parts[2])):
        if earlier and later:
            assert max(each.at for each in earlier) <= min(each.at for each in later)


class TestFigures:
    def test_against_a_calculation_by_hand(self) -> None:
        chances = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
        labels = np.array([0, 1, 1, 0])
        found = figures(
            chances, labels, np.array([0.5, 0.5]), confidence=0.75, guessable=np.ones(4, bool)
        )
        wanted = -(np.log(0.9) + np.log(0.4) + np.log(0.8) + np.log(0.7)) / 4
        assert found.loss == pytest.approx(wanted)
        assert found.base_loss == pytest.approx(np.log(2))
        # One bin: three of four are right, with a mean probability of 0.75.
        assert len(found.bins) == 1
        assert found.ece == pytest.approx(0.0)
        assert (found.used, found.right) == (2, 2)
        assert (found.coverage, found.accuracy) == (0.5, 1.0)

    def test_calibrated_chances_err_as_much_as_chance_allows(self) -> None:
        random_ = np.random.default_rng(5)
        sure = random_.uniform(0.5, 1, 5_000)
        chances = np.stack([sure, 1 - sure], axis=1)
        labels = (random_.random(5_000) >= sure).astype(np.int64)
        everybody = np.ones(5_000, bool)
        base = np.array([0.75, 0.25])
        found = figures(chances, labels, base, confidence=0.8, guessable=everybody)
        assert len(found.bins) == 10
        assert {each.visitors for each in found.bins} == {500}
        assert found.ece < 0.03
        assert found.ece_by_chance == pytest.approx(found.ece, abs=0.012)
        bold = np.stack([np.minimum(sure + 0.2, 0.999), np.maximum(0.8 - sure, 0.001)], axis=1)
        assert figures(bold, labels, base, confidence=0.8, guessable=everybody).ece > 0.1

    def test_a_model_that_is_worse_than_none_is_calibrated_to_say_the_shares(self) -> None:
        traces = matrix([["a"], ["b"]] * 50, {"a": 0, "b": 1})
        fitted = naive_bayes(traces, np.array([0, 1] * 50), 2)
        turned = np.array([1, 0] * 50)
        model = calibrated(fitted, traces.times(fitted.weights) + fitted.offsets, turned)
        assert not model.weights.any()
        assert model.offsets == pytest.approx(np.log([0.5, 0.5]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": ("a",)},
        {"classes": ("a", "a")},
        {"offsets": (0.0,)},
        {"weights": ((0.0,),)},
        {"weights": ()},
        {"weights": ((float("nan"), 0.0),)},
        {"offsets": (float("inf"), 0.0)},
    ],
)
def test_a_model_whose_parts_do_not_fit_is_refused(wrong: Mapping[str, Any]) -> None:
    sound: dict[str, Any] = {
        "of": "industry", "method": "m", "classes": ("a", OTHER), "traces": ("page /",),
        "weights": ((1.0, -1.0),), "offsets": (0.0, 0.0),
    }  # fmt: skip
    assert Predictor(Model(**sound)).best(["page /"]) == ("a", pytest.approx(0.8808, abs=1e-4))
    with pytest.raises(Unavailable, match="its parts do not fit"):
        Predictor(Model(**{**sound, **wrong}), 4)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(Unavailable, match="Artifact 3 is no model"):
        Predictor.decode(b"\x81\xa2of", 3)
