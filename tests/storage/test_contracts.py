"""The built-in backends against the contract suites."""

from pathlib import Path

import pytest

from persx import testing
from persx.storage.backends import BACKENDS, open_storage
from persx.testing import (
    ArtifactsContract,
    IdentityContract,
    ItemsContract,
    Opener,
    RecordContract,
    RemovalContract,
    ScopeContract,
    StorageContract,
    StoreContract,
    StreamContract,
    WarehouseContract,
)

VOLATILE = {"memory"}


class EveryBackend:
    """Runs a suite against each backend that is listed."""

    @pytest.fixture(params=BACKENDS.names)
    def opener(self, request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
        self.durable = request.param not in VOLATILE
        home = tmp_path / "home"
        return lambda: open_storage(home, store=request.param)


class TestStream(EveryBackend, StreamContract):
    pass


class TestStore(EveryBackend, StoreContract):
    pass


class TestIdentities(EveryBackend, IdentityContract):
    pass


class TestRemoval(EveryBackend, RemovalContract):
    pass


class TestRecords(EveryBackend, RecordContract):
    pass


class TestScopes(EveryBackend, ScopeContract):
    pass


class TestWarehouse(EveryBackend, WarehouseContract):
    pass


class TestItems(EveryBackend, ItemsContract):
    pass


class TestArtifacts(EveryBackend, ArtifactsContract):
    pass


def test_every_suite_is_run() -> None:
    suites = {
        suite
        for name in testing.__all__
        if name.endswith("Contract") and (suite := getattr(testing, name)) is not StorageContract
    }
    run = {base for each in EveryBackend.__subclasses__() for base in each.__bases__}
    assert len(suites) >= 6
    assert suites - run == set()
