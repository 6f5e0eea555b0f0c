"""From events to a guess that decides: trained, tested, used, marked, and lost to what is said."""

from __future__ import annotations

from typing import Any

import pytest

from persx.app.census import CensusRequest, census
from persx.app.deciding import Decided, decide_for, page_plan
from persx.app.explaining import ExplainRequest, explain_for_visitor
from persx.app.home import open_home
from persx.app.predicting import (
    activate_model,
    show_models,
    stop_model,
    train_model,
    train_when_due,
)
from persx.app.predictions import PredictRequest
from persx.app.receipts import receipt_for
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.visiting import Visitor, known_of
from persx.model.artifact import PREDICTION, Origin
from persx.model.attribute import Purpose, Source
from persx.model.clock import DAY
from persx.model.errors import Conflict, NotFound
from persx.model.event import Event, EventType
from persx.model.visitor import Profile
from persx.testing import EVERYONE
from persx.testing import see as scoped
from persx.visitors.prediction.model import OTHER, Model, encode_model
from tests.prediction.conftest import (
    ATTRIBUTES,
    DULL,
    NOW,
    Time,
    come,
    files,
    serve,
    workspace,
)

pytestmark = pytest.mark.anyio

SAAS = ("/solutions/saas", "/blog/saas-guide", "/cases/saas")
SURE = Model(
    of="industry",
    method="by hand",
    classes=("SaaS", "eCommerce", OTHER),
    traces=("page /cases/saas", "page /cases/ecommerce", "device phone"),
    weights=((4.0, -4.0, 0.0), (-4.0, 4.0, 0.0), (0.0, 0.0, 0.0)),
    offsets=(0.0, 0.0, -2.0),
)


def event(visitor: str, number: int, type: EventType = EventType.PAGE, **fields: Any) -> Event:
    at = NOW + number
    return Event(
        type=type,
        message_id=f"{visitor}-{number}",
        anonymous_id=visitor,
        timestamp=at,
        received=at,
        **fields,
    )


async def look(services: Services, visitor: str, *paths: str) -> None:
    """Pages that a visitor looks at now."""
    await services.stream.append(
        [event(visitor, number, properties={"path": path}) for number, path in enumerate(paths)]
    )


async def known(services: Services, visitor: str, **fields: Any) -> Profile:
    plan = services.publication.plan
    assert plan is not None
    return await known_of(services, plan, Visitor(anonymous_id=visitor, trusted=True, **fields))


async def decided(services: Services, visitor: str, page: str = "home", **more: Any) -> Decided:
    plan = services.publication.plan
    assert plan is not None
    who = Visitor(anonymous_id=visitor, trusted=True)
    return await decide_for(
        services, who, plan=plan, page=page_plan(plan, page, []), context={}, **more
    )


async def use(services: Services, model: Model = SURE, made: int = NOW) -> int:
    """Put a model into use that was made by hand."""
    number = await services.artifacts.put(
        PREDICTION, "likely_industry", encode_model(model), origin=Origin(made=made), meta={}
    )
    await services.artifacts.activate(PREDICTION, "likely_industry", number, now=NOW + number)
    await services.models.refresh(services)
    return number


async def test_a_model_that_passes_guesses_for_who_said_nothing(guessing: Services) -> None:
    services = guessing
    assert (await show_models(services, PredictRequest())).attributes[0].active == 0
    result = await train_model(services, PredictRequest())
    assert result.activated
    told = result.model.training
    assert told.figures.high < 0
    assert told.figures.ece <= 0.05
    assert told.simulated == told.declared, "simulated visitors are called so"
    assert not any("/thanks/" in trace for trace in told.leaking), "it came afterwards"
    (shown,) = (await show_models(services, PredictRequest())).attributes
    assert (shown.active, shown.models[0].training) == (1, told)
    assert (
        shown.models[0].events == (await scoped(services.stream).read(limit=100_000))[-1].sequence
    )
    await look(services, "reader", *SAAS)
    profile = await known(services, "reader")
    assert profile.attributes["likely_industry"] == "SaaS"
    assert "industry" not in profile.attributes
    assert profile.sources["likely_industry"] is Source.PREDICTED
    guess = profile.guesses["likely_industry"]
    assert (guess.of, guess.artifact, guess.confidence >= 0.8) == ("industry", 1, True)
    page = (await decided(services, "reader")).decision
    assert page.decisions[0].content["headline"] == "For SaaS"


