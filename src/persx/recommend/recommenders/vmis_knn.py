"""vmis_knn: what sessions like the visitor's went on with, of the newest sessions of its items."""

from __future__ import annotations

from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.clock import DAY
from persx.model.errors import BadInput
from persx.recommend.bounds import Amount, Count, Newest, Steps, Weight
from persx.recommend.interactions import Interactions
from persx.recommend.query import NO_CANDIDATES, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent
from persx.recommend.recommenders.transitions import TRANSITIONS, TransitionsConfig
from persx.recommend.rows import Summed, gather, heads_of, starts_of, summed
from persx.recommend.touched import newest_items, steps

_PLACES: Final = 256
"""Places in a session, and among the visitor's items, are kept in 8 bits each."""

_TINY: Final = np.finfo(np.float32).tiny

Power = Annotated[float, msgspec.Meta(ge=0, le=10)]


class VmisKnnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `vmis_knn`.

    Attributes:
        sessions: Of each of the visitor's items so many newest sessions are looked at, and so
            many of them all together.
        neighbours: The sessions most like the visitor's, which have a say.
        length: How many of the visitor's newest items count.
        longest: Of longer sessions only so many newest items are learned.
        decay: What an item of the visitor counts, compared with the next newer one, when
            sessions are compared.
        match_decay: What a neighbour counts whose newest item of the visitor's is one step
            older.
        step_decay: What an item counts that stands one step farther from the visitor's item in
            a neighbour.
        backward: What an item counts that stands before the visitor's item in a neighbour.
        contrast: Power of the likeness: more of it listens to the most alike neighbours only.
        size_damping: By which power of its number of items a neighbour's likeness is divided.
        rarity: Power of log(sessions ÷ sessions with the item): more of it shows less of what
            everybody views.
        half_life: Days (sessions, where nobody knows the times) after which a neighbour counts
            half; 0 counts all alike.
        repeats: What items count that the visitor has viewed already. Unless it is set, what
            would have answered the newest sessions best is chosen with each fit.
        rules: What `transitions` count beside the neighbours: 0 does without. Chosen likewise.
        rules_distance: `distance` of the transitions.
        rules_backward: `backward` of the transitions.
        rules_damping: `popularity_damping` of the transitions.
        rules_length: `length` of the transitions, of the items that count.
        rules_decay: `decay` of the transitions.
    """

    sessions: Count = 1_000
    neighbours: Count = 500
    length: Newest = 20
    longest: Annotated[int, msgspec.Meta(ge=2, le=_PLACES)] = 50
    decay: Weight = 0.7
    match_decay: Weight = 0.8
    step_decay: Weight = 0.8
    backward: Weight = 1.0
    contrast: Power = 1.0
    size_damping: Power = 0.1
    rarity: Power = 1.0
    half_life: Amount = 0.0
    repeats: Power | None = None
    rules: Power | None = None
    rules_distance: Steps = 2
    rules_backward: Weight = 0.2
    rules_damping: Power = 0.0
    rules_length: Newest = 2
    rules_decay: Weight = 0.5


class VmisKnn:
    """Sessions' nearest neighbours from an index of the newest sessions of each item.

    VMIS-kNN (Kersbergen, Sprangers, Schelter 2022, "Serenade: low-latency session-based
    recommendation in e-commerce at scale"), with what a neighbour's items count by their distance
    from the shared one and by age (STAN: Garg et al. 2019, "Sequence and time aware neighborhood
    for session-based recommendations"), and sequential rules beside it. The score of an item is
    the sum over neighbours of likeness × decays × log(sessions ÷ sessions with it), where the
    best item has 1; to which are added the rules. Nothing is summed beforehand: all is looked up
    and summed when asked, so that its arrays grow with the sessions and not with pairs of items.
    """

    name = "vmis_knn"
    description = "What sessions like the visitor's went on with, and what followed its items."
    config = VmisKnnConfig

    def memory(self, data: Interactions, config: VmisKnnConfig) -> int:
        return 120 * len(data.items) + TRANSITIONS.memory(data, _rules(config))

    def fit(self, data: Interactions, config: VmisKnnConfig, progress: Progress = silent) -> Arrays:
        if max(config.length, config.longest, config.rules_length) > _PLACES:
            raise BadInput(
                f"'length', 'longest' and 'rules_length' can be {_PLACES} at most.",
                value=max(config.length, config.longest, config.rules_length),
            )
        mix = _mix(data, config)
        progress(0.3)
        return {
            **self._arrays(data, config, mix.rules, progress),
            "mix": np.array(mix, dtype=np.float64),
        }

    def _arrays(
        self, data: Interactions, config: VmisKnnConfig, weight: float, progress: Progress
    ) -> dict[str, NDArray[Any]]:
        rules: Arrays = {}
        if weight:
            rules = TRANSITIONS.fit(data, _rules(config), lambda share: progress(0.3 + share / 2))
        past = _sessions(steps(data), config.longest)
        progress(0.9)
        of = np.repeat(np.arange(len(past.ages)), np.diff(past.starts))
        places = np.arange(len(of)) - past.starts[of]
        # By item, the newest session first.
        order = np.lexsort((-of, past.items))
        index = starts_of(past.items, data.item_count)
        within = np.arange(len(of)) - index[past.items[order]]
        order = order[within < config.sessions]
        having = np.bincount(past.items, minlength=data.item_count)
        rarity = np.log((1 + len(past.ages)) / np.maximum(having, 1)) ** config.rarity
        lengths = np.diff(past.starts).astype(np.float64)
        likeness = lengths**-config.size_damping
        if config.half_life:
            likeness *= 0.5 ** (past.ages / config.half_life)
        progress(1.0)
        return {
            "starts": past.starts,
            "items": past.items,
            "likeness": np.maximum(likeness, _TINY).astype(np.float32),
            "index": starts_of(past.items[order], data.item_count),
            "sessions": (of[order] << 16) | places[order],
            "rarity": rarity.astype(np.float32),
            **{f"rules_{name}": array for name, array in rules.items()},
        }

    def rank(self, arrays: Arrays, config: VmisKnnConfig, query: Query, limit: int) -> Candidates:
        newest = newest_items(query, config.length)
        if not len(newest):
            return NO_CANDIDATES
        mix = Mix(*arrays["mix"].tolist())
        alike = _alike(arrays, config, newest)
        found = _with_rules(arrays, config, newest, alike, mix.rules)
        if not len(found.items):
            return NO_CANDIDATES
        scores = _with_repeats(found, newest, mix.repeats)
        good = scores > 0
        return Candidates(found.items[good], scores[good], found.because[good]).best(limit)


class Mix(NamedTuple):
    """What transitions and repeated items count: `rules` and `repeats` of the options."""

    rules: float
    repeats: float


_USUAL: Final = Mix(0.3, 1.0)
_RULES: Final = (0.0, 0.1, 0.3, 1.0, 1.5)
_REPEATS: Final = (1.0, 3.0)
_ASKED: Final = 1_000
"""So many of the newest sessions are asked at most, and a twentieth of that at least."""


def _mix(data: Interactions, config: VmisKnnConfig) -> Mix:
    """Return the options of the mix; those left open as they answer the newest sessions best.

    The newest tenth of the sessions is asked for one of its steps each, of what is learned from
    the others; what counts is the mean reciprocal rank of that step.
    """
    if config.rules is not None and config.repeats is not None:
        return Mix(config.rules, config.repeats)
    open_rules = _RULES if config.rules is None else (config.rules,)
    open_repeats = _REPEATS if config.repeats is None else (config.repeats,)
    usual = Mix(
        _USUAL.rules if config.rules is None else config.rules,
        _USUAL.repeats if config.repeats is None else config.repeats,
    )
    walked = steps(data)
    heads = heads_of(walked.sessions) if len(walked.items) else np.empty(0, dtype=np.int64)
    lengths = np.diff(np.append(heads, len(walked.items)))
    order = np.argsort(walked.times[heads + lengths - 1], kind="stable")
    if not data.timed:
        order = np.arange(len(heads))
    newest = order[len(order) - len(order) // 10 :]
    asked = newest[lengths[newest] > 1]
    if len(asked) < _ASKED // 20:
        return usual
    asked = asked[:: -(-len(asked) // _ASKED)]
    held = np.zeros(len(heads), dtype=np.bool_)
    held[newest] = True
    arrays = VMIS_KNN._arrays(walked.rows(~np.repeat(held, lengths)), config, 1.0, silent)
    mixes = [Mix(rules, repeats) for rules in open_rules for repeats in open_repeats]
    gains = np.zeros(len(mixes))
    for turn, session in enumerate(asked.tolist()):
        items = walked.items[heads[session] : heads[session] + lengths[session]]
        step = 1 + turn % (len(items) - 1)
        query = Query(items=items[:step], session=step)
        gains += _gains(arrays, config, newest_items(query, config.length), items[step], mixes)
    # The first of equally good ones that is the usual one, if it is among them.
    best = [mix for mix, gain in zip(mixes, gains, strict=True) if gain >= gains.max()]
    return usual if usual in best else best[0]


def _gains(
    arrays: Arrays, config: VmisKnnConfig, newest: Codes, wanted: Any, mixes: list[Mix]
) -> NDArray[np.float64]:
    """Return for each mix 1 ÷ the rank that it gives the wanted item, 0 beyond the 20th."""
    alike = _alike(arrays, config, newest)
    gains = np.zeros(len(mixes))
    found, weight = alike, 0.0
    for place, mix in enumerate(mixes):
        if mix.rules != weight:
            found, weight = _with_rules(arrays, config, newest, alike, mix.rules), mix.rules
        scores = _with_repeats(found, newest, mix.repeats)
        own = scores[found.items == wanted]
        if len(own) and own[0] > 0:
            rank = 1 + np.count_nonzero(scores > own[0])
            gains[place] = 1 / rank if rank <= 20 else 0.0
    return gains


def _with_repeats(found: Summed, newest: Codes, repeats: float) -> Floats:
    if repeats == 1:
        return found.scores
    seen = np.isin(found.items, newest)
    return np.where(seen, found.scores * np.float32(repeats), found.scores)


class _Past(NamedTuple):
    """Sessions of two steps or more, oldest first, each with its items, each item once."""

    starts: NDArray[np.int64]
    items: Codes
    ages: NDArray[np.float64]


def _sessions(data: Interactions, longest: int) -> _Past:
    """Return the sessions by the time of their last step; items by the last time in each."""
    if not len(data.items):
        return _Past(np.zeros(1, dtype=np.int64), data.items, np.empty(0))
    heads = heads_of(data.sessions)
    lengths = np.diff(np.append(heads, len(data.items)))
    lasts = data.times[heads + lengths - 1]
    order = np.argsort(lasts, kind="stable") if data.timed else np.arange(len(heads))
    order = order[lengths[order] > 1]  # Who made one step did not go on to anything.
    number = np.full(len(heads), -1, dtype=np.int64)
    number[order] = np.arange(len(order))
    of = np.repeat(number, lengths)
    rows = np.flatnonzero(of >= 0)
    # The last row of each item in each session.
    rows = rows[np.lexsort((rows, data.items[rows], of[rows]))]
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = (of[rows[1:]] != of[rows[:-1]]) | (data.items[rows[1:]] != data.items[rows[:-1]])
    rows = rows[last]
    rows = rows[np.lexsort((rows, of[rows]))]
    ends = starts_of(of[rows], len(order))[1:]
    rows = rows[ends[of[rows]] - np.arange(len(rows)) <= longest]
    ages = np.arange(len(order))[::-1].astype(np.float64)
    if data.timed and len(order):
        ages = (lasts[order].max() - lasts[order]) / DAY
    return _Past(starts_of(of[rows], len(order)), data.items[rows], ages)


def _alike(arrays: Arrays, config: VmisKnnConfig, newest: Codes) -> Summed:
    """Return what the neighbours of a session speak for, the best with 1.

    Args:
        arrays: As they were fitted.
        config: Options.
        newest: The visitor's items, newest first.
    """
    index = gather(arrays["index"], newest)
    if not len(index.places):
        return summed(newest[:0], np.empty(0, dtype=np.float32), newest[:0])
    # A key is the session, then the place of the shared item among the visitor's, then in the
    # session; sorted, the newest shared item is the first of its session.
    keys = np.asarray(arrays["sessions"])[index.places]
    keys = (keys & ~0xFFFF) | (index.of << 8) | (keys & 0xFF)
    keys.sort()
    of = keys >> 16
    heads = heads_of(of)
    decays = _powers(config.decay, len(newest))
    likeness = np.add.reduceat(decays[(keys >> 8) & 0xFF], heads)
    # The newest, of which the most alike; of equally alike ones the newest again.
    heads, likeness = heads[-config.sessions :], likeness[-config.sessions :]
    sessions = of[heads]
    likeness *= np.asarray(arrays["likeness"])[sessions]
    if len(heads) > config.neighbours:
        kept = np.argsort(likeness, kind="stable")[-config.neighbours :]
        heads, likeness, sessions = heads[kept], likeness[kept], sessions[kept]
    if config.contrast != 1:
        # Relative to the greatest, so that no power is too small for a float.
        likeness = (likeness / max(likeness.max(), _TINY)) ** np.float32(config.contrast)
    shared = (keys[heads] >> 8) & 0xFF
    likeness *= _powers(config.match_decay, len(newest))[shared]

    starts = np.asarray(arrays["starts"])
    theirs = gather(starts, sessions)
    items: Codes = np.asarray(arrays["items"])[theirs.places]
    parts = likeness[theirs.of] * np.asarray(arrays["rarity"])[items]
    if config.step_decay != 1 or config.backward != 1:
        steps_on = theirs.places - (starts[sessions] + (keys[heads] & 0xFF))[theirs.of]
        farther = _powers(config.step_decay, _PLACES)
        parts *= np.concatenate((farther, farther[:0:-1] * np.float32(config.backward)))[steps_on]
    found = summed(items, parts, shared[theirs.of])
    greatest = max(found.scores.max(), _TINY)
    return Summed(found.items, found.scores / greatest, newest[found.because])


def _with_rules(
    arrays: Arrays, config: VmisKnnConfig, newest: Codes, found: Summed, weight: float
) -> Summed:
    """Return the sum of what the neighbours speak for and what the rules do."""
    if not weight or "rules_starts" not in arrays:
        return found
    newest = newest[: config.rules_length]
    rules = gather(arrays["rules_starts"], newest)
    if not len(rules.places):
        return found
    decays = _powers(config.rules_decay, len(newest)) * np.float32(weight)
    parts = np.asarray(arrays["rules_weights"])[rules.places] * decays[rules.of]
    followers: Any = np.asarray(arrays["rules_items"])[rules.places]
    return summed(
        np.concatenate((found.items, followers)),
        np.concatenate((found.scores, parts)),
        np.concatenate((found.because, newest[rules.of])),
    )


def _powers(base: float, count: int) -> Floats:
    return np.float32(base) ** np.arange(count, dtype=np.float32)


def _rules(config: VmisKnnConfig) -> TransitionsConfig:
    return TransitionsConfig(
        distance=config.rules_distance,
        backward=config.rules_backward,
        popularity_damping=config.rules_damping,
    )


VMIS_KNN: Final = VmisKnn()
