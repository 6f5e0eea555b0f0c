"""Experiments that came in as a file: how one is described, and the queries that read it out."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from persx.experiments.aggregates import Aggregate
from persx.experiments.groups import Group
from persx.experiments.moments import Moments
from persx.experiments.plan import MetricPlan, ReadoutPlan
from persx.experiments.sql import query
from persx.model.clock import Millis
from persx.model.errors import BadInput
from persx.storage.ports import Rows

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """A range of a numeric attribute: from `low` (counts) to `high` (does not).

    The last one has no `high`: it reaches as far as the data do.
    """

    label: str
    low: float
    high: float | None


class SegmentAttribute(msgspec.Struct, frozen=True, kw_only=True):
    """A column by whose values the readout is split; `bins` where it is a measured number."""

    name: str
    bins: tuple[Bin, ...] = ()


class ImportedExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """A randomised experiment from a file, as it is kept in the store.

    Attributes:
        table: The warehouse's table that holds the file.
        unit: The column that names the unit; none where each row is one.
        weights: Planned share of each arm; the control among them.
        weights_assumed: Nobody stated them: they are taken to be equal.
    """

    name: str
    file: str
    digest: str
    table: str
    rows: int
    arm: str
    control: str
    weights: dict[str, float]
    weights_assumed: bool
    metrics: tuple[MetricPlan, ...]
    attributes: tuple[SegmentAttribute, ...] = ()
    unit: str | None = None
    imported: Millis = 0


def check_name(name: str) -> str:
    """Return the name of an experiment, or refuse what cannot be one.

    Raises:
        BadInput: It has other signs than letters, digits, dots, hyphens and underscores.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"'{name}' cannot be the name of an experiment.",
            value=name,
            hint="Use up to 64 letters, digits, dots, hyphens and underscores.",
        )
    return name


def value_name(name: str) -> str:
    """Return the name under which the store keeps the description of an experiment."""
    return f"experiment:{name}"


def table_name(name: str, digest: str) -> str:
    """Return the warehouse's table for an experiment's file with this SHA-256 (hexadecimal).

    Named after the content, so that a file which is refused replaces nothing, and after the
    experiment, so that no two of them share a table which one would drop.
    """
    return f"experiment_{hashlib.sha256(f'{name}/{digest}'.encode()).hexdigest()[:20]}"


def bins_between(edges: Sequence[float], *, whole: bool) -> tuple[Bin, ...]:
    """Cut a number at its quantiles.

    Args:
        edges: Least value, inner edges, greatest value, in order; equal ones are joined.
        whole: All values are whole numbers, so that labels may name the last value that counts.

    >>> [bin.label for bin in bins_between([1, 4, 7, 12], whole=True)]
    ['1–3', '4–6', '7–12']
    >>> [bin.label for bin in bins_between([0.5, 12747.75, 16998.3], whole=False)]
    ['0.5–12,748', '12,748–16,998']
    """
    distinct = sorted({math.ceil(edge) if whole else edge for edge in edges})
    if len(distinct) < 2:
        return ()
    last = len(distinct) - 2
    write = _writer(distinct)
    bins = []
    for index, (low, high) in enumerate(pairwise(distinct)):
        end = high if not whole or index == last else high - 1
        label = write(low) if end == low else f"{write(low)}–{write(end)}"
        bins.append(Bin(label=label, low=low, high=None if index == last else high))
    return tuple(bins)


def readout_plan(experiment: ImportedExperiment, confidence: float) -> ReadoutPlan:
    """Return what the readout of an imported experiment compares."""
    return ReadoutPlan(
        experiment=experiment.name,
        source="import",
        control=experiment.control,
        comparator=f"the arm “{experiment.control}” of {experiment.file}",
        weights=experiment.weights,
        weights_assumed=experiment.weights_assumed,
        metrics=experiment.metrics,
        confidence=confidence,
    )


def group_query(experiment: ImportedExperiment) -> tuple[str, dict[str, Rows]]:
    """Return the query for all sums of an experiment, and the table that it reads beside."""
    return _query(experiment, None)


def row_query(experiment: ImportedExperiment) -> tuple[str, dict[str, Rows]]:
    """Return the query for all units of an experiment, and the table that it reads beside.

    It answers with the arm, the segments and the metrics, in the orders of `row_columns`.
    """
    return _query(experiment, "imported_each")


