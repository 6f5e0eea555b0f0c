"""The network database: any address and any file, and never an error to a visitor."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persx.app.network import NetworkDatabase, field
from persx.testing.network_file import network_file, write_network_file

RECORD: dict[str, Any] = {
    "autonomous_system_organization": "Uppsala University",
    "autonomous_system_number": 1653,
    "country": {"iso_code": "SE", "names": {"en": "Sweden", "de": "Schweden"}},
    "traits": {"is_anonymous": False, "score": 0.25, "long": "x" * 400},
    "subdivisions": [{"iso_code": "C"}],
}


def opened(path: Path, networks: dict[str, Any], **options: Any) -> NetworkDatabase:
    write_network_file(path, networks, **options)
    database = NetworkDatabase(path)
    assert database.look()
    return database


def test_what_is_written_is_read(tmp_path: Path) -> None:
    database = opened(tmp_path / "n", {"81.2.69.0/24": RECORD, "2a02:1234::/32": RECORD})
    for address in ("81.2.69.0", "81.2.69.255", "::ffff:81.2.69.7", "2a02:1234::", "2a02:1234::%e"):
        assert database.record(address) == RECORD
    assert field(RECORD, "country.names.de") == "Schweden"
    assert field(RECORD, "subdivisions.0.iso_code") == "C"
    for nowhere in ("city", "country.city", "subdivisions.7.iso_code", "country.iso_code.x", ""):
        assert field(RECORD, nowhere) is None


@given(
    prefixes=st.dictionaries(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32)), st.integers(0, 9), max_size=8
    ),
    address=st.integers(0, 2**32 - 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_narrowest_network_answers(
    tmp_path: Path, prefixes: dict[tuple[int, int], int], address: int
) -> None:
    networks = {
        str(ip_network((start, length), strict=False)): {"n": n}
        for (start, length), n in prefixes.items()
    }
    found = ip_address(address)
    holding = [name for name in networks if found in ip_network(name)]
    narrowest = max(holding, key=lambda name: ip_network(name).prefixlen, default=None)
    expected = networks[narrowest] if narrowest and found.is_global else {}
    for version in (4, 6):
        database = opened(tmp_path / "n", networks, ip_version=version)
        assert database.record(str(found)) == expected


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "fe80::1%e0",
     "::1", "fc00::1", "::ffff:10.0.0.1", "testclient", "", "81.2.69", "81.2.69.7:80", "x" * 9_999],
)  # fmt: skip
def test_addresses_of_nobody_are_not_looked_up(tmp_path: Path, address: str) -> None:
    everywhere = opened(
        tmp_path / "n", {"0.0.0.0/1": RECORD, "128.0.0.0/1": RECORD, "::/1": RECORD}
    )
    assert everywhere.record(address) == {}


def test_a_database_of_ipv4_has_nothing_on_ipv6(tmp_path: Path) -> None:
    database = opened(tmp_path / "n", {"81.2.69.0/24": RECORD}, ip_version=4)
    assert database.record("81.2.69.7") == RECORD
    assert database.record("2a02:1234::7") == {}
    with pytest.raises(ValueError, match="does not fit"):
        network_file({"2a02:1234::/32": RECORD}, ip_version=4)


WHOLE = network_file({"81.2.69.0/24": RECORD, "2a02:1234::/32": RECORD})


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_damage_is_an_error_to_a_visitor(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["bytes", "cut", "noise"]))
    damaged = bytearray(WHOLE)
    if kind == "cut":
        del damaged[data.draw(st.integers(0, len(WHOLE) - 1)) :]
    elif kind == "noise":
        damaged = bytearray(data.draw(st.binary(max_size=400)))
    else:
        for _ in range(data.draw(st.integers(1, 12))):
            damaged[data.draw(st.integers(0, len(WHOLE) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "n"
    path.write_bytes(damaged)
    database = NetworkDatabase(path)
    database.look()
    for address in ("81.2.69.7", "2a02:1234::7", "9.9.9.9"):
        assert isinstance(database.record(address), dict)


def test_a_file_that_goes_bad_leaves_what_was_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[None] = []
    path = tmp_path / "n"
    database = NetworkDatabase(path, lambda: failures.append(None))
    for _ in range(3):
        assert not database.look()
    assert not database.opened
    assert len(failures) == 1, "told once, not every time somebody looks"
    assert "No such file" in caplog.text
    assert "nothing is hinted at" in caplog.text
    write_network_file(path, {"81.2.69.0/24": RECORD})
    assert database.look()
    assert not database.look(), "it is the same file"
    path.write_bytes(b"")
    assert not database.look()
    assert "not a whole database in MaxMind's format" in caplog.text
    assert "what was read before is used" in caplog.text
    path.unlink()
    path.mkdir()
    assert not database.look()
    assert database.record("81.2.69.7") == RECORD
    path.rmdir()
    write_network_file(path, {"81.2.69.0/24": {"n": 1}})
    assert database.look()
    assert database.record("81.2.69.7") == {"n": 1}
    assert len(failures) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "n"
    write_network_file(path, {})
    path.chmod(0)
    assert not NetworkDatabase(path).look()
    assert "Permission denied" in caplog.text
