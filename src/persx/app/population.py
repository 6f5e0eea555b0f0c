"""The population: what of all visitors' states a model may learn from. The only reads for it.

A visitor counts only where they allow both personalization, for which guesses are, and
analytics, for learning from many is. Of a visitor nothing but what they declared and their
traces is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from persx.app.services import Services
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, Prediction, Purpose, Source, State, Value
from persx.model.clock import Millis
from persx.model.visitor import IdentityState
from persx.storage.joining import is_account
from persx.storage.scope import Everyone, System
from persx.visitors.computed import COMPUTED
from persx.visitors.computed.traces import BOT, SIMULATED, declared_at, left_before, source_of
from persx.visitors.consent import answers_of, granted
from persx.visitors.dating import fact_of
from persx.visitors.fold import computed_key
from persx.visitors.prediction.examples import Example, Population
from persx.visitors.prediction.traced import PERSONA, TRACES, declared_names
from persx.visitors.values import conform

_PAGE: Final = 1_000


async def population(services: Services, plan: Plan, attribute: Attribute) -> Population:
    """Return who declared what an attribute guesses, and who never did."""
    prediction = attribute.predict
    assert prediction is not None
    wanted = frozenset({Purpose.ANALYTICS, attribute.purpose})
    mode = plan.workspace.settings.consent.mode
    found = Population(examples=[], borne={})
    async for states in visitors(services, System("learning what visitors declare")):
        left = _traces(states, plan.attributes[TRACES])
        at = _first_declared(states, left, prediction)
        if at is None and not left:
            continue
        if not wanted <= granted(answers_of(states), mode):
            found.unwilling += 1
        elif BOT in (left or {}):
            found.bots += 1
        elif at is None:
            found.others += 1
            for trace in left or {}:
                found.borne[trace] = found.borne.get(trace, 0) + 1
        elif (label := _label(plan, states, prediction, services.clock())) is None:
            found.untold += 1
        else:
            found.examples.append(
                Example(
                    key=states[0].identity,
                    label=label,
                    at=at,
                    traces={
                        trace: moment
                        for trace, moment in left_before(left, at).items()
                        if source_of(trace) in prediction.traces
                    },
                    simulated=SIMULATED in (left or {}),
                )
            )
    return found


async def visitors(services: Services, scope: Everyone) -> AsyncIterator[Sequence[IdentityState]]:
    """Yield the states of each visitor once, whatever the number of their identities."""
    reader = services.store.seen_by(scope)
    oldest = await reader.bucketing_ids()
    several = set(oldest.values())
    after = ""
    while page := await reader.all_states(after, _PAGE):
        after = page[-1].identity
        for state in page:
            identity = state.identity
            if identity in oldest or is_account(identity):
                continue
            yield await reader.states(identity) if identity in several else (state,)
        # Requests get their turn.
        await asyncio.sleep(0)


def _traces(states: Sequence[IdentityState], attribute: Attribute) -> State:
    assert attribute.compute is not None
    kind, key = COMPUTED[attribute.compute.kind], computed_key(attribute)
    merged: State = None
    for state in states:
        merged = kind.merge(merged, state.computed.get(key), attribute.compute)
    return merged


def _first_declared(
    states: Sequence[IdentityState], left: State, prediction: Prediction
) -> Millis | None:
    """Return when the visitor first said any of what is guessed; none where they never did."""
    moments = []
    for name in declared_names(prediction):
        fact, noted = fact_of(states, name), declared_at(left, name)
        moments += [each for each in (noted, fact.at if fact else None) if each is not None]
    return min(moments, default=None)


def _label(
    plan: Plan, states: Sequence[IdentityState], prediction: Prediction, now: Millis
) -> str | None:
    """Return what the visitor declares, by the newest that they said."""
    facts: dict[str, Value] = {
        name: value
        for name in declared_names(prediction)
        if (attribute := plan.attributes.get(name)) is not None
        and attribute.source is Source.DECLARED
        and (fact := fact_of(states, name)) is not None
        and (value := conform(fact.value, attribute)) is not None
    }
    if prediction.of == PERSONA:
        # By what was declared alone: behaviour would be guessed from itself.
        persona = plan.personas.detect(facts, now)
        return persona.name if persona else None
    value = facts.get(prediction.of)
    return value if isinstance(value, str) else None
