"""Which driver is used, and what is particular to bubblewrap."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

import sandboxes
from sandboxes import Command, SandboxError, probe
from sandboxes.host import HostSandbox


def test_vsock_is_closed_in_bubblewrap():
    source = "import socket; socket.socket(socket.AF_VSOCK)"
    outcome = probe.open_sandbox("bwrap").run(Command((sys.executable, "-c", source)))
    assert outcome.exit_code == 1 and b"not supported" in outcome.stderr


def test_no_control_group_is_left_behind():
    probe.open_sandbox("bwrap").run(Command(("true",)))
    assert not list(Path("/sys/fs/cgroup").rglob(f"qimeng-{os.getpid()}-*"))


def test_a_process_1_that_is_not_in_a_sandbox_refuses_to_run():
    launcher = Path(sandboxes.__file__).with_name("launcher.py")
    done = subprocess.run([sys.executable, launcher], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "only as process 1" in done.stderr


def test_the_probe_catches_a_driver_that_does_not_isolate(monkeypatch):
    monkeypatch.setitem(probe._DRIVERS, "bwrap", HostSandbox)
    found = probe.probe("bwrap")
    assert not found.usable
    assert "network" in found.reason and "read" in found.reason and "write" in found.reason


def test_auto_never_falls_back_to_the_host(monkeypatch):
    def broken():
        raise SandboxError("broken")

    monkeypatch.setitem(probe._DRIVERS, "bwrap", broken)
    monkeypatch.setitem(probe._DRIVERS, "docker", broken)
    with pytest.raises(SandboxError, match="Fix it with: "):
        probe.open_sandbox()
    assert probe.open_sandbox("host").name == "host"


def test_auto_prefers_bubblewrap():
    assert probe.open_sandbox().name == "bwrap"


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are this test when not root")
def test_bubblewrap_works_for_an_ordinary_user():
    source = """
        import sys
        from sandboxes import Command, Limits, probe
        box = probe.open_sandbox("bwrap")
        def killed(script, **limits):
            return box.run(Command((sys.executable, "-c", script), limits=Limits(**limits))).killed
        bomb = "import os, time\\nwhile True:\\n try: os.fork()\\n except OSError: time.sleep(.01)"
        print(killed(bomb, processes=24), killed("x = b'1' * (1 << 29); input()", memory_mb=96))
    """
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        shutil.copytree(Path(sandboxes.__file__).parent, folder / "sandboxes")
        argv = ["setpriv", "--reuid=61000", "--regid=61000", "--clear-groups", "--inh-caps=-all"]
        argv += ["/usr/bin/python3", "-c", textwrap.dedent(source)]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, env={})
    finally:
        shutil.rmtree(folder)
    assert (done.stdout, done.stderr) == ("processes memory\n", "")
