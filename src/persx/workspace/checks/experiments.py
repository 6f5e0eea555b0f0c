"""Experiments: arms and what they show, blocks, goals, seeds, and shares of layers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from persx.model.clock import DAY, parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.model.workspace import DEFAULT, TARGETED, Arm, Experiment
from persx.workspace.checks.subject import Subject

_KIND: Final = "experiments"
_SLACK: Final = 1e-9
"""Shares are written in decimals: 0.1 + 0.2 is meant to touch 0.3."""


def check_experiments(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all experiments, and those between them."""
    for key, experiment in subject.workspace.experiments.items():
        concerned, faults = _concerned(subject, key, experiment)
        yield from faults
        yield from _arms(subject, key, experiment, concerned)
        yield from _numbers(subject, key, experiment)
        yield from _winner(subject, key, experiment)
        yield from subject.unknown(_KIND, key, "goals", "goals", experiment.goals)
        yield from subject.repeated(_KIND, key, "goals", experiment.goals)
    yield from _layers(subject)
    yield from _seeds(subject)


def _concerned(subject: Subject, key: str, experiment: Experiment) -> tuple[set[str], list[Fault]]:
    """Return the blocks that an experiment concerns, as far as they exist, and what does not."""
    workspace = subject.workspace
    if not experiment.blocks:
        return set(workspace.blocks), []
    found: set[str] = set()
    faults: list[Fault] = []
    for at, place in enumerate(experiment.blocks):
        page, slash, rest = place.partition("/")
        path = f"blocks.{at}"
        if slash and rest != "*":
            faults.append(
                subject.fault(
                    _KIND,
                    key,
                    path,
                    "A place is a block's name, or a page's name with /*.",
                    value=place,
                    hint=f"Write {rest} or {page}/*",
                )
            )
        elif slash:
            faults += subject.unknown(_KIND, key, path, "pages", [page])
            if page in workspace.pages:
                found.update(workspace.pages[page].blocks)
        else:
            faults += subject.unknown(_KIND, key, path, "blocks", [place])
            found.add(place)
    return found & set(workspace.blocks), faults


def _arms(
    subject: Subject, key: str, experiment: Experiment, concerned: set[str]
) -> Iterator[Fault]:
    arms = experiment.arms
    if len(arms) < 2 and not subject.is_damaged(_KIND, key):
        yield subject.fault(
            _KIND,
            key,
            "arms",
            "An experiment compares at least two arms.",
            value=", ".join(arm.name for arm in arms),
            hint="Add another arm.",
        )
    for arm in arms:
        if not (math.isfinite(arm.weight) and arm.weight >= 0):
            yield subject.fault(
                _KIND,
                key,
                f"arms.{arm.name}.weight",
                "A weight is 0 or more.",
                value=arm.weight,
                hint="Equal weights share visitors equally.",
            )
        yield from _shown(subject, key, arm, concerned)
    if arms and sum(max(arm.weight, 0) for arm in arms) <= 0:
        yield subject.fault(
            _KIND, key, "arms", "The weights add up to 0.", hint="Give an arm a weight above 0."
        )


def _shown(subject: Subject, key: str, arm: Arm, concerned: set[str]) -> Iterator[Fault]:
    path = f"arms.{arm.name}.show"
    if isinstance(arm.show, str):
        for block in sorted(concerned):
            yield from _variant(subject, key, path, block, arm.show)
        return
    for block, variant in arm.show.items():
        if not subject.has("blocks", block):
            yield from subject.unknown(_KIND, key, f"{path}.{block}", "blocks", [block])
        elif block not in concerned and block in subject.workspace.blocks:
            yield subject.fault(
                _KIND,
                key,
                f"{path}.{block}",
                f"The experiment does not concern the block '{block}'.",
                value=block,
                hint="Add it to the experiment's blocks.",
            )
        yield from _variant(subject, key, f"{path}.{block}", block, variant)


