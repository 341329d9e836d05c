"""The tools run on texts of this repository only, so the host driver is enough."""

import pytest

from sandboxes.probe import open_sandbox


@pytest.fixture(scope="session")
def sandbox():
    return open_sandbox("host")
