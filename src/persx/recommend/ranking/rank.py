"""Ranking: from a prepared pipeline and what is known of a request to the list that is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.recommend.catalogue import Mask
from persx.recommend.query import NOTHING, Codes
from persx.recommend.ranking.blend import CANDIDATES, WIDE, Blended, blended
from persx.recommend.ranking.known import Known, Wanted, known_of
from persx.recommend.ranking.picking import EXTRA, Field, Picked, pick
from persx.recommend.ranking.plan import RulePlan
from persx.recommend.ranking.prepared import NEWEST, Asked, Groups, Prepared, factor_of, mask_of
from persx.recommend.ranking.reasons import why
from persx.recommend.result import Why, WhyKind

RANKED: Final = 200
"""So many candidates are told apart at a time; the others come when those are used up."""

MOST: Final = 100
"""Items of one list, at most."""

_FALLING: Final = np.linspace(1.0, 0.5, NEWEST, dtype=np.float32)


class Ranked(NamedTuple):
    """One place of the list: an item by its code, and how it came there.

    Attributes:
        tried: Chance gave it the place.
        pinned: A rule gave it the place.
        rules: The pipeline's rules that lifted, lowered or pinned it, counted from 1, where that
            was wanted.
    """

    item: int
    score: float
    source: str
    why: Why
    propensity: float
    tried: bool = False
    rules: tuple[int, ...] = ()
    pinned: bool = False


class _Pin(NamedTuple):
    """What is pinned: the item's code, the words of the rule, and its number from 1."""

    item: int
    text: str
    rule: int


def rank(prepared: Prepared, wanted: Wanted) -> list[Ranked]:
    """Return the list for one request. Deterministic: the same values give the same list.

    Whatever rules say, nothing is shown that is hidden, cannot be had, is not in the catalogue, is
    excluded, or was bought or viewed more lately than the pipeline allows.
    """
    known = known_of(prepared, wanted)
    return _Ranking(prepared, wanted, known).ranked()