async def test_what_a_visitor_says_takes_the_place_of_a_guess() -> None:
    async with workspace() as services:
        await use(services)
        await look(services, "ann", "/cases/saas")
        assert (await decided(services, "ann")).decision.decisions[0].variant == "saas"
        said = event("ann", 9, EventType.IDENTIFY, traits={"industry": "eCommerce"})
        await services.stream.append([said])
        profile = await known(services, "ann")
        assert profile.attributes["industry"] == "eCommerce"
        assert profile.sources["industry"] is Source.DECLARED
        assert "likely_industry" not in profile.attributes
        assert profile.guesses == {}
        page = (await decided(services, "ann")).decision
        assert page.decisions[0].variant == "ecommerce"
        assert page.artifacts == {}, "nobody asked a model"
        # The same from their own cookie, before the log has it.
        await look(services, "bob", "/cases/saas")
        cookie = {"declared": {"industry": "Education"}, "declared_at": NOW}
        assert "likely_industry" not in (await known(services, "bob", **cookie)).attributes


async def test_a_guess_below_the_confidence_is_not_used() -> None:
    async with workspace() as services:
        await use(services)
        await look(services, "ann", "/cases/saas", "/cases/ecommerce")
        await look(services, "bob", "/nothing")
        for visitor in ("ann", "bob", "nobody"):
            profile = await known(services, visitor)
            assert "likely_industry" not in profile.attributes
            page = (await decided(services, visitor)).decision
            assert page.decisions[0].variant == "default"
            assert page.artifacts == {"prediction/likely_industry": 1}, "it was asked all the same"


async def test_the_decision_says_which_model_it_used_and_the_receipt_that_it_guessed() -> None:
    async with workspace() as services:
        await use(services)
        await use(services)
        await look(services, "ann", "/cases/saas")
        page = (await decided(services, "ann")).decision
        assert page.artifacts == {"prediction/likely_industry": 2}
        receipt = await receipt_for(services, page.id, EVERYONE)
        assert receipt.artifacts == {"prediction/likely_industry": 2}
        assert receipt.guesses == {"likely_industry": pytest.approx(0.9968, abs=1e-3)}
        assert receipt.attributes == {"likely_industry": "SaaS"}
        plain = (await decided(services, "ann", "plain")).decision
        assert plain.artifacts == {}, "no rule of that page reads it"
        assert (await receipt_for(services, plain.id, EVERYONE)).guesses == {}


async def test_explaining_and_counting_tell_that_it_is_a_guess() -> None:
    async with workspace() as services:
        await use(services)
        await look(services, "ann", "/cases/saas")
        await look(services, "bob", "/elsewhere")
        rule = 'likely_industry == "SaaS"'
        found = await explain_for_visitor(services, ExplainRequest(rule=rule, anonymous_id="ann"))
        assert found.result
        assert "likely_industry is a guess at industry: 100% sure, by model 1." in found.render()
        other = ExplainRequest(rule="known(industry)", anonymous_id="ann")
        assert (await explain_for_visitor(services, other)).guesses == {}
        counted = await census(services, CensusRequest())
        assert (counted.visitors, counted.known["likely_industry"]) == (2, 1)
        (entry,) = [each for each in counted.entries if each.predicts]
        assert (entry.name, entry.source, entry.confidence) == (
            "likely_industry", Source.PREDICTED, 0.8,
        )  # fmt: skip


class TestConsent:
    async def test_without_it_nothing_is_guessed_and_the_page_says_so(self) -> None:
        async with workspace() as services:
            await use(services)
            await look(services, "ann", "/cases/saas")
            purposes = {"personalization": False, "analytics": True}
            no = event(
                "ann", 9, EventType.TRACK, name="Consent Changed", properties={"purposes": purposes}
            )
            await services.stream.append([no])
            profile = await known(services, "ann")
            assert "likely_industry" not in profile.attributes
            assert profile.withheld["likely_industry"] is Purpose.PERSONALIZATION
            page = (await decided(services, "ann")).decision
            assert page.decisions[0].reason == "no_consent"
            assert page.artifacts == {}

    async def test_who_wants_generic_content_is_not_guessed_at(self) -> None:
        async with workspace() as services:
            await use(services)
            await look(services, "ann", "/cases/saas")
            wish = event("ann", 9, EventType.IDENTIFY, traits={"generic_content": True})
            await services.stream.append([wish])
            assert (await known(services, "ann")).guesses == {}

    @pytest.mark.parametrize("purpose", ["personalization", "analytics"])
    async def test_who_denies_either_purpose_is_not_learned_from(self, purpose: str) -> None:
        async with workspace() as services:
            await come(services, visitors=2_600)
            before = (await train_model(services, PredictRequest())).model.training
            asked = [f"simulated-1-{number}" for number in range(0, 2_600, 2)]
            await services.stream.append(
                [
                    event(
                        visitor,
                        1,
                        EventType.TRACK,
                        name="Consent Changed",
                        properties={"purposes": {purpose: False}},
                    )
                    for visitor in asked
                ]
            )
            services.clock.now += 2_000  # type: ignore[attr-defined]
            after = (await train_model(services, PredictRequest())).model.training
            assert after.left_out["no consent"] == len(asked)
            assert after.declared + after.others == before.declared + before.others - len(asked)


