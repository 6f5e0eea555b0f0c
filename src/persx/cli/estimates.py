"""Off-policy estimates on a terminal: what was, and what each estimator says would have been."""

from __future__ import annotations

import click

from persx.experiments import wording
from persx.experiments.off_policy.estimators import Evaluation


def print_estimates(told: Evaluation) -> None:
    """Print an evaluation's estimates with their intervals, or why there are none."""
    if told.refused:
        click.secho(f"  Nothing is estimated. {told.refused}", fg="yellow")
        return
    click.echo(f"  {'as it was':<10} {_rate(told.logged):>9}")
    for name, each in told.estimates.items():
        ends = f"{_rate(each.low)} to {_rate(each.high)}"
        lift = wording.signed_percent(each.lift)
        reach = wording.interval(each.lift_low, each.lift_high)
        click.echo(f"  {name:<10} {_rate(each.value):>9}  {ends:<22} lift {lift}  {reach}")


def _rate(value: float | None) -> str:
    return wording.rate("conversion", value)
