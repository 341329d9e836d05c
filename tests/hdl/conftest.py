"""The sandbox every test of the Verilog engine runs its tools in."""

import pytest

from sandboxes.bubblewrap import BubblewrapSandbox


@pytest.fixture(scope="session")
def sandbox():
    return BubblewrapSandbox()