class TestWhatIsNotLearnedFrom:
    async def test_bots_and_who_took_back_what_they_said(self) -> None:
        async with workspace() as services:
            await come(services, visitors=2_600)
            crawler = [
                event(
                    f"bot-{number}",
                    0,
                    properties={"path": "/cases/saas"},
                    context={"userAgent": "Other; Other; bot"},
                )
                for number in range(30)
            ]
            taken = [
                event(f"gone-{number}", step, EventType.IDENTIFY, traits={"industry": value})
                for number in range(20)
                for step, value in enumerate(("SaaS", None))
            ]
            await services.stream.append([*crawler, *taken])
            told = (await train_model(services, PredictRequest())).model.training
            assert told.left_out == {"bot": 30, "no consent": 0, "value not known any more": 20}
            await use(services)
            await look(services, "bot-3", "/cases/saas")
            assert (await known(services, "bot-3")).guesses == {}


class TestModels:
    async def test_a_test_that_is_not_passed_leaves_it_off_with_the_figures(self) -> None:
        async with workspace() as services:
            await come(services, visitors=2_600, **DULL)
            result = await train_model(services, PredictRequest())
            assert not result.activated
            assert any("base rate" in each for each in result.model.training.objections)
            assert services.models.active == {}
            with pytest.raises(Conflict, match="Model 1 stays off: it did not pass its test") as no:
                await activate_model(services, PredictRequest(number=1))
            assert f"{result.model.training.figures.loss:.3f}" in str(no.value)

    async def test_too_few_visitors(self) -> None:
        async with workspace() as services:
            await come(services, visitors=300)
            with pytest.raises(Conflict, match="and 400 are needed"):
                await train_model(services, PredictRequest())
            assert await services.artifacts.heads() == []

    async def test_an_earlier_one_can_be_used_again_and_all_be_stopped(
        self, guessing: Services
    ) -> None:
        services = guessing
        await train_model(services, PredictRequest())
        await come(services, visitors=200, seed=9)
        second = await train_model(services, PredictRequest())
        assert (second.model.number, second.activated) == (2, True)
        found = await activate_model(services, PredictRequest(number=1))
        assert (found.active, services.models.active["likely_industry"].number) == (1, 1)
        await look(services, "reader", *SAAS)
        assert (await known(services, "reader")).guesses["likely_industry"].artifact == 1
        with pytest.raises(NotFound, match="no model 9"):
            await activate_model(services, PredictRequest(number=9))
        assert (await stop_model(services, PredictRequest())).active == 0
        assert (await known(services, "reader")).guesses == {}

    async def test_one_that_newer_visitors_speak_against_is_stopped(self) -> None:
        wrong = Model(
            of="industry",
            method="by hand",
            classes=("Education", "eCommerce", OTHER),
            traces=("page /", "page /about"),
            weights=((5.0, -5.0, 0.0), (5.0, -5.0, 0.0)),
            offsets=(0.0, 0.0, -1.0),
        )
        async with workspace() as services:
            # It is from a time before most of them came.
            await use(services, wrong, made=NOW - 90 * DAY)
            await come(services, visitors=2_600, **DULL)
            result = await train_model(services, PredictRequest())
            assert not result.activated
            assert result.stopped == 1
            assert any("base rate" in each for each in result.why_stopped)
            assert services.models.active == {}

    async def test_damage_is_told_and_the_one_before_stays(self, caplog: Any) -> None:
        async with workspace() as services:
            await use(services)
            await use(services)
            bodies = services.artifacts.bodies  # type: ignore[attr-defined]
            key = (PREDICTION, "likely_industry", 2)
            bodies[key] = bodies[key][:-3]
            # As after a start: nothing is loaded yet.
            services.models.__init__()  # type: ignore[misc]
            await services.models.refresh(services)
            assert services.models.active["likely_industry"].number == 1
            assert "Artifact 2 of 'prediction/likely_industry' is damaged" in caplog.text
            await services.models.refresh(services)
            assert caplog.text.count("is damaged") == 1, "it is told once"
            await look(services, "ann", "/cases/saas")
            page = (await decided(services, "ann")).decision
            assert page.artifacts == {"prediction/likely_industry": 1}

    async def test_a_model_of_something_else_or_of_values_that_are_gone_says_nothing(self) -> None:
        async with workspace() as services:
            await use(services, Model(**{**_fields(SURE), "of": "company"}))
            await look(services, "ann", "/cases/saas")
            assert (await known(services, "ann")).models == {}
            gone = {**_fields(SURE), "classes": ("Museums", "eCommerce", OTHER)}
            await use(services, Model(**gone))
            profile = await known(services, "ann")
            assert (profile.guesses, profile.models) == ({}, {"likely_industry": 2})

    async def test_two_at_once_train_one_after_the_other_or_not_at_all(
        self, guessing: Services
    ) -> None:
        services = guessing
        now = services.clock()
        assert await services.store.lease("train", "somebody", now + 1_000, now)
        with pytest.raises(Conflict, match="Somebody trains already"):
            await train_model(services, PredictRequest())
        assert await services.store.lease("train", "somebody", 0, now)
        assert (await train_model(services, PredictRequest())).activated


