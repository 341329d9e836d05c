"""Nothing is timed here: a busy machine is no fault of the code."""

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")

LONG = ("e2e", "web", "chat", "bsd", "evals")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders with long tests first, so that no worker is left with them at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)
