"""A pipeline over one catalogue: what holds for every request, computed when either changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import is_not
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.model.item import Item
from persx.recommend.artifact import Trained, TrainedSource
from persx.recommend.catalogue import Catalogue, Mask
from persx.recommend.query import NOTHING, Codes
from persx.recommend.ranking.plan import PipelinePlan, RulePlan
from persx.recommend.recommenders.kind import by_neighbours

if TYPE_CHECKING:
    # It works with scipy, which is loaded once there are any.
    from persx.recommend.newcomers import Newcomers

_MEMORY: Final = 4_000_000
"""Bytes of answers that are kept of a rule."""

CONTENT: Final = "content"
"""The recommender whose items newcomers are compared with."""

NEWEST: Final = 100
"""The newest items that may be shown are at hand, for what has nothing else, and to be tried."""


SHARE: Final = 0.3
"""What neighbours of newcomers count where no source compares contents, beside the weight of the
source that counts most: they come to the end of a short list, and what is known stays on top."""


class Asked(NamedTuple):
    """One source of candidates: what is asked, and what its answers count.

    Attributes:
        beside: Items that came after the training, whose neighbours are asked for too.
        alone: Only these are asked: the index knows no neighbours of others.
        stood: Known items stand in for the newcomers of a query.
    """

    trained: TrainedSource
    weight: float
    beside: Newcomers | None = None
    alone: bool = False
    stood: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Items by what a rule reads of them: those of one group have one answer.

    Attributes:
        group: (n,) the group of each item.
        values: What the rule reads, by group.
        numbers: Group by what stands for its values; only added to.
        answers: What the rule answered for each group so far (−1 where it was not asked), by what
            else it read: visitors who are alike in that share the answers.
    """

    group: Codes
    values: list[tuple[Any, ...]]
    numbers: dict[Any, int]
    answers: dict[Any, NDArray[np.int8]] = field(default_factory=dict)

    def answered(self, key: Any) -> NDArray[np.int8]:
        """Return the answers for one way that everything else can be, to be added to."""
        found = self.answers.get(key)
        if found is None:
            if (len(self.answers) + 1) * len(self.values) > _MEMORY:
                self.answers.clear()
            found = self.answers[key] = np.full(len(self.values), -1, dtype=np.int8)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A pipeline, ready for requests. n codes of the catalogue, t codes of what was trained.

    Attributes:
        trained: None where nothing is trained yet.
        sources: Those that are blended.
        fillers: Those that are asked for what is left, in order.
        held: For each rule (n,) which items it holds for; None where requests have to be asked.
        groups: For each rule that requests have to be asked, what it reads of the items.
        allowed: (n,) which items may be shown, as far as that is the same for all requests.
        factors: (n,) what boosting and burying makes of scores; None where nothing does.
        newcomers: Items that came after the training; they have the codes from t on.
        to_catalogue: (t + newcomers,) code in the catalogue, or `NOTHING`.
        to_trained: (n,) code in what was trained, or `NOTHING`.
        tops: Code of the widest category by the code of a category, the last for no category.
        newest: Codes of the newest items that are allowed, newest first.
    """

    plan: PipelinePlan
    catalogue: Catalogue
    trained: Trained | None
    sources: tuple[Asked, ...]
    fillers: tuple[Asked, ...]
    held: tuple[Mask | None, ...]
    groups: tuple[Groups | None, ...]
    allowed: Mask
    factors: NDArray[np.float32] | None
    newcomers: Newcomers | None
    to_catalogue: Codes
    to_trained: Codes
    tops: Codes
    newest: Codes

    def stand_in(self, newcomer: int) -> int:
        """Return the item, of those that may be shown, that a newcomer is most like.

        Args:
            newcomer: Code, from t on.

        Returns:
            A code below t, or `NOTHING`.
        """
        if self.newcomers is None:
            return NOTHING

        def shown(codes: Codes) -> Mask:
            at = self.to_catalogue[codes]
            found: Mask = (at != NOTHING) & self.catalogue.shown[at]
            return found

        return self.newcomers.stand_in(newcomer, shown)


def prepare(
    plan: PipelinePlan,
    catalogue: Catalogue,
    trained: Trained | None,
    before: Prepared | None = None,
    newcomers: Newcomers | None = None,
) -> Prepared:
    """Return a pipeline ready for requests.

    Args:
        before: What was made of it earlier: of what stayed as it was, the answers are taken over.
        newcomers: Items that came after the training, beside what its items are made of.
    """
    if before is not None and before.plan is not plan:
        before = None
    moved = None if before is None else _moved(before.catalogue.items, catalogue.items)
    held = tuple(
        _held(rule, catalogue, None if before is None else before.held[place], moved)
        for place, rule in enumerate(plan.rules)
    )
    groups = tuple(
        None
        if mask is not None
        else _groups(rule, catalogue, before.groups[place] if before is not None else None, moved)
        for place, (rule, mask) in enumerate(zip(plan.rules, held, strict=True))
    )
    same_codes = (
        before is not None
        and before.trained is trained
        and before.newcomers is newcomers
        and before.catalogue.size == catalogue.size
    )
    if before is not None and same_codes:
        to_catalogue, to_trained = before.to_catalogue, before.to_trained
        sources, fillers = before.sources, before.fillers
    else:
        to_catalogue, to_trained = _codes(catalogue, trained, newcomers)
        sources, fillers = _sources(plan, trained, newcomers)
    allowed = _allowed(plan, catalogue, held)
    return Prepared(
        plan=plan,
        catalogue=catalogue,
        trained=trained,
        sources=sources,
        fillers=fillers,
        held=held,
        groups=groups,
        allowed=allowed,
        factors=_factors(plan, held),
        newcomers=newcomers,
        to_catalogue=to_catalogue,
        to_trained=to_trained,
        tops=_tops(catalogue),
        newest=_newest(catalogue, allowed),
    )


def _moved(before: Sequence[Item | None], after: Sequence[Item | None]) -> list[int]:
    """Return the codes of items that are others now."""
    changed = [code for code, other in zip(count(), map(is_not, before, after)) if other]
    return [*changed, *range(len(before), len(after))]


def _held(
    rule: RulePlan, catalogue: Catalogue, before: Mask | None, moved: list[int] | None
) -> Mask | None:
    """Return which items a rule holds for; None where that is not the same for all requests."""
    items = rule.rule.items
    if not rule.lasting:
        return None
    if rule.holds is None:
        found = np.zeros(catalogue.size, dtype=np.bool_) if items else np.ones(catalogue.size, bool)
        if items:
            codes = catalogue.codes_of(items)
            found[codes[codes != NOTHING]] = True
        return found
    if before is not None and moved is not None:
        found = np.append(before, np.zeros(catalogue.size - len(before), dtype=np.bool_))
        asked: Iterable[int] = moved
    else:
        found = np.zeros(catalogue.size, dtype=np.bool_)
        asked = range(catalogue.size)
    if items:
        wanted = {catalogue.codes.get(id, NOTHING) for id in items}
        asked = [code for code in asked if code in wanted]
    attributes: dict[str, Any] = {}
    for code in asked:
        found[code] = holds_for(rule, catalogue.items[code], attributes, 0)
    return found


def _groups(
    rule: RulePlan, catalogue: Catalogue, before: Groups | None, moved: list[int] | None
) -> Groups:
    values = before.values if before is not None else []
    numbers = before.numbers if before is not None else {}
    asked: Iterable[int] = range(catalogue.size)
    group = np.zeros(catalogue.size, dtype=np.int32)
    if before is not None and moved is not None:
        group[: len(before.group)] = before.group
        asked = moved
    reads = [reading.read for reading in rule.item]
    for code in asked:
        item = catalogue.items[code]
        if item is None:
            continue
        read = tuple([each(item) for each in reads])
        key = repr(read)
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(values)
            values.append(read)
        group[code] = number
    return Groups(group, values, numbers)


def holds_for(rule: RulePlan, item: Item | None, attributes: dict[str, Any], now: int) -> bool:
    """Tell whether a rule holds for an item.

    Args:
        attributes: What else it reads; the item's own facts are put into it.
    """
    if item is None:
        return False
    if rule.holds is None:
        return True
    for reading in rule.item:
        attributes[reading.name] = reading.read(item)
    return rule.holds(attributes, now, {})


def _codes(
    catalogue: Catalogue, trained: Trained | None, newcomers: Newcomers | None
) -> tuple[Codes, Codes]:
    to_trained = np.full(catalogue.size, NOTHING, dtype=np.int32)
    if trained is None:
        return np.empty(0, dtype=np.int32), to_trained
    ids = trained.ids if newcomers is None else [*trained.ids, *newcomers.ids]
    to_catalogue = catalogue.codes_of(ids)
    known = np.flatnonzero(to_catalogue != NOTHING)
    to_trained[to_catalogue[known]] = known
    return to_catalogue, to_trained


def _sources(
    plan: PipelinePlan, trained: Trained | None, newcomers: Newcomers | None
) -> tuple[tuple[Asked, ...], tuple[Asked, ...]]:
    """Return what was trained for each source of the document, as it is published now.

    A source that was not there when it was trained has to wait for the next training.
    """
    if trained is None:
        return (), ()
    told = trained.manifest.pipeline.sources
    left = list(zip(told, trained.sources, strict=True))
    blended: list[Asked] = []
    fillers: list[Asked] = []
    for source in plan.pipeline.sources:
        same = [
            pair
            for pair in left
            if (pair[0].recommender, pair[0].actions) == (source.recommender, source.actions)
        ]
        exact = [pair for pair in same if pair[0].config == source.config]
        chosen = next(iter(exact or same), None)
        if chosen is None:
            continue
        left.remove(chosen)
        compares = chosen[1].recommender.name == CONTENT
        asked = Asked(
            chosen[1],
            source.weight,
            newcomers if compares else None,
            stood=not compares and by_neighbours(chosen[1].recommender),
        )
        (fillers if source.fill else blended).append(asked)
    if newcomers is not None and all(each.beside is None for each in blended):
        weight = SHARE * max((each.weight for each in blended), default=1.0)
        if trained.alike is not None:
            blended.append(Asked(trained.alike, weight, newcomers, alone=True))
    return tuple(blended), tuple(fillers)


def _allowed(plan: PipelinePlan, catalogue: Catalogue, held: Sequence[Mask | None]) -> Mask:
    allowed = catalogue.shown.copy()
    pipeline = plan.pipeline
    if pipeline.only:
        allowed &= mask_of(catalogue, pipeline.only)
    prices = catalogue.columns.price
    # What has no price is in no band of prices: comparing with no number is false.
    if pipeline.price_from is not None:
        allowed &= prices >= pipeline.price_from
    if pipeline.price_to is not None:
        allowed &= prices <= pipeline.price_to
    for rule, mask in zip(plan.rules, held, strict=True):
        if mask is not None and rule.rule.do == "exclude":
            allowed &= ~mask
        elif mask is not None and rule.rule.do == "include":
            allowed &= mask
    return allowed


def mask_of(catalogue: Catalogue, ids: Iterable[str]) -> Mask:
    """Return (n,) which items have one of these ids."""
    found = np.zeros(catalogue.size, dtype=np.bool_)
    codes = catalogue.codes_of(ids)
    found[codes[codes != NOTHING]] = True
    return found


def _factors(plan: PipelinePlan, held: Sequence[Mask | None]) -> NDArray[np.float32] | None:
    found: NDArray[np.float32] | None = None
    for rule, mask in zip(plan.rules, held, strict=True):
        factor = factor_of(rule)
        if mask is None or factor == 1:
            continue
        if found is None:
            found = np.ones(len(mask), dtype=np.float32)
        found[mask] *= factor
    return found


def factor_of(rule: RulePlan) -> float:
    """Return what a rule makes of the scores of the items that it holds for."""
    if rule.rule.do == "boost":
        return rule.rule.by
    return 1 / rule.rule.by if rule.rule.do == "bury" else 1.0


def _tops(catalogue: Catalogue) -> Codes:
    widest: dict[str, int] = {}
    found = [widest.setdefault(path[0], len(widest)) for path in catalogue.categories]
    return np.array([*found, NOTHING], dtype=np.int32)


def _newest(catalogue: Catalogue, allowed: Mask) -> Codes:
    codes = np.flatnonzero(allowed)
    added = catalogue.columns.added[codes]
    if len(codes) > NEWEST:
        keep = np.sort(np.argpartition(-added, NEWEST)[:NEWEST])
        codes, added = codes[keep], added[keep]
    return codes[np.argsort(-added, kind="stable")].astype(np.int32)