def _fields(model: Model) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.__struct_fields__}


async def test_a_server_trains_as_often_as_the_workspace_says() -> None:
    often = ATTRIBUTES.replace("visitors: 400}", "visitors: 400, every: 7d}")
    async with workspace(files(often)) as services:
        time = services.clock
        assert isinstance(time, Time)
        await come(services)
        await train_when_due(services)
        await train_when_due(services)
        (shown,) = (await show_models(services, PredictRequest())).attributes
        assert (len(shown.models), shown.every) == (1, "7d")
        assert shown.tried is not None
        assert shown.tried.outcome.startswith("Model 1 of 'likely_industry' is used (simulated")
        time.now += 7 * DAY
        await train_when_due(services)
        (shown,) = (await show_models(services, PredictRequest())).attributes
        assert len(shown.models) == 2
    async with workspace() as services:
        await train_when_due(services)
        assert await services.artifacts.heads() == [], "off unless the workspace says so"


async def test_a_persona_is_guessed_from_what_is_declared_not_from_itself() -> None:
    attributes = (
        ATTRIBUTES
        + """
likely_persona:
  type: string
  source: predicted
  purpose: personalization
  label: Likely persona
  predict: {of: persona, confidence: 0.7, visitors: 300}
"""
    )
    personas = """
shop: {label: Shop, industry: eCommerce}
vendor: {label: Vendor, industry: SaaS}
clinic: {label: Clinic, industry: Healthcare}
campus: {label: Campus, industry: Education}
"""
    hero = """
type: hero
content: {headline: For everybody, text: All of it., primary_label: Go, primary_href: /}
variants:
  vendor: {when: likely_persona == "vendor", content: {headline: For vendors}}
"""
    site = files(attributes, personas=personas, blocks__hero=hero)
    async with workspace(site) as services:
        await come(services)
        with pytest.raises(Exception, match="Several attributes are predicted"):
            await train_model(services, PredictRequest())
        result = await train_model(services, PredictRequest(name="likely_persona"))
        assert set(result.model.training.classes) == {"shop", "vendor", "clinic", "campus"}
        assert result.activated
        await look(services, "reader", *SAAS)
        page = await decided(services, "reader", whole=False)
        assert page.decision.decisions[0].variant == "vendor"
        said = event("reader", 50, EventType.IDENTIFY, traits={"industry": "Education"})
        await services.stream.append([said])
        page = await decided(services, "reader", whole=False)
        assert page.decision.decisions[0].variant == "default"


async def test_where_nobody_came_yet_it_says_so_and_not_to_serve() -> None:
    settings = ServerSettings(store="memory")
    async with open_home(None, settings, clock=lambda: NOW) as services:
        await serve(services, files())
        with pytest.raises(Conflict, match="0 visitors declared 'industry'"):
            await train_model(services, PredictRequest())


async def test_a_definition_that_is_new_waits_until_it_is_folded_from_all_events() -> None:
    bare = ATTRIBUTES.partition("likely_industry")[0]
    hero = files()["blocks/hero.yaml"].replace("likely_industry", "industry")
    async with workspace(files(bare, blocks__hero=hero)) as services:
        await come(services)
        with pytest.raises(NotFound, match="predicts nothing"):
            await train_model(services, PredictRequest())
        await serve(services, files())
        with pytest.raises(Conflict, match="not folded from all events yet"):
            await train_model(services, PredictRequest())
