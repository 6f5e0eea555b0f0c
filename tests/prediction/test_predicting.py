"""From events to a guess that decides: trained, tested, used, marked, and lost to what is said."""

from __future__ import annotations

from typing import Any

import pytest

from persx.app.predicting import PredictRequest, train_model
from persx.app.services import Services
from persx.app.visiting import Visitor, known_of
from persx.model.attribute import Source
from persx.model.event import Event, EventType
from persx.model.visitor import Profile
from tests.prediction.conftest import NOW

pytestmark = pytest.mark.anyio


async def visit(services: Services, visitor: str, *paths: str, **fields: Any) -> None:
    """Pages that a visitor looks at now."""
    events = [
        Event(
            type=EventType.PAGE,
            message_id=f"{visitor}-{number}-{path}",
            anonymous_id=visitor,
            timestamp=NOW + number,
            received=NOW + number,
            properties={"path": path},
            **fields,
        )
        for number, path in enumerate(paths)
    ]
    await services.stream.append(events)


SAAS = ("/solutions/saas", "/blog/saas-guide", "/cases/saas")


async def known(services: Services, visitor: str) -> Profile:
    plan = services.publication.plan
    assert plan is not None
    return await known_of(services, plan, Visitor(anonymous_id=visitor, trusted=True))


async def test_a_model_that_passes_guesses_for_who_said_nothing(guessing: Services) -> None:
    services = guessing
    result = await train_model(services, PredictRequest())
    print(result)
    assert result.activated
    figures = result.model.training.figures
    assert figures.high < 0
    assert figures.ece <= 0.05
    await visit(services, "reader", *SAAS)
    profile = await known(services, "reader")
    assert profile.attributes["likely_industry"] == "SaaS"
    assert "industry" not in profile.attributes
    assert profile.sources["likely_industry"] is Source.PREDICTED
    guess = profile.guesses["likely_industry"]
    assert (guess.of, guess.artifact, guess.confidence > 0.8) == ("industry", 1, True)