def row_columns(experiment: ImportedExperiment) -> tuple[list[str], list[str]]:
    """Return the attributes and the metrics of what `row_query` answers, in their order."""
    attributes = sorted(experiment.attributes, key=lambda each: bool(each.bins))
    return [each.name for each in attributes], [each.name for each in _answered(experiment)]


def _query(experiment: ImportedExperiment, rows: str | None) -> tuple[str, dict[str, Rows]]:
    measured = [each for each in experiment.attributes if each.bins]
    names = {
        "table": experiment.table,
        "arm": experiment.arm,
        "plain": [each.name for each in experiment.attributes if not each.bins],
        "measured": [each.name for each in measured],
    }
    bins = [
        (place, bin.label, bin.low, bin.high)
        for place, each in enumerate(measured)
        for bin in each.bins
    ]
    tables = {
        # A bin that nothing falls into gives the table its types where there are none.
        "bins": Rows(
            columns=("attribute", "label", "low", "high"), rows=[(-1, "", 0.0, 0.0), *bins]
        )
    }
    metrics = [each.name for each in _answered(experiment)]
    if experiment.unit is None:
        other: dict[str, list[str]] = {} if rows is None else {"conversions": [], "means": []}
        return query("imported_rows", rows=rows, **names, **other, metrics=metrics), tables
    kinds = {each.name: each.kind for each in experiment.metrics}
    return (
        query(
            "imported_units",
            rows=rows,
            **names,
            metrics=[],
            unit=experiment.unit,
            conversions=[name for name in metrics if kinds[name] == "conversion"],
            means=[name for name in metrics if kinds[name] != "conversion"],
        ),
        tables,
    )


def _answered(experiment: ImportedExperiment) -> list[MetricPlan]:
    """The metrics in the order in which the query answers: conversions first."""
    return sorted(experiment.metrics, key=lambda metric: metric.kind != "conversion")


def groups(experiment: ImportedExperiment, answer: Rows) -> list[Group]:
    """Read the answer of the query, each attribute's values in a readable order."""
    attributes = sorted(experiment.attributes, key=lambda each: bool(each.bins))
    metrics = _answered(experiment)
    found = []
    for arm, *rest in answer.rows:
        values, (n, *sums) = rest[: len(attributes)], rest[len(attributes) :]
        named = [
            (each, value)
            for each, value in zip(attributes, values, strict=True)
            if value is not None
        ]
        attribute, value = named[0] if named else (None, "")
        found.append(
            Group(
                arm=str(arm),
                n=int(n),
                metrics={
                    metric.name: Moments.from_aggregate(
                        Aggregate(
                            n=int(n),
                            total=float(sums[2 * place]),
                            squares=float(sums[2 * place + 1]),
                        )
                    )
                    for place, metric in enumerate(metrics)
                },
                attribute=attribute.name if attribute else "",
                segment=str(value),
            )
        )
    places = {each.name: place for place, each in enumerate(experiment.attributes)}
    ranges = {each.name: _value_order(each) for each in experiment.attributes}

    def place(group: Group) -> tuple[int, tuple[float, str], str]:
        if not group.attribute:
            return -1, (0, ""), group.arm
        rank = _rank(ranges[group.attribute], group.segment)
        return places[group.attribute], rank, group.arm

    return sorted(found, key=place)


def _value_order(attribute: SegmentAttribute) -> Mapping[str, int]:
    return {bin.label: place for place, bin in enumerate(attribute.bins)}


def _rank(bins: Mapping[str, int], value: str) -> tuple[float, str]:
    """Bins by their place, numbers by size, then names; what is unknown comes last."""
    if value in bins:
        return bins[value], ""
    if value.startswith("("):
        return math.inf, value
    try:
        number = float(value)
    except ValueError:
        number = math.inf
    return (number if math.isfinite(number) else 1e300), value


def _writer(edges: Sequence[float]) -> Callable[[float], str]:
    """Return what writes edges with the fewest digits that tell them apart."""
    for digits in (4, 6, 9, 12):
        if len({_plain(edge, digits) for edge in edges}) == len(edges):
            break
    return lambda number: _plain(number, digits)


def _plain(number: float, digits: int) -> str:
    """Write a number with so many digits, but all those before the point."""
    if float(number).is_integer():
        return f"{number:,.0f}"
    before = len(f"{abs(number):.0f}")
    if before < digits:
        return f"{number:,.{digits}g}"
    return f"{number:,.0f}"
