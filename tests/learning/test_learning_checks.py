"""What a block may say of its learning, and every mistake in saying it."""

from __future__ import annotations

import pytest

from persx.workspace.validation import check
from tests.learning.conftest import HERO, files

LEARN = "{goal: signup, by: [industry], window: 1d, exploration: 0.1, held_out: 0.1}"


def faults(hero: str, severity: str = "error", **more: str) -> list[str]:
    _, found = check(files(hero, **more))
    return [f"{each.path}: {each.message}" for each in found if each.severity == severity]


def test_a_good_one_has_no_fault() -> None:
    workspace, found = check(files())
    assert workspace is not None
    assert [each for each in found if each.file == "blocks/hero.yaml"] == []
    # A variant behind one that is always eligible is not shadowed where one of them is drawn.
    assert not any("shadowed" in each for each in faults(HERO, "warning"))
    first = HERO.replace("policy: learn", "policy: first_match").replace(f"learn: {LEARN}\n", "")
    assert any("shadowed" in each for each in faults(first, "warning"))


@pytest.mark.parametrize(
    ("learn", "told"),
    [
        ("{by: [industry]}", "goal"),
        ("{goal: sign_up}", "learn.goal: There is no goal 'sign_up'"),
        ("{goal: signup, learner: tomson}", "learn.learner: There is no learner 'tomson'"),
        ("{goal: signup, by: [industri]}", "learn.by: Unknown attribute 'industri'"),
        ("{goal: signup, by: [industry, industry]}", "learn.by: 'industry' is listed twice"),
        ("{goal: signup, by: [visits]}", "learn.by: 'visits' is a number"),
        ("{goal: signup, by: [illness]}", "learn.by: 'illness' is sensitive"),
        ("{goal: signup, by: [industry, persona, device, locale, illness]}", "too many contexts"),
        ("{goal: signup, exploration: 0}", "learn.exploration: 0 is not a share"),
        ("{goal: signup, exploration: 1.5}", "learn.exploration"),
        ("{goal: signup, held_out: 0}", "learn.held_out: 0 is not a share"),
        ("{goal: signup, held_out: .nan}", "learn.held_out"),
        ("{goal: signup, held_out: 1}", "learn.held_out"),
        ("{goal: signup, window: soon}", "learn.window: 'soon' is not a length of time"),
        ("{goal: signup, window: 0d}", "learn.window"),
        ("{goal: signup, every: 5m}", "learn.every"),
        ("{goal: signup, window: 7d, memory: 7d}", "learn.memory: Visitors are forgotten"),
        ("{goal: signup, epoch: 0}", "learn.epoch"),
        ("{goal: signup, speed: fast}", "speed"),
    ],
)
def test_every_mistake_is_told(learn: str, told: str) -> None:
    attributes = (
        "industry: {type: string, values: industries, purpose: personalization}\n"
        "visits: {type: number, purpose: personalization}\n"
        "illness: {type: string, purpose: personalization, sensitive: true}\n"
    )
    found = faults(HERO.replace(LEARN, learn), attributes=attributes)
    assert any(told in each for each in found), found


def test_learning_without_saying_what_for_is_a_fault() -> None:
    assert any("'learn' is missing" in each for each in faults(HERO.replace(f"learn: {LEARN}", "")))


def test_what_has_no_effect_is_a_warning() -> None:
    hero = HERO.replace("policy: learn", "policy: first_match")
    assert any("no effect" in each for each in faults(hero, "warning"))
    alone = HERO.partition("  long:")[0]
    assert any("nothing to learn" in each for each in faults(alone, "warning"))
