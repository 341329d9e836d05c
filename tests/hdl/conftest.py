"""A stand-in sandbox: runs commands in a temporary folder."""

import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from sandboxes import Outcome


class PlainSandbox:
    name = "plain"

    def run(self, command):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, data in command.files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(data)
            killed = None
            try:
                done = subprocess.run(
                    command.argv,
                    cwd=root,
                    input=command.stdin,
                    capture_output=True,
                    timeout=command.limits.wall_seconds,
                )
                code, out, err = done.returncode, done.stdout, done.stderr
            except subprocess.TimeoutExpired as e:
                killed, code, out, err = "wall", None, e.stdout or b"", e.stderr or b""
            files = {
                str(p.relative_to(root)): p.read_bytes()
                for g in command.collect
                for p in root.glob(g)
            }
        return Outcome(code, out, err, files, time.monotonic() - start, self.name, killed)


@pytest.fixture(scope="session")
def sandbox():
    return PlainSandbox()
