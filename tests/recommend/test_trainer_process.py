"""The trainer as a process: beside a server, killed, one of two, and gone on with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from persx.app.home import open_home
from persx.cli import main
from tests.conftest import SERVER_KEY, Server
from tests.recommend.shop import files, have, shop, tell, viewed

TWO = """
popular:
  label: What many like
  sources: [{recommender: popularity}, {recommender: popularity, config: {half_life: 2}}]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a shop with a pipeline, where two visitors have been."""

    async def fill() -> None:
        async with shop(tmp_path / "home", files(TWO)) as services:
            await have(services, "shoe", "sock", "hat")
            await tell(services, [*viewed("ann", "shoe", "sock"), *viewed("bob", "sock")])

    asyncio.run(fill())
    return tmp_path / "home"


def ran(*arguments: str) -> Any:
    found = CliRunner().invoke(main, ["recommend", *arguments])
    assert found.exit_code == 0, found.output
    return found.output


def status(home: Path) -> Any:
    (found,) = json.loads(ran("status", "--home", str(home), "--json"))["pipelines"]
    return found


def worker(home: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.recommend.train_worker", str(home), "popular", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=20)


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_the_commands(home: Path) -> None:
    said = ran("train", "--home", str(home))
    assert "takes up to" in said.splitlines()[0], "what it takes is said before it is taken"
    assert "2, 3, 3" in said
    (first,) = json.loads(ran("train", "popular", "--home", str(home), "--json"))
    assert (first["number"], first["trained"]["users"]) == (2, 2)
    assert [each["number"] for each in status(home)["artifacts"]] == [2, 1]
    assert "*    2" in ran("status", "--home", str(home))
    assert "*    1" in ran("activate", "popular", "1", "--home", str(home))
    assert "switched it off" in ran("activate", "popular", "off", "--home", str(home))
    assert status(home)["active"] == 0
    wrong = CliRunner().invoke(main, ["recommend", "activate", "popular", "x", "--home", str(home)])
    assert (wrong.exit_code, "neither a number" in wrong.output) == (2, True)
    wrong = CliRunner().invoke(main, ["recommend", "train", "nothing", "--home", str(home)])
    assert (wrong.exit_code, "no pipeline 'nothing'" in wrong.output) == (4, True)
    # One that cannot be trained keeps no other from it.
    both = CliRunner().invoke(
        main, ["recommend", "train", "nothing", "popular", "--home", str(home)]
    )
    assert (both.exit_code, "popular: number 3 recommends now" in both.output) == (4, True)


def test_nothing_to_learn_from_yet_is_no_error(tmp_path: Path) -> None:
    async def empty() -> None:
        async with shop(tmp_path / "home"):
            pass

    asyncio.run(empty())
    where = ["--home", str(tmp_path / "home")]
    told = CliRunner().invoke(main, ["recommend", "train", "popular", *where])
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.startswith("There is nothing to learn 'popular' from yet")
    told = CliRunner().invoke(main, ["recommend", "train", "--json", *where])
    assert (told.exit_code, json.loads(told.stdout)) == (0, [])
    assert "nothing to learn 'bought' from yet" in told.stderr
    said = ran("status", *where)
    assert "nothing to learn 'popular' from yet" in said
    assert "came to nothing" not in said
    assert "switched off" not in said


def test_a_killed_trainer_leaves_only_what_is_gone_on_with(home: Path, tmp_path: Path) -> None:
    ran("train", "--home", str(home))
    asyncio.run(_more(home))
    waits = tmp_path / "waits"
    killed = worker(home, str(waits))
    until(waits.exists, "it came to the second source")
    assert status(home)["training_since"] > 0
    second = CliRunner().invoke(main, ["recommend", "train", "--home", str(home)])
    assert second.exit_code == 3
    assert "Somebody trains 'popular' already" in second.output
    kill(killed)
    # Nothing of it is used, and nobody waits for it.
    found = status(home)
    assert (found["active"], found["training_since"]) == (1, 0)
    assert len(list((home / "recommenders").glob("building-*"))) == 1
    asyncio.run(_open(home))
    after = worker(home)
    output, error = after.communicate(timeout=60)
    assert output.split() == ["1", "2"], f"only the second source was fitted anew: {error}"
    assert not list((home / "recommenders").glob("building-*"))
    assert not list((home / "recommenders").glob("resume-*"))


def test_what_was_damaged_meanwhile_is_fitted_anew(home: Path, tmp_path: Path) -> None:
    waits = tmp_path / "waits"
    killed = worker(home, str(waits))
    until(waits.exists, "it came to the second source")
    kill(killed)
    (building,) = (home / "recommenders").glob("building-*")
    for file in building.glob("0-*.npy"):
        file.write_bytes(file.read_bytes()[:-4])
    output, error = worker(home).communicate(timeout=60)
    assert output.split() == ["2", "1"], error


def test_what_came_meanwhile_does_not_keep_it_from_going_on(home: Path, tmp_path: Path) -> None:
    waits = tmp_path / "waits"
    killed = worker(home, str(waits))
    until(waits.exists, "it came to the second source")
    kill(killed)
    asyncio.run(_more(home))
    output, error = worker(home).communicate(timeout=60)
    assert output.split() == ["1", "1"], error
    assert status(home)["artifacts"][0]["trained"]["users"] == 2, "what came later is for the next"


def test_beside_a_server(home: Path, serve: Callable[..., Server]) -> None:
    server = serve(home=home)
    ran("train", "--home", str(home))
    assert status(home)["active"] == 1
    assert "recommender.train" in CliRunner().invoke(
        main, ["audit", "--home", str(home), "--json"]
    ).output  # fmt: skip
    assert server.process.poll() is None


def test_a_server_has_it_trained_by_a_process_of_its_own(
    home: Path, serve: Callable[..., Server]
) -> None:
    async def scheduled() -> None:
        async with shop(home, files(TWO + "  every: 1h\n")):
            pass

    asyncio.run(scheduled())
    serve(home=home)
    until(lambda: status(home)["active"] == 1, "it is trained as soon as there is something")
    audit = ["audit", "--home", str(home), "--json"]
    until(lambda: "by its schedule" in CliRunner().invoke(main, audit).output, "it is noted")


async def _more(home: Path) -> None:
    async with open_home(home) as services:
        await tell(services, viewed("cid", "hat", "shoe"))


async def _open(home: Path) -> None:
    async with open_home(home) as services:
        assert services.models.recommenders["popular"].number == 1


def test_switching_under_load_fails_no_request(home: Path, serve: Callable[..., Server]) -> None:
    ran("train", "--home", str(home))
    asyncio.run(_more(home))
    ran("train", "--home", str(home))
    server = serve(home=home)
    answers: list[tuple[int, int]] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not over.is_set():
                answer = client.get(
                    "/v1/recommendations",
                    params={"pipeline": "popular", "anonymousId": "ann"},
                    headers={"Authorization": f"Bearer {SERVER_KEY}"},
                )
                number = answer.json().get("artifact", 0) if answer.status_code == 200 else 0
                answers.append((answer.status_code, number))

    def serves(number: int) -> None:
        until(lambda: answers and answers[-1][1] == number, f"number {number} is taken up")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        serves(2)
        ran("activate", "popular", "1", "--home", str(home))
        serves(1)
        ran("train", "--home", str(home))
        serves(3)
        ran("activate", "popular", "2", "--home", str(home))
        serves(2)
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert {status for status, _ in answers} == {200}
    assert {number for _, number in answers} == {1, 2, 3}, "there was always one"
