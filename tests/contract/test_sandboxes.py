"""The contract of sandboxes/base.py, kept by every driver that claims isolation."""

import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sandboxes
from sandboxes import Command, Limits, view
from sandboxes.bubblewrap import BubblewrapSandbox

PYTHON = sys.executable


def run(box, *argv, **options):
    return box.run(Command(argv, **options))


def python(box, source, *arguments, **options):
    return run(box, PYTHON, "-c", textwrap.dedent(source), *arguments, **options)


def alive(marker):
    """Ids of the processes on this machine with ``marker`` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


# What a command is given and what comes back.


def test_files_go_in_and_only_those_asked_for_come_out(any_sandbox):
    blob = bytes(range(256)) * 5000
    outcome = run(
        any_sandbox,
        *("sh", "-c", "cat in/a.bin >out.bin; mkdir -p x/y; echo 1 >x/y/1.log; echo 2 >x/2.log"),
        files={"in/a.bin": blob, "b.txt": b"unasked"},
        collect=("out.bin", "x/**/*.log", "absent"),
    )
    assert outcome.ok
    assert outcome.files == {"out.bin": blob, "x/y/1.log": b"1\n", "x/2.log": b"2\n"}
    assert outcome.driver == any_sandbox.name


def test_a_star_does_not_cross_folders(any_sandbox):
    files = {"a.v": b"", "d/b.v": b"", "d/e/c.v": b""}
    assert set(run(any_sandbox, "true", files=files, collect=("*.v",)).files) == {"a.v"}
    assert set(run(any_sandbox, "true", files=files, collect=("d/**",)).files) == {
        "d/b.v",
        "d/e/c.v",
    }


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9)])
def test_exit_status_is_reported_and_is_not_a_limit(any_sandbox, script, code):
    outcome = run(any_sandbox, "sh", "-c", script)
    assert (outcome.exit_code, outcome.killed, outcome.ok) == (code, None, code == 0)


def test_a_missing_program_is_a_failed_command_not_a_failed_sandbox(any_sandbox):
    outcome = run(any_sandbox, "no-such-program")
    assert outcome.exit_code == 127
    assert "no-such-program" in outcome.text()


def test_stdin_is_delivered_whole_and_then_ends(any_sandbox):
    data = b"x" * 3_000_000
    assert run(any_sandbox, "wc", "-c", stdin=data).stdout.strip() == b"3000000"
    assert run(any_sandbox, "wc", "-c").stdout.strip() == b"0"
    assert run(any_sandbox, "true", stdin=data).ok  # never read: must not block


def test_stdout_and_stderr_are_kept_apart(any_sandbox):
    outcome = run(any_sandbox, "sh", "-c", "echo out; echo err >&2")
    assert (outcome.stdout, outcome.stderr) == (b"out\n", b"err\n")


def test_environment_is_the_commands_own(any_sandbox, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    outcome = run(any_sandbox, "env", env={"GIVEN": "value"})
    assert b"GIVEN=value\n" in outcome.stdout
    assert b"hunter2" not in outcome.stdout


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "", ".", "a//b", "a/./b", "a/", "nul\0"]
)
def test_paths_that_leave_the_working_directory_are_refused(any_sandbox, path):
    with pytest.raises(ValueError, match="plain path"):
        run(any_sandbox, "true", files={path: b""})
    with pytest.raises(ValueError, match="plain path"):
        run(any_sandbox, "true", collect=(path,))


# Limits: each one ends the tree and is named.


def test_wall_limit(any_sandbox):
    outcome = run(any_sandbox, "sh", "-c", "echo so far; sleep 1000", limits=Limits(wall_seconds=3))
    assert (outcome.exit_code, outcome.killed, outcome.stdout) == (None, "wall", b"so far\n")
    assert outcome.files == {}


def test_wall_limit_of_a_command_that_closed_its_outputs(any_sandbox):
    script = "exec sleep 1000 >&- 2>&-"
    assert run(any_sandbox, "sh", "-c", script, limits=Limits(wall_seconds=1)).killed == "wall"


def test_cpu_limit(any_sandbox):
    spin = ("sh", "-c", "while :; do :; done")
    assert run(any_sandbox, *spin, limits=Limits(cpu_seconds=1)).killed == "cpu"


def test_output_limit_keeps_head_and_tail(any_sandbox):
    outcome = run(any_sandbox, "sh", "-c", "echo first; exec yes", limits=Limits(output_kb=4))
    assert (outcome.exit_code, outcome.killed) == (None, "output")
    assert outcome.stdout.startswith(b"first\n") and outcome.stdout.endswith(b"y\n")
    assert b"bytes left out]" in outcome.stdout
    assert len(outcome.stdout) < 4096 + 64


def test_cpu_limit_counts_every_process_even_those_that_have_ended(sandbox):
    source = """
        import os, time
        for _ in range(9):
            if os.fork() == 0:
                while time.process_time() < 0.3:
                    pass
                os._exit(0)
            os.wait()
    """
    assert python(sandbox, source, limits=Limits(cpu_seconds=1)).killed == "cpu"


def test_fork_bomb(sandbox):
    bomb = "import os, time\nwhile True:\n try: os.fork()\n except OSError: time.sleep(0.01)"
    outcome = python(sandbox, bomb, limits=Limits(processes=24, wall_seconds=30))
    assert outcome.killed == "processes"


@pytest.mark.parametrize("parent", ["", "import os; os.fork() and os.wait() and None; "])
def test_memory_bomb(sandbox, parent):
    bomb = parent + "hoard = []\nwhile True: hoard.append(bytearray(1 << 22))"
    limits = Limits(memory_mb=96, disk_mb=16, wall_seconds=30)
    assert python(sandbox, bomb, limits=limits).killed == "memory"


def test_memory_shared_after_a_fork_is_counted_once(sandbox):
    source = """
        import os, time
        hoard = bytearray(60 << 20)
        for _ in range(4):
            os.fork()
        time.sleep(0.4)
    """
    assert python(sandbox, source, limits=Limits(memory_mb=256)).ok


@pytest.mark.parametrize("place", [".", "/tmp", "/dev/shm"])
def test_disk_filling(sandbox, place):
    script = f"cat /dev/zero >{place}/full; sleep 1000"
    limits = Limits(disk_mb=8, wall_seconds=30)
    assert run(sandbox, "sh", "-c", script, limits=limits).killed == "disk"


def test_a_sparse_file_cannot_flood_the_host(sandbox):
    outcome = run(sandbox, "truncate", "-s", "1T", "hole", collect=("*",))
    assert (outcome.killed, outcome.files) == ("disk", {})


def test_input_larger_than_the_disk_limit(sandbox):
    outcome = run(sandbox, "true", files={"big": bytes(3 << 20)}, limits=Limits(disk_mb=2))
    assert outcome.killed == "disk"


# Isolation.


def test_no_network_not_even_the_hosts_loopback(sandbox):
    attempts = """
        import socket, sys
        def refused(attempt):
            try:
                attempt()
            except OSError:
                return True
        assert refused(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2))
        assert refused(lambda: socket.create_connection(("1.1.1.1", 53), 2))
        assert refused(lambda: socket.getaddrinfo("example.org", 80))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        assert refused(lambda: udp.sendto(b"?", ("8.8.8.8", 53)))
        abstract = socket.socket(socket.AF_UNIX)
        assert refused(lambda: abstract.connect(sys.argv[2]))
        own = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(own.getsockname(), 2)
    """
    name = "\0" + secrets.token_hex(8)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(name)
        unix.listen()
        port = server.getsockname()[1]
        attempts = attempts.replace("sys.argv[2]", repr(name))
        outcome = python(sandbox, attempts, str(port))
    assert outcome.ok, outcome.text()


def test_nothing_of_ours_can_be_read(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    source = Path(sandboxes.__file__).parent
    hidden = [secret, source, source.parent / "pyproject.toml", Path.home() / ".ssh"]
    assert run(sandbox, "ls", "-d", *map(str, hidden)).stdout == b""
    outcome = run(sandbox, "sh", "-c", "cat /proc/*/environ /proc/*/cmdline /proc/*/mountinfo")
    assert b"hunter2" not in outcome.stdout


def test_nothing_outside_can_be_written(sandbox):
    name = f"intruder-{secrets.token_hex(4)}"
    places = ["/", "/usr", "/usr/bin", "/etc", "/dev", "/proc", sys.prefix, sys.base_prefix]
    script = "for p in " + " ".join(places) + f"; do mkdir $p/{name} 2>/dev/null && echo $p; done"
    outcome = run(sandbox, "sh", "-c", script + "; echo 1 >/proc/sys/kernel/panic; echo end")
    assert outcome.stdout == b"end\n"
    assert not any(Path(place, name).exists() for place in places)


def test_no_privileges_and_no_way_to_get_any(sandbox):
    status = run(sandbox, "cat", "/proc/self/status").stdout.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split() and "0" not in fields["Gid"].split()
    assert [int(fields[kind], 16) for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb")] == [0] * 4
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    assert run(sandbox, "unshare", "--user", "true").exit_code == 1
    assert run(sandbox, "mount", "-t", "tmpfs", "none", "/tmp").exit_code != 0


def test_a_daemon_neither_holds_the_call_nor_outlives_it(sandbox):
    marker = secrets.token_hex(8)
    daemon = """
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for second in range(1000):
                    time.sleep(1)
            os._exit(0)
        os.wait()
        print("parent done", flush=True)
    """
    outcome = python(sandbox, daemon, marker, limits=Limits(wall_seconds=60))
    assert (outcome.exit_code, outcome.stdout) == (0, b"parent done\n")
    assert alive(marker) == []


def test_every_process_is_dead_after_a_limit(sandbox):
    marker = secrets.token_hex(8)
    script = f"(setsid sh -c 'sleep 1000; : {marker}' &); sleep 1000; : {marker}"
    assert run(sandbox, "sh", "-c", script, limits=Limits(wall_seconds=1)).killed == "wall"
    assert alive(marker) == []


def test_nothing_survives_a_call(sandbox):
    leave = "echo 1 | tee left /tmp/left /dev/shm/left"
    assert run(sandbox, "sh", "-c", leave).ok
    assert run(sandbox, "sh", "-c", "ls /box /tmp /dev/shm | grep left").exit_code == 1


def test_links_and_special_files_are_not_collected(sandbox):
    script = """
        ln -s /etc/passwd link; ln -s /etc folder; ln -s ../../../etc/passwd up
        mkfifo pipe; echo secret >closed; chmod 000 closed; mkdir sub; ln -s / sub/root
        echo fine >real; touch "$(printf 'odd\\377name')"
    """
    outcome = run(sandbox, "sh", "-c", script, collect=("**",))
    assert outcome.ok, outcome.text()
    assert outcome.files.pop("real") == b"fine\n"
    assert set(outcome.files.values()) <= {b""}  # the oddly named one


def test_attacks_on_the_supervisor_are_the_commands_own_failure(sandbox):
    attack = """
        import os, struct
        for number in (9, 15, 19):
            os.kill(1, number)
        for fd in os.listdir("/proc/1/fd"):
            try:
                with open(f"/proc/1/fd/{fd}", "wb", buffering=0) as stream:
                    stream.write(b"K" + struct.pack(">I", 6) + b"memory" + b"\\xff" * 4096)
            except OSError:
                pass
        print("done")
    """
    outcome = python(sandbox, attack, limits=Limits(wall_seconds=20))
    assert outcome.files == {} and outcome.killed in (None, "memory", "wall")
    assert run(sandbox, "true").ok


def test_the_sandbox_dies_with_its_owner(sandbox):
    marker = secrets.token_hex(8)
    source = """
        import sys
        from sandboxes import Command, probe
        box = probe.open_sandbox(sys.argv[1])
        box.run(Command(("sh", "-c", "sleep 1000; : " + sys.argv[2])))
    """
    owner = subprocess.Popen(
        [PYTHON, "-c", textwrap.dedent(source), sandbox.name, marker],
        cwd=Path(sandboxes.__file__).parents[1],
    )
    try:
        eventually(lambda: len(alive(f": {marker}")) > 0)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    eventually(lambda: alive(f": {marker}") == [])


def eventually(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("did not come about within 30 s")


# The toolchain.

COUNTER = b"""
module tb;
  reg [3:0] n = 0;
  initial begin repeat (5) #1 n = n + 1; $display("n=%0d", n); $finish; end