def _variant(subject: Subject, key: str, path: str, block: str, variant: str) -> Iterator[Fault]:
    if variant in (DEFAULT, TARGETED) or subject.is_damaged("blocks", block):
        return
    if subject.has("strategies", variant):
        return
    document = subject.workspace.blocks.get(block)
    names = {each.name for each in document.variants} if document else set()
    if document is not None and variant not in names:
        yield subject.fault(
            _KIND,
            key,
            path,
            f"The block '{block}' has no variant '{variant}'.",
            value=variant,
            hint=did_you_mean(variant, {DEFAULT, TARGETED, *subject.workspace.strategies, *names}),
        )


def _winner(subject: Subject, key: str, experiment: Experiment) -> Iterator[Fault]:
    if not experiment.winner:
        return
    names = [arm.name for arm in experiment.arms]
    if experiment.winner not in names:
        yield subject.fault(
            _KIND,
            key,
            "winner",
            f"There is no arm '{experiment.winner}'.",
            value=experiment.winner,
            hint=did_you_mean(experiment.winner, names),
        )
    if experiment.status == "running":
        yield subject.fault(
            _KIND,
            key,
            "winner",
            "An experiment that runs has no winner yet.",
            value=experiment.winner,
            hint="Write  status: stopped",
        )


def _numbers(subject: Subject, key: str, experiment: Experiment) -> Iterator[Fault]:
    offset, traffic = experiment.offset, experiment.traffic
    if not 0 <= offset < 1:
        yield subject.fault(
            _KIND, key, "offset", "An offset is at least 0 and less than 1.", value=offset
        )
    elif not 0 <= traffic <= 1 or offset + traffic > 1 + _SLACK:
        yield subject.fault(
            _KIND,
            key,
            "traffic",
            "Offset and traffic are a part of the layer, between 0 and 1.",
            value=traffic,
            hint=f"Write at most {1 - offset:g}.",
        )
    if experiment.horizon:
        try:
            short = parse_duration(experiment.horizon) < 7 * DAY
        except BadInput as error:
            yield subject.fault(
                _KIND, key, "horizon", error.message, value=experiment.horizon, hint=error.hint
            )
        else:
            if short:
                yield subject.fault(
                    _KIND,
                    key,
                    "horizon",
                    "Days of the week differ: a whole week is the least.",
                    value=experiment.horizon,
                    hint="Write 28d, or leave it out and look at any time.",
                )
    if experiment.epoch < 1:
        yield subject.fault(_KIND, key, "epoch", "Epochs count from 1.", value=experiment.epoch)


def _layers(subject: Subject) -> Iterator[Fault]:
    layers: dict[str, list[tuple[str, Experiment]]] = defaultdict(list)
    for key, experiment in sorted(subject.workspace.experiments.items()):
        if experiment.status == "running":
            # Without a layer an experiment has one of its own, called by its key.
            layers[experiment.layer or key].append((key, experiment))
    for layer, members in layers.items():
        for (first, one), (second, other) in combinations(members, 2):
            start = max(one.offset, other.offset)
            end = min(one.offset + one.traffic, other.offset + other.traffic)
            if end - start > _SLACK:
                yield subject.fault(
                    _KIND,
                    second,
                    "layer",
                    f"Shares visitors of the layer '{layer}' with the experiment '{first}': "
                    f"both have {start:g} to {end:g}.",
                    value=layer,
                    hint="Change offset and traffic of one, or give it another layer.",
                )


def _seeds(subject: Subject) -> Iterator[Fault]:
    seeds = {subject.workspace.settings.holdout.seed: "holdout"}
    for key, experiment in sorted(subject.workspace.experiments.items()):
        seed = experiment.seed or key
        first = seeds.setdefault(seed, key)
        if first != key:
            yield subject.fault(
                _KIND,
                key,
                "seed",
                f"'{first}' has the same seed, so that arms of the two go together.",
                value=seed,
                hint="Give each experiment a seed of its own.",
                severity="warning",
            )
