"""The simulator against Spike's log: what differs is told, and with Spike here nothing does."""

import numpy as np
import pytest

from evals import spike
from evals.bsd_spike import judged_stream
from evals.spike import BASE, NoSpike, find_spike, read, replay

LOG = """\
core   0: 0x80000000 (0x800002b7) lui     t0, 0x80000
core   0: 3 0x80000000 (0x800002b7) x5  0x80000000
core   0: 0x80000004 (0x00502823) sw      t0, 16(zero)
core   0: exception trap_store_access_fault, epc 0x80000004
core   0:           tval 0x00000010
core   0: 0x80000004 (0x00529923) sh      t0, 18(t0)
core   0: 3 0x80000004 (0x00529923) mem 0x80000012 0x0000
core   0: 0x80000008 (0x0112c303) lbu     t1, 17(t0)
core   0: 3 0x80000008 (0x0112c303) x6  0x000000cd mem 0x80000011
core   0: 0x8000000c (0x00628463) beq     t0, t1, pc + 8
core   0: 3 0x8000000c (0x00628463)
core   0: 0x80000010 (0x0012a303) lw      t1, 1(t0)
core   0: exception trap_load_address_misaligned, epc 0x80000010
core   0:           tval 0x80000001
core   0: 0x80000014 (0x00000013) nop
"""
IMAGE = bytes(16) + bytes.fromhex("abcdef01")
FAULT = 1
"""An access fault is no trap of ours: memory is whoever's who builds the machine."""


def test_a_log_is_read_and_replayed():
    entries = read(LOG)
    assert len(entries) == 7
    assert (entries[3].wrote, entries[3].address, entries[3].stored) == ((6, 0xCD), BASE + 17, None)
    assert entries[2].stored == (0, 2)
    wrong = replay(entries, IMAGE)
    assert len(wrong) == 3 and all("0x00502823 at 0x80000004" in told for told in wrong)
    del entries[FAULT]
    assert replay(entries, IMAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("x5  0x80000000", "x5  0x80000001", "x5_next"),
        ("x6  0x000000cd", "x6  0xffffffcd", "x6_next"),
        ("mem 0x80000011", "mem 0x80000010", "addr"),
        ("mem 0x80000012 0x0000", "mem 0x80000012 0x00000000", "strb"),
        ("mem 0x80000012 0x0000", "mem 0x80000012 0x0001", "wdata"),
        ("tval 0x80000001", "tval 0x80000002", "addr"),
        ("0x80000010 (0x0012a303) lw", "0x80000014 (0x0012a303) lw", "npc"),
        ("core   0: exception trap_load_address_misaligned, epc 0x80000010\n", "", "trap"),
    ],
)
def test_what_differs_is_told(old, new, name):
    assert old in LOG
    entries = read(LOG.replace(old, new))
    del entries[FAULT]
    assert any(f": {name} is" in told for told in replay(entries, IMAGE))


@pytest.fixture(scope="module")
def simulator():
    try:
        return find_spike()
    except NoSpike as error:
        pytest.skip(str(error))


def test_random_streams_do_what_spike_does(simulator, monkeypatch):
    found = judged_stream(1, 8000, simulator)
    assert found["different"] == []
    assert (len(found["kinds"]), len(found["traps"])) == (38, 6)
    assert {lane for lane in found["lanes"] if lane.startswith("store 0")} == {
        f"store 0 at {k}" for k in range(4)
    }
    right = spike.step_whole
    for name in ("npc", "addr", "wdata", "strb", "trap", "x7_next"):
        spoiled = _spoiled(right, name)
        monkeypatch.setattr(spike, "step_whole", spoiled)
        told = judged_stream(1, 2000, simulator)["different"]
        assert told and all(f": {name} is" in one for one in told)


def _spoiled(step, name):
    def wrong(batch):
        answers = dict(step(batch))
        answers[name] = answers[name] ^ (batch["instr"] >> np.uint64(31))
        return answers

    return wrong
