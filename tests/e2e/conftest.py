"""Runs of the real command line in processes of their own, each in a home of its own."""

import os
import subprocess
from pathlib import Path

import pytest
from product import Qimeng, command


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, without the user's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("QIMENG_", "OPENAI_"))}
    return kept | {"QIMENG_HOME": str(tmp_path / "home")}


@pytest.fixture
def qimeng(environment: dict[str, str]) -> Qimeng:
    """Run the command line to its end."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), env=environment, capture_output=True, text=True, timeout=240
        )

    return call
