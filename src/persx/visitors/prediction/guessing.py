"""Guessing: what a visitor who did not say it is taken for, laid beside what is known of them.

Pure. A guess is never made for what a visitor declared, never from what they do not allow to be
used, never for who wants generic content, and it is kept only above the workspace's confidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from persx.model.attribute import Attribute, Prediction, Source
from persx.model.visitor import Guess, Profile
from persx.visitors.computed.traces import BOT, source_of
from persx.visitors.prediction.model import Predictor
from persx.visitors.prediction.traced import TRACES, declared_names
from persx.visitors.preferences import GENERIC_CONTENT
from persx.visitors.values import conform


def with_guesses(
    profile: Profile, attributes: Iterable[Attribute], models: Mapping[str, Predictor]
) -> Profile:
    """Return the profile with what the models guess of it.

    Args:
        profile: With the persona that follows from it, where a persona is guessed.
        attributes: The predicted attributes.
        models: Those that are active, by attribute; without one nothing is guessed.
    """
    asked: dict[str, int] = {}
    guesses: dict[str, Guess] = {}
    withheld = dict(profile.withheld)
    for attribute in attributes:
        model, prediction = models.get(attribute.name), attribute.predict
        if model is None or prediction is None or model.model.of != prediction.of:
            continue
        if attribute.name in profile.attributes:
            # Somebody of the team looks at what it would be like.
            continue
        if profile.attributes.get(GENERIC_CONTENT) is True:
            continue
        names = (prediction.of, *declared_names(prediction))
        if any(profile.attributes.get(name) for name in names):
            continue
        if attribute.purpose not in profile.granted or TRACES in profile.withheld:
            if TRACES in profile.withheld or profile.attributes.get(TRACES):
                withheld[attribute.name] = attribute.purpose
            continue
        if any(name in profile.withheld for name in names):
            withheld[attribute.name] = attribute.purpose
            continue
        asked[attribute.name] = model.number
        guess = guess_of(profile, attribute, prediction, model)
        if guess is not None:
            guesses[attribute.name] = guess
    if not asked and len(withheld) == len(profile.withheld):
        return profile
    return msgspec.structs.replace(
        profile,
        attributes={**profile.attributes, **{name: it.value for name, it in guesses.items()}},
        sources={**profile.sources, **dict.fromkeys(guesses, Source.PREDICTED)},
        withheld=withheld,
        guesses=guesses,
        models=asked,
    )


def guess_of(
    profile: Profile, attribute: Attribute, prediction: Prediction, model: Predictor
) -> Guess | None:
    """Return what a model says of a profile's traces, where it says so surely enough."""
    left = profile.attributes.get(TRACES)
    if not isinstance(left, list) or BOT in left:
        return None
    if not model.kinds.issubset(prediction.traces):
        # The workspace wants less to be read than it did when this model was trained.
        left = [trace for trace in left if source_of(trace) in prediction.traces]
    best = model.best(left)
    if best is None or best[1] < prediction.confidence:
        return None
    value, confidence = best
    if conform(value, attribute) is None:
        # The workspace does not have it any more.
        return None
    return Guess(
        value=value, confidence=round(confidence, 4), of=prediction.of, artifact=model.number
    )
