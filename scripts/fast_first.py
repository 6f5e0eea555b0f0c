"""A pytest plugin that runs the fast tests first: plain ones, then servers, then browsers."""

from __future__ import annotations

import pytest


def cost(item: pytest.Item) -> int:
    """Return how late a test should run: 0 plain, 1 slow, 2 with a server, 3 with a browser."""
    for rank, marker in ((3, "browser"), (2, "server"), (1, "slow")):
        if item.get_closest_marker(marker):
            return rank
    return 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the collected tests by cost; those that cost alike stay in their order."""
    items.sort(key=cost)
