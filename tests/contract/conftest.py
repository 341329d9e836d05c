"""A Docker engine for the tests: the one that answers, or one started here and stopped after."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


def _answers() -> bool:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(host.removeprefix("unix://"))
            return True
    except OSError:
        return False


def _no_engine(reason: str) -> None:
    """Missing engines are a failure where there must be one, and a skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"no Docker engine: {reason}")
    pytest.skip(f"no Docker engine: {reason}")


@pytest.fixture(scope="session")
def docker_engine():
    if _answers():
        yield
        return
    dockerd = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if dockerd is None or os.geteuid() != 0:
        _no_engine("none answers, and starting one takes dockerd and root")
    folder = Path(tempfile.mkdtemp(prefix="dockerd-"))
    host = f"unix://{folder}/docker.sock"
    argv = [dockerd, "--iptables=false", "--bridge=none", "--host", host]
    argv += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    argv += ["--pidfile", f"{folder}/pid"]
    with (folder / "log").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", host)
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            _await(process, folder / "log")
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


def _await(process: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        if _answers():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    _no_engine(f"dockerd did not come up: {log.read_text()[-2000:]}")
