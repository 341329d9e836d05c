"""At most N at work; a dead holder frees its slot."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memory import slots

HOLD = "from memory.slots import slot\nwith slot():\n    print('held', flush=True)\n    input()\n"


@pytest.fixture(autouse=True)
def two_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path))
    monkeypatch.setenv("QIMENG_MAX_RUNS", "2")


def test_never_more_than_the_limit_at_work_and_everyone_gets_a_turn() -> None:
    at_work, most, waited, ended = [], [], [], []
    guard = threading.Lock()

    def work(number: int) -> None:
        with slots.slot(waited.append):
            with guard:
                at_work.append(number)
                most.append(len(at_work))
            threading.Event().wait(0.05)
            with guard:
                at_work.remove(number)
                ended.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ended) == list(range(6)) and max(most) == 2
    assert waited and set(waited) == {2}


def test_a_killed_holder_frees_its_slot() -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for holder in holders:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
    told = threading.Event()
    got = threading.Event()

    def wait() -> None:
        with slots.slot(lambda busy: told.set()):
            got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert told.wait(20) and not got.is_set()
    os.kill(holders[0].pid, signal.SIGKILL)
    assert got.wait(20)
    thread.join()
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize(("said", "limit"), [("3", 3), ("0", 1), ("many", os.cpu_count())])
def test_the_limit_is_read_from_the_environment(
    said: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIMENG_MAX_RUNS", said)
    assert slots.limit() == limit
