"""Progress while a run works: plain lines without a terminal, a live line with one."""

import os
import pty
import re
import subprocess
import sys

from qimeng.console import progress

SHOW = """
import sys
from memory.events import read_events
from pathlib import Path
from qimeng.console import progress
with progress(False) as listener:
    for event in read_events(Path(sys.argv[1])):
        listener(event)
"""


def replay(path, began=0.0):
    """Show a finished log as if it happened now."""
    code = SHOW.replace("listener(event)", f"listener(replace(event, at=event.at + {began!r}))")
    return [sys.executable, "-c", "from dataclasses import replace\n" + code, str(path)]


def told(tell, evil=""):
    teller = tell(evil, tokens=40000)
    teller.whole()
    return teller.run.folder / "events.jsonl"


def test_plain_lines_go_to_stderr_one_for_each_event_that_matters(tell):
    shown = subprocess.run(
        replay(told(tell, "\x1b[31m\nsecond line"), 1e6), capture_output=True, text=True, check=True
    )
    assert shown.stdout == ""
    lines = shown.stderr.splitlines()
    assert all(re.match(r"\[ +\d+\.\d s\] \w+: ", line) for line in lines)
    assert "\x1b" not in shown.stderr
    for part in ("goal:", "40,000 tokens", "plan: rtl", "interface:", "design-2: fail", "measured"):
        assert part in shown.stderr
    assert "asks embedded" not in shown.stderr


def test_what_an_earlier_process_did_is_not_shown_again(tell):
    shown = subprocess.run(replay(told(tell), -1e6), capture_output=True, text=True, check=True)
    assert shown.stderr == ""


def test_a_terminal_gets_lasting_lines_and_a_status_line(tell):
    log = told(tell)
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    child = subprocess.Popen(
        replay(log, 1e6), stdout=subprocess.DEVNULL, stderr=slave, env=environment
    )
    os.close(slave)
    raw = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        raw += piece
    os.close(master)
    assert child.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw.decode())
    assert "design-2: fail" in text
    assert "490 of 40,000 tokens" in text
    assert raw.rfind(b"\x1b[?25h") > raw.rfind(b"\x1b[?25l"), "the cursor comes back"


def test_quiet_is_silent(tell, capfd):
    teller = tell()
    with progress(True) as listener:
        teller.run.listeners.append(listener)
        teller.whole()
    assert capfd.readouterr() == ("", "")
