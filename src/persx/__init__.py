"""persx: decide what each visitor sees, prove whether it helped, say when it stops helping."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_EXPORTS = {
    "Engine": "persx.sdk.engine",
    "Client": "persx.sdk.client",
    "lift": "persx.experiments.statistics",
    "PersxError": "persx.model.errors",
}

__all__ = ["Client", "Engine", "PersxError", "__version__", "lift"]

if TYPE_CHECKING:
    from persx.experiments.statistics import lift
    from persx.model.errors import PersxError
    from persx.sdk.client import Client
    from persx.sdk.engine import Engine


def __getattr__(name: str) -> Any:
    # Lazy, so that `import persx` loads neither statistics nor storage.
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'persx' has no attribute '{name}'")
