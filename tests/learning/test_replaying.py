"""`persx replay`: a draft against the log; what the log cannot tell is refused or left out."""

from __future__ import annotations

import pytest

from persx.app.learning import learn
from persx.app.learnings import LearnRequest
from persx.app.replaying import BlockReplay, ReplayRequest, replay
from persx.model.errors import BadInput, NotFound, PersxError
from tests.learning.conftest import HERO, Site, files

pytestmark = pytest.mark.anyio


async def crowd(site: Site, count: int = 600) -> dict[str, list[int]]:
    """Let visitors come, of whom those who see “long” sign up three times as often."""
    await learn(site.services, LearnRequest())
    outcome: dict[str, list[int]] = {}
    for number in range(count):
        who = f"v{number}"
        shown = await site.see(who)
        converts = number % 10 < (6 if shown.variant == "long" else 2)
        if converts:
            await site.sign_up(who)
        if shown.reason.value == "learned":
            outcome.setdefault(shown.variant, []).append(int(converts))
    await site.day_passes()
    return outcome


async def only(site: Site, **request: object) -> BlockReplay:
    """The replay of the one block that learns."""
    found = await replay(site.services, ReplayRequest(**request))  # type: ignore[arg-type]
    (block,) = found.blocks
    return block


async def test_a_draft_of_one_variant_is_worth_what_that_variant_brought(site: Site) -> None:
    outcome = await crowd(site)
    everybody = [each for values in outcome.values() for each in values]
    found = await only(site, probabilities="{block: hero, shares: {long: 1}}")
    told = found.evaluation
    assert told.n == len(everybody)
    assert told.logged == pytest.approx(sum(everybody) / len(everybody))
    # Propensities are alike, so the self-normalised estimate is the variant's own rate.
    expected = sum(outcome["long"]) / len(outcome["long"])
    assert told.estimates["snipw"].value == pytest.approx(expected)
    for estimate in told.estimates.values():
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low < expected < estimate.high
        assert estimate.lift_low is not None
        assert estimate.lift_low > 0
    assert told.effective == pytest.approx(len(outcome["long"]))


async def test_the_policy_of_the_log_is_worth_what_it_brought(site: Site) -> None:
    await crowd(site, 300)
    told = (await only(site, probabilities="{block: hero, shares: {long: 1, short: 1}}")).evaluation
    assert told.logged is not None
    for name in ("ipw", "snipw"):
        assert told.estimates[name].value == pytest.approx(told.logged)
        assert told.estimates[name].lift == pytest.approx(0)
    # The doubly robust one evens out that chance showed one variant more often.
    assert told.estimates["dr"].value == pytest.approx(told.logged, rel=0.1)
    assert told.effective == pytest.approx(told.n)
    assert told.largest_weight == pytest.approx(1)


async def test_a_folder_with_other_rules_is_replayed_by_the_facts_of_the_log(site: Site) -> None:
    outcome = await crowd(site)
    hero = HERO.replace("policy: learn", "policy: first_match").replace(
        "short: {content: {headline: Short}}",
        "short: {when: known(industry), content: {headline: Short}}",
    )
    # Nobody said an industry, so the draft shows everybody “long”.
    found = await only(site, files=files(hero))
    expected = sum(outcome["long"]) / len(outcome["long"])
    assert found.evaluation.estimates["snipw"].value == pytest.approx(expected)


async def test_new_words_were_never_shown(site: Site) -> None:
    await crowd(site, 300)
    found = await only(site, files=files(HERO.replace("Short", "Brief").replace("Long", "Lengthy")))
    assert "never made" in found.evaluation.refused
    assert not found.evaluation.estimates
    assert found.evaluation.unsupported == pytest.approx(1)


async def test_a_fact_that_the_log_does_not_have_is_named(site: Site) -> None:
    await crowd(site, 60)
    hero = HERO.replace("long: {", 'long: {when: device == "phone", ')
    found = await only(site, files=files(hero))
    assert list(found.left_out) == ["of whom the log does not have 'device'"]
    assert found.evaluation.refused.startswith("The log has no visitor")


async def test_too_small_a_log_is_refused(site: Site) -> None:
    await crowd(site, 40)
    told = (await only(site, probabilities="{block: hero, shares: {long: 1}}")).evaluation
    assert 0 < told.effective < 30
    assert "effective sample size" in told.refused


async def test_windows_that_are_not_over_wait(site: Site) -> None:
    await learn(site.services, LearnRequest())
    for number in range(20):
        await site.see(f"v{number}")
    found = await only(site, probabilities="{block: hero, shares: {long: 1}}")
    assert found.evaluation.n == 0
    assert found.waiting > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{block: hero, shares: {lang: 1}}", "There is no variant 'lang'"),
        ("{block: hero, shares: {long: -1}}", "not 0 or more"),
        ("{block: hero, shares: {long: .nan}}", "no probabilities|not 0 or more"),
        ("{block: hero, shares: {long: 0}}", "add up to nothing"),
        ("{block: plain, shares: {long: 1}}", "does not learn"),
        ("{block: hero, shares: {long: 1}, cells: [{context: {device: phone}, shares: {long: 1}}]}",
         "does not learn by 'device'"),
        ("[1, 2]", "no probabilities"),
        ("{block: hero", "fault"),
        (" ", "no probabilities|fault"),
    ],
)  # fmt: skip
async def test_a_faulty_file_is_told(site: Site, text: str, told: str) -> None:
    with pytest.raises(PersxError, match=told):
        await replay(site.services, ReplayRequest(probabilities=text))


async def test_a_draft_is_one_or_the_other(site: Site) -> None:
    with pytest.raises(BadInput, match="folder, or a file"):
        await replay(site.services, ReplayRequest())


async def test_where_no_block_learns_nothing_was_drawn(site: Site) -> None:
    await site.serve(files(HERO.replace("policy: learn", "policy: first_match")))
    with pytest.raises(NotFound, match="No block learns"):
        await replay(site.services, ReplayRequest(probabilities="{block: hero, shares: {long: 1}}"))
