"""What other programs import: the engine in process, and the client over HTTP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import persx
from persx.demo import demo_folder
from persx.model.errors import InvalidWorkspace, NotFound, Unavailable
from tests.conftest import SERVER_KEY, WRITE_KEY


@pytest.fixture(scope="module")
def engine() -> persx.Engine:
    return persx.Engine.from_folder(demo_folder("persx_ai"))


def test_the_engine_decides_a_page(engine: persx.Engine) -> None:
    page = engine.decide("contact", attributes={"industry": "Healthcare"})
    found = {each.block: each.variant for each in page.decisions}
    assert found["contact-form"] == "healthcare"
    assert page.assignments == ()


def test_the_engine_buckets_whoever_has_an_id(engine: persx.Engine) -> None:
    arms = {engine.decide("home", anonymous_id=f"v{n}").assignments[0].arm for n in range(200)}
    assert arms == {"generic", "targeted"}


def test_an_unknown_page_is_told_with_the_nearest_name(engine: persx.Engine) -> None:
    with pytest.raises(NotFound, match="Did you mean 'contact'"):
        engine.decide("contcat")


def test_a_folder_with_faults_is_refused_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("nmae: x\nzone: Nowhere/Land\n", encoding="utf-8")
    with pytest.raises(InvalidWorkspace) as caught:
        persx.Engine.from_folder(tmp_path)
    assert len(caught.value.faults) >= 2


def test_importing_persx_stays_light() -> None:
    code = (
        "import sys, persx; "
        "heavy = {'scipy', 'numpy', 'duckdb', 'starlette', 'jinja2'} & set(sys.modules); "
        "assert not heavy, heavy; "
        "persx.Engine; "
        "heavy = {'scipy', 'duckdb', 'starlette', 'sqlite3'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.server
def test_the_client_decides_and_tells(demo_server: Any) -> None:
    with persx.Client(demo_server.url, SERVER_KEY) as client:
        client.identify(user_id="client-test", traits={"industry": "Education"})
        client.track("Form Submitted", user_id="client-test", properties={"form": "contact"})
        decided = client.decide(user_id="client-test", blocks=["contact-form"])
        assert decided.visitor["industry"] == "Education"
        assert decided.decisions["contact-form"].content["headline"]
        with pytest.raises(NotFound, match="Did you mean"):
            client.decide(user_id="client-test", page="contcat")
    with (
        persx.Client(demo_server.url, WRITE_KEY) as client,
        pytest.raises(persx.PersxError, match="server key"),
    ):
        client.decide(user_id="client-test", page="home")


def test_a_server_that_is_not_there() -> None:
    with persx.Client("http://127.0.0.1:9", "key") as client, pytest.raises(Unavailable):
        client.decide(anonymous_id="a", page="home")