endmodule
"""


def test_cpp_built_by_one_call_runs_in_another(sandbox):
    source = b'#include <iostream>\nint main() { std::cout << 6 * 7 << "\\n"; }\n'
    built = run(sandbox, "g++", "a.cpp", "-o", "a", files={"a.cpp": source}, collect=("a",))
    assert built.ok, built.text()
    assert run(sandbox, "./a", files=built.files).stdout == b"42\n"


def test_icarus_compiles_and_simulates(sandbox):
    outcome = run(sandbox, "sh", "-c", "iverilog -o tb tb.v && vvp tb", files={"tb.v": COUNTER})
    assert outcome.stdout.startswith(b"n=5\n"), outcome.text()


def test_python_packages_of_this_environment_are_there(sandbox):
    outcome = python(sandbox, "import pyosys, os.path, sys; print(sys.prefix)")
    assert outcome.stdout.decode().strip() == sys.prefix, outcome.text()


def test_an_environment_under_tmp_is_not_hidden(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    (tmp_path / "marker").write_text("here")
    prefixes = [*view._python_prefixes(), str(tmp_path)]
    monkeypatch.setattr(view, "_python_prefixes", lambda: prefixes)
    outcome = run(BubblewrapSandbox(), "cat", str(tmp_path / "marker"))
    assert outcome.stdout == b"here", outcome.text()


def test_concurrent_calls_do_not_meet(sandbox):
    def call(number):
        script = f"echo {number} >own; sleep 0.2; cat own; ls | wc -l; ls /proc | grep -c '^[0-9]'"
        return run(sandbox, "sh", "-c", script).stdout.split()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, range(8)))
    assert [answer[:2] for answer in answers] == [[b"%d" % n, b"1"] for n in range(8)]
    assert all(int(answer[2]) <= 5 for answer in answers)
