"""Contract suites: what a backend must do, as pytest classes that third parties subclass too.

```python
class TestMyStream(StreamContract):
    @pytest.fixture
    def opener(self, tmp_path):
        return lambda: open_storage(tmp_path, store="mine")
```

Call ``pytest.register_assert_rewrite("persx.testing")`` in `conftest.py` for telling failures.
"""

from persx.testing.artifacts import ArtifactsContract
from persx.testing.events import CountingProjector, make_event, make_events
from persx.testing.identities import IdentityContract
from persx.testing.items import ItemsContract
from persx.testing.records import RecordContract
from persx.testing.removing import RemovalContract
from persx.testing.scopes import ScopeContract
from persx.testing.storage import EVERYONE, Opener, StorageContract, see
from persx.testing.store import StoreContract
from persx.testing.stream import StreamContract
from persx.testing.warehouse import WarehouseContract

__all__ = [
    "EVERYONE",
    "ArtifactsContract",
    "CountingProjector",
    "IdentityContract",
    "ItemsContract",
    "Opener",
    "RecordContract",
    "RemovalContract",
    "ScopeContract",
    "StorageContract",
    "StoreContract",
    "StreamContract",
    "WarehouseContract",
    "make_event",
    "make_events",
    "see",
]
