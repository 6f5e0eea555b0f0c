"""The served artifacts: the active ones, read once and swapped when another one is active."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from persx.decide.learned import BlockProbabilities, bound
from persx.decide.plan import Plan
from persx.experiments.probabilities import Probabilities, decode
from persx.model.artifact import PREDICTION, PROBABILITIES, RECOMMENDER, artifact_key
from persx.model.errors import PersxError
from persx.recommend.artifact import Trained, load
from persx.visitors.prediction.model import Predictor

if TYPE_CHECKING:
    from persx.app.services import Services

_log = logging.getLogger("persx")


Held = TypeVar("Held")


_Read = Callable[["Services", bytes, int], Awaitable[Held]]


def _at_once(read: Callable[[bytes, int], Held]) -> _Read[Held]:
    async def reading(_services: Services, body: bytes, number: int) -> Held:
        return read(body, number)

    return reading


async def _mapped(services: Services, body: bytes, number: int) -> Trained:
    """Map a trained pipeline into memory; its files are read once, while requests go on."""
    return await asyncio.to_thread(load, services.recommender_folder.path, body, number)


class _Kind(Generic[Held]):
    """The active artifacts of one kind, by name. `read` makes of a body what is worked with."""

    def __init__(self, kind: str, said: str, read: _Read[Held]) -> None:
        self.active: Mapping[str, Held] = {}
        self._kind, self._said, self._read = kind, said, read

    async def refresh(
        self, services: Services, before: Mapping[str, int], numbers: Mapping[str, int]
    ) -> None:
        found: dict[str, Held] = {}
        for key in numbers:
            kind, _, name = key.partition("/")
            if kind != self._kind:
                continue
            same = before.get(key) == numbers[key] and name in self.active
            held = self.active[name] if same else await self._get(services, name)
            held = held or self.active.get(name) or await self._earlier(services, name)
            if held is not None:
                found[name] = held
        self.active = found

    async def _get(self, services: Services, name: str, number: int | None = None) -> Held | None:
        try:
            found = await services.artifacts.get(self._kind, name, number)
            if found is None:
                return None
            return await self._read(services, found.body, found.head.number)
        except PersxError as error:
            _log.error("%s of '%s' is not used. %s", self._said, name, error)
            return None

    async def _earlier(self, services: Services, name: str) -> Held | None:
        heads = await services.artifacts.heads(self._kind, name)
        for head in sorted(heads, key=lambda head: -head.activated):
            if head.activated and not head.active:
                held = await self._get(services, name, head.number)
                if held is not None:
                    key = artifact_key(self._kind, name)
                    _log.error("Artifact %d of '%s' stands in for it.", head.number, key)
                    return held
        return None


class Models:
    """Holds what guesses are made with, what blocks that learn draw by, and what recommends.

    All are swapped whole, so that a request works with those of one moment. A damaged artifact
    is told once and not used: the one that was used before stays, or, after a start, the one that
    was the active one before it.
    """

    def __init__(self) -> None:
        self._predictors = _Kind(PREDICTION, "The model", _at_once(Predictor.decode))
        self._probabilities = _Kind(
            PROBABILITIES,
            "What was learned",
            _at_once(lambda body, number: (number, decode(body))),
        )
        self._recommenders = _Kind(RECOMMENDER, "The trained pipeline", _mapped)
        self._numbers: Mapping[str, int] = {}
        self._refreshing = asyncio.Lock()
        self._bound: tuple[Plan | None, object, Mapping[str, BlockProbabilities]] = None, None, {}

    @property
    def active(self) -> Mapping[str, Predictor]:
        """The models that guesses are made with, by attribute."""
        return self._predictors.active

    @property
    def probabilities(self) -> Mapping[str, tuple[int, Probabilities]]:
        """What blocks have learned, with the numbers of the artifacts."""
        return self._probabilities.active

    @property
    def recommenders(self) -> Mapping[str, Trained]:
        """The trained pipelines that recommend, by name."""
        return self._recommenders.active

    def learned(self, plan: Plan) -> Mapping[str, BlockProbabilities]:
        """Return what the blocks of a plan draw by."""
        served, published, found = self._bound
        if served is not plan or published is not self._probabilities.active:
            published = self._probabilities.active
            found = bound(plan, self._probabilities.active)
            self._bound = plan, published, found
        return found

    async def refresh(self, services: Services) -> bool:
        """Take up what is active if it has changed; tell whether it had."""
        async with self._refreshing:
            return await self._take_up(services)

    async def _take_up(self, services: Services) -> bool:
        numbers = await services.artifacts.active()
        if numbers == self._numbers:
            return False
        before = self._numbers
        await self._predictors.refresh(services, before, numbers)
        await self._probabilities.refresh(services, before, numbers)
        if _of(PREDICTION, before) != _of(PREDICTION, numbers):
            # They hold guesses of the models before.
            services.forget_profiles()
        # Last, for it may take a while.
        await self._recommenders.refresh(services, before, numbers)
        self._numbers = numbers
        return True


def _of(kind: str, numbers: Mapping[str, int]) -> dict[str, int]:
    return {key: number for key, number in numbers.items() if key.partition("/")[0] == kind}