class _Ranking:
    """One request at work."""

    def __init__(self, prepared: Prepared, wanted: Wanted, known: Known) -> None:
        self._prepared, self._wanted, self._known = prepared, wanted, known
        self._plan = prepared.plan
        self._count = max(0, min(wanted.count, MOST))
        self._asked = [
            (rule, groups)
            for rule, groups in zip(self._plan.rules, prepared.groups, strict=True)
            if groups is not None
        ]
        self._attributes = self._with_anchor() if self._asked else {}
        self._allowed = self._open()
        pipeline = self._plan.pipeline
        self._field = Field(prepared, pipeline.category_cap, pipeline.diversity)
        self._said: list[tuple[Blended, dict[int, int]]] = []
        self._fillers = iter(prepared.fillers)
        self._reserve: Blended | None = None
        self._wordy = [
            each for each in self._rules() if each[0].rule.why and each[0].rule.do == "boost"
        ]

    def ranked(self) -> list[Ranked]:
        """Return the list."""
        if not self._count or not self._prepared.catalogue.size:
            return []
        if self._prepared.trained is None:
            self._take_newest(tier=0)
        else:
            self._take(self._ask(self._prepared.sources), 0)
        pins = self._pins()
        explore = self._plan.pipeline.explore if self._wanted.draw is not None else 0.0
        if explore > 0:
            self._take_newest(tier=EXTRA)
        picked = pick(
            self._field,
            self._count,
            {place: pin.item for place, pin in pins.items()},
            self._more,
            explore=explore,
            draw=self._wanted.draw,
        )
        pinned = {pin.item: pin for pin in pins.values()}
        found = [self._told(each, pinned) for each in picked]
        return self._explained(found, pinned) if self._wanted.explained else found

    # -- what may be shown --------------------------------------------------------------------

    def _open(self) -> Mask:
        """Return which items may be shown to this request, rules that have to be asked apart."""
        prepared, wanted = self._prepared, self._wanted
        catalogue, pipeline = prepared.catalogue, self._plan.pipeline
        allowed = prepared.allowed.copy()
        if wanted.only is not None:
            allowed &= mask_of(catalogue, wanted.only)
        if wanted.anchor != NOTHING and pipeline.price_near is not None:
            price = catalogue.columns.price[wanted.anchor]
            if price == price:
                prices = catalogue.columns.price
                allowed &= np.abs(prices - price) <= price * pipeline.price_near
        closed = self._known.closed
        closed += [catalogue.codes.get(id, NOTHING) for id in wanted.exclude]
        closed.append(wanted.anchor)
        closed = [code for code in closed if code != NOTHING]
        allowed[closed] = False
        return allowed

    def _with_anchor(self) -> dict[str, Any]:
        attributes = dict(self._wanted.attributes)
        anchor = self._wanted.anchor
        item = self._prepared.catalogue.items[anchor] if anchor != NOTHING else None
        if item is not None:
            for rule, _ in self._asked:
                for reading in rule.anchor:
                    attributes[reading.name] = reading.read(item)
        return attributes

    def _holding(self, rule: RulePlan, groups: Groups, items: Codes) -> NDArray[np.bool_]:
        """Return which of some items a rule holds for."""
        now, attributes, holds = self._wanted.now, self._attributes, rule.holds
        names = [reading.name for reading in rule.item]
        if holds is None:
            found = np.ones(len(items), dtype=np.bool_)
        elif not names:
            # It is about the request, not about the item.
            found = np.full(len(items), holds(attributes, now, {}))
        else:
            group = groups.group[items]
            key = repr([attributes.get(name) for name in rule.others])
            # With the time, answers change: they are asked for anew at each moment.
            answers = groups.answered(key if rule.timeless else (key, now))
            known = answers[group]
            fresh = group[known < 0]
            if len(fresh):
                for number in set(fresh.tolist()):
                    attributes.update(zip(names, groups.values[number], strict=True))
                    answers[number] = holds(attributes, now, {})
                known = answers[group]
            found = known == 1
        if rule.rule.items:
            codes = self._prepared.catalogue.codes
            found &= np.isin(items, [codes.get(id, NOTHING) for id in rule.rule.items])
        return found

    # -- candidates ---------------------------------------------------------------------------

    def _ask(self, sources: Sequence[Asked], limit: int = CANDIDATES) -> Blended:
        return blended(self._prepared, sources, self._known, self._allowed, limit)

    def _take(self, said: Blended, tier: int, *, again: bool = True) -> bool:
        """Put candidates into the field; tell whether there were any."""
        kept = self._judged(said)
        if again and not said.whole and len(kept.items) < self._count + len(self._field.items):
            # Filters left few: all that the sources can say is asked for.
            wide = self._ask(said.sources, WIDE)
            return self._take(wide, tier, again=False)
        if len(kept.items) > RANKED:
            self._reserve, kept = kept.part(RANKED, None), kept.part(0, RANKED)
        self._add(kept, tier)
        return bool(len(kept.items))

    def _add(self, kept: Blended, tier: int) -> None:
        rows = self._field.add(kept.items, kept.scores, tier)
        self._said.append((kept, {row: at for at, row in enumerate(rows.tolist())}))

    def _judged(self, said: Blended) -> Blended:
        """Return what rules leave of candidates, with the scores that they make of theirs."""
        items, scores = said.items, said.scores
        factors = self._prepared.factors
        changed = False
        if factors is not None and len(items):
            scores, changed = scores * factors[items], True
        keep: NDArray[np.bool_] | None = None
        for rule, groups in self._asked:
            if rule.rule.do == "pin" or not len(items):
                continue
            holds = self._holding(rule, groups, items)
            if rule.rule.do in ("boost", "bury"):
                scores = np.where(holds, scores * np.float32(factor_of(rule)), scores)
                changed = True
            else:
                stays = holds if rule.rule.do == "include" else ~holds
                keep = stays if keep is None else keep & stays
        if keep is None and not changed:
            return said
        chosen = np.arange(len(items)) if keep is None else np.flatnonzero(keep)
        if changed:
            chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        return said._replace(
            items=items[chosen],
            scores=scores[chosen],
            origin=said.origin[chosen],
            because=said.because[chosen],
        )

    def _take_newest(self, tier: int) -> None:
        items = self._prepared.newest
        items = items[self._allowed[items]]
        # Newest first, and nothing else is known of them.
        scores = _FALLING[: len(items)]
        nothing = np.full(len(items), NOTHING, dtype=np.int32)
        said = Blended(items, scores, nothing.astype(np.intp), nothing, (), (), whole=True)
        kept = self._judged(said)
        if tier == EXTRA:
            self._field.add(kept.items, kept.scores, tier)
        else:
            self._add(kept, tier)

    def _more(self) -> bool:
        """Add what was held back, then what the sources say that fill what is left."""
        if self._reserve is not None:
            reserve, self._reserve = self._reserve, None
            self._add(reserve, len(self._said))
            return True
        for asked in self._fillers:
            tier = len(self._said)
            said = self._ask([asked])
            if self._take(said, tier):
                return True
        return False

    # -- pins ---------------------------------------------------------------------------------

    def _pins(self) -> dict[int, _Pin]:
        """Return place → what is pinned there."""
        found: dict[int, _Pin] = {}
        placed: set[int] = set()
        for number, (rule, mask, groups) in enumerate(self._rules(), start=1):
            if rule.rule.do != "pin":
                continue
            place = rule.rule.place
            for code in self._pinned(rule, mask, groups):
                while place in found:
                    place += 1
                if place > self._count:
                    break
                if code not in placed:
                    found[place] = _Pin(code, rule.rule.why, number)
                    placed.add(code)
        return found

    def _rules(self) -> Iterator[tuple[RulePlan, Mask | None, Groups | None]]:
        prepared = self._prepared
        yield from zip(self._plan.rules, prepared.held, prepared.groups, strict=True)

    def _pinned(self, rule: RulePlan, mask: Mask | None, groups: Groups | None) -> Iterator[int]:
        """Yield the items that a rule pins, as it names them, or the best ones first."""
        catalogue = self._prepared.catalogue
        if rule.rule.items:
            codes = catalogue.codes_of(rule.rule.items)
            codes = codes[codes != NOTHING]
        elif mask is not None:
            best = self._field.items
            rest = self._prepared.newest
            codes = np.concatenate([best, rest[~np.isin(rest, best)]])
        else:
            codes = self._field.items
        codes = codes[self._allowed[codes]]
        codes = codes[self._holds(rule, mask, groups, codes)]
        for asked, theirs in self._asked:
            if asked.rule.do in ("exclude", "include") and len(codes):
                holds = self._holding(asked, theirs, codes)
                codes = codes[holds if asked.rule.do == "include" else ~holds]
        yield from codes.tolist()

    def _holds(
        self, rule: RulePlan, mask: Mask | None, groups: Groups | None, items: Codes
    ) -> NDArray[np.bool_]:
        """Return which of some items a rule holds for, of whichever kind it is."""
        if groups is not None:
            return self._holding(rule, groups, items)
        return mask[items] if mask is not None else np.zeros(len(items), dtype=np.bool_)

    # -- reasons ------------------------------------------------------------------------------

    def _told(self, picked: Picked, pinned: Mapping[int, _Pin]) -> Ranked:
        if picked.row == NOTHING:
            reason = Why(kind=WhyKind.CHOSEN, text=pinned[picked.item].text)
            return Ranked(picked.item, 0.0, "", reason, picked.propensity, pinned=True)
        for said, rows in self._said:
            at = rows.get(picked.row)
            if at is not None:
                return self._of(said, at, picked)
        tried = Why(kind=WhyKind.TRIED)
        return Ranked(picked.item, 0.0, "", tried, picked.propensity, tried=True)

    def _of(self, said: Blended, at: int, picked: Picked) -> Ranked:
        score = float(said.scores[at])
        if not said.sources:
            reason = Why(kind=WhyKind.NEW)
            return Ranked(picked.item, score, "", reason, picked.propensity, picked.tried)
        origin = int(said.origin[at])
        trained = said.sources[origin].trained
        source = trained.recommender.name
        if picked.tried:
            reason = Why(kind=WhyKind.TRIED)
        else:
            reason = why(
                self._prepared,
                trained,
                int(self._prepared.to_trained[picked.item]),
                int(said.because[at]),
                said.where[origin],
                self._known,
                self._wanted.now,
            )
        text = self._words(picked.item)
        if text:
            reason = Why(kind=WhyKind.CHOSEN, text=text)
        return Ranked(picked.item, score, source, reason, picked.propensity, picked.tried)

    def _explained(self, found: list[Ranked], pinned: Mapping[int, _Pin]) -> list[Ranked]:
        """Add to each item the rules that had a part in its place."""
        codes = np.array([each.item for each in found], dtype=np.int32)
        acted: list[list[int]] = [[] for _ in found]
        for number, (rule, mask, groups) in enumerate(self._rules(), start=1):
            if rule.rule.do in ("boost", "bury") and len(codes):
                for at in self._holds(rule, mask, groups, codes).nonzero()[0].tolist():
                    # What is pinned or tried has its place whatever its score.
                    if found[at].item not in pinned and not found[at].tried:
                        acted[at].append(number)
        for at, each in enumerate(found):
            if each.item in pinned:
                acted[at].append(pinned[each.item].rule)
        return [each._replace(rules=tuple(rules)) for each, rules in zip(found, acted, strict=True)]

    def _words(self, item: int) -> str:
        """Return the words of the first rule that lifts an item and has any."""
        for rule, mask, groups in self._wordy:
            codes = np.array([item], dtype=np.int32)
            if mask[item] if mask is not None else self._holds(rule, mask, groups, codes)[0]:
                return rule.rule.why
        return ""
