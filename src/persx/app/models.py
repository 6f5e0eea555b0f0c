"""The served models: the active artifacts, read once and swapped when another one is active."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from persx.model.artifact import PREDICTION, artifact_key
from persx.model.errors import PersxError
from persx.visitors.prediction.model import Predictor

if TYPE_CHECKING:
    from persx.app.services import Services

_log = logging.getLogger("persx")


class Models:
    """Holds what guesses are made with.

    `active` is swapped whole, so that a request works with the models of one moment. A damaged
    artifact is told once and not used: the one that was used before stays, or, after a start,
    the one that was the active one before it.
    """

    def __init__(self) -> None:
        self.active: Mapping[str, Predictor] = {}
        self._numbers: Mapping[str, int] = {}

    async def refresh(self, services: Services) -> bool:
        """Take up what is active if it has changed; tell whether it had."""
        numbers = await services.artifacts.active()
        if numbers == self._numbers:
            return False
        models: dict[str, Predictor] = {}
        for key in numbers:
            kind, _, name = key.partition("/")
            if kind != PREDICTION:
                continue
            same = self._numbers.get(key) == numbers[key] and name in self.active
            model = self.active[name] if same else await self._read(services, name)
            model = model or self.active.get(name) or await self._earlier(services, name)
            if model is not None:
                models[name] = model
        self._numbers, self.active = numbers, models
        # They hold guesses of the models before.
        services.profiles.clear()
        return True

    async def _read(
        self, services: Services, name: str, number: int | None = None
    ) -> Predictor | None:
        try:
            found = await services.artifacts.get(PREDICTION, name, number)
            return None if found is None else Predictor.decode(found.body, found.head.number)
        except PersxError as error:
            _log.error("The model of '%s' is not used. %s", name, error)
            return None

    async def _earlier(self, services: Services, name: str) -> Predictor | None:
        heads = await services.artifacts.heads(PREDICTION, name)
        for head in sorted(heads, key=lambda head: -head.activated):
            if head.activated and not head.active:
                model = await self._read(services, name, head.number)
                if model is not None:
                    key = artifact_key(PREDICTION, name)
                    _log.error("Artifact %d of '%s' stands in for it.", head.number, key)
                    return model
        return None
