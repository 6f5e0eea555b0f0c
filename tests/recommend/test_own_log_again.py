"""Judging by the own log what is there to be bought again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from persx.cli import main
from persx.model.event import Event
from tests.recommend.shop import files, have, said, shop, tell

SITE = """
buy-again:
  sources:
    - {recommender: replenishment}
    - {recommender: popularity, fill: true}
for-you:
  sources:
    - {recommender: popularity}
    - {recommender: history, fill: true}
"""
DAY = 24 * 60


def habits(visitors: int = 45) -> list[Event]:
    """Visitors who buy one of nine things each week."""
    return [
        said(f"v{number}", "Order Completed", ago=week * 7 * DAY + number,
             products=[{"product_id": f"item-{number % 9}"}])
        for number in range(visitors)
        for week in range(8)
    ]  # fmt: skip


def home_of_habits(path: Path) -> Path:
    async def fill() -> None:
        async with shop(path, files(SITE)) as services:
            for number in range(30):
                await have(services, f"item-{number}")
            await tell(services, habits())

    asyncio.run(fill())
    return path


def evaluated(home: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(main, ["recommend", "evaluate", *arguments, "--home", str(home)])
    assert done.exit_code in (0, 3), done.output
    return done


def test_what_is_bought_again_is_right_where_the_pipeline_is_there_for_it(tmp_path: Path) -> None:
    home = home_of_habits(tmp_path / "home")
    again = json.loads(evaluated(home, "buy-again", "--k", "1", "--json").output)
    own, *_, popular = again["figures"]
    assert again["again"] is True
    assert own["metrics"]["hr@1"]["mean"] > 0.9 > popular["metrics"]["hr@1"]["mean"]
    said_so = evaluated(home, "buy-again", "--k", "1").output
    assert "had touched before counts as right, too (--new: it does not)" in said_so
    # Everybody bought the same thing again, so nothing new is left to be found.
    for arguments in (("buy-again", "--new"), ("for-you",)):
        assert "0 visitors touched something new" in evaluated(home, *arguments).output
