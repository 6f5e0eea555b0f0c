"""What an operator sets: which place wins, and what is said about a value that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from persx.app.settings import ServerSettings, load_settings
from persx.model.errors import BadInput


def test_flags_beat_variables_which_beat_the_file(tmp_path: Path) -> None:
    (tmp_path / "persx.toml").write_text('host = "::1"\nport = 1\nseal_rows = 7\n')
    settings = load_settings(
        tmp_path, environment={"PERSX_HOST": "::2", "PERSX_PORT": "2"}, flags={"port": 3}
    )
    assert (settings.host, settings.port, settings.seal_rows) == ("::2", 3, 7)


def test_an_empty_variable_is_not_set() -> None:
    assert load_settings(None, environment={"PERSX_PORT": ""}) == ServerSettings()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("port", "99999", "a whole number from 0 to 65535"),
        ("port", "-1", "a whole number from 0 to 65535"),
        ("port", "http", "a whole number from 0 to 65535"),
        ("seal_rows", "-5", "a whole number from 1 to 1000000000"),
        ("seal_rows", "1.5", "a whole number from 1 to 1000000000"),
        ("seal_seconds", "0", "a number above 0, at most 86400"),
        ("seal_seconds", "nan", "a number above 0, at most 86400"),
        ("seal_seconds", "inf", "a number above 0, at most 86400"),
        ("bots", "maybe", "true or false"),
        ("public_url", "shop.example", "an address that begins with https://"),
        ("public_url", "https://shop.example\n", "an address that begins with https://"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_place(
    name: str, value: str, wanted: str, tmp_path: Path
) -> None:
    variable = f"PERSX_{name.upper()}"
    with pytest.raises(BadInput) as caught:
        load_settings(None, environment={variable: value})
    assert str(caught.value) == f"{variable} is {value!r}; it should be {wanted}."
    file = tmp_path / "persx.toml"
    file.write_text(f"{name} = {json.dumps(value)}\n")
    with pytest.raises(BadInput) as caught:
        load_settings(tmp_path, environment={})
    assert str(caught.value) == f"'{name}' in {file} is {value!r}; it should be {wanted}."
    with pytest.raises(BadInput, match=f"^--{name} is "):
        load_settings(None, environment={}, flags={name: value})


@pytest.mark.parametrize("line", ["port = [1]", "host = 5", "bots = {}", "port = true"])
def test_a_wrong_type_in_the_file_is_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "persx.toml").write_text(line)
    with pytest.raises(BadInput, match=f"^'{line.split()[0]}' in .*; it should be "):
        load_settings(tmp_path, environment={})
