"""A superscalar core that is handed over: what is run on it, and what is said of it."""

import json
from copy import deepcopy

import pytest

from agents.learner import CircuitTask
from graphs.learn_wide import cycles, ran
from memory.records import Evidence
from qimeng.cpu_report import markdown
from tools.bsd.catalogue import boxes_of
from tools.bsd.package import Package
from tools.bsd.rv32i.program import run_program
from tools.bsd.superscalar import wide
from tools.bsd.superscalar.core import core
from tools.bsd.superscalar.issue import TWO, Selection
from tools.bsd.superscalar.speculator import Design

CHOSEN = Selection(frozenset([5, 6, 8, 9]), 3)
WORDS = {"registers": sorted(CHOSEN.registers), "words": CHOSEN.words}
SUMMARY = {
    "box": "rv32i", "proof": "proved", "mutants_refused": "3 of 3", "outputs": 135, "nodes": 1,
    "cells": 1, "queries": 1, "seconds": 1.0, "cpu_seconds": 1.0, "formal_counterexamples": 0,
    "wrong_vectors_by_round": [0], "seed": 1,
    "area": dict.fromkeys(("small_ands", "small_levels", "luts", "lut_levels"), 1),
}  # fmt: skip
SUMMARY["reference_area"] = SUMMARY["area"]
ROW = {"as_simulated": True, "instructions": 10, "cycles": 6, "model_cycles": 6, "wrong": 0}
FIGURES = SUMMARY | {
    "box": "rv32i_wide2", "needs": SUMMARY | {"outputs": 2}, "width": 2, "selected": WORDS,
    "tables": [
        {"level": "-O2", "width": 2, "ports": 1, "ipc": {"none": {"ipc": 1.5, "mispredictions": 0}}}
    ],
    "programs": {"chain": {"sha-O2": ROW | {"used": 4}}},
    "cycle": {"chain": SUMMARY["area"]},
}  # fmt: skip


def _loop() -> bytes:
    """Sums that need each other, through registers and one memory word, nine times."""
    body = [0x00530313, 0x006282B3, 0x40502023, 0x40002403, 0x005404B3]
    words = [0x00900393, *body, 0xFFF38393, 0xFE0394E3, 0x00000073]
    return b"".join(word.to_bytes(4, "little") for word in words)


@pytest.fixture
def handed_over(monkeypatch):
    """A core around the reference modules, under the learned ones' names; one program."""
    monkeypatch.setattr(wide, "workload", lambda sandbox: {"loop": _loop()})
    own = wide.parts(1)
    texts = {f"{b.box.name}.v": b.reference for b in boxes_of("rv32i_wide2")}
    for name, text in texts.items():
        texts[name] = text.replace(f"{name[:-2]}_reference", name[:-2])
    return texts | {"processor.v": core(Design(own, TWO, CHOSEN, "chain"))}


def test_the_text_that_is_handed_over_is_what_runs(handed_over, sandbox):
    assert run_program(_loop()).instructions > 40
    rows = wide.again(FIGURES, handed_over, sandbox)
    assert wide.right(rows)
    assert rows["loop"]["cycles"] == rows["loop"]["model_cycles"]
    assert rows["loop"]["used"] > 0
    passed = ran("c", FIGURES, rows)
    assert (passed.outcome, passed.evidence) == ("pass", Evidence.TESTED)
    assert "137 output bits" in passed.reason
    late = handed_over["processor.v"].replace("first1_from0 ? said0 :", "1'b0 ? said0 :")
    assert late != handed_over["processor.v"]
    spoiled = wide.again(FIGURES, handed_over | {"processor.v": late}, sandbox)
    assert not wide.right(spoiled)
    assert (ran("c", FIGURES, spoiled).outcome, ran("c", FIGURES, "no").outcome) == ("fail", "fail")


def test_a_wrong_speculated_value_fails_though_the_program_ends_well():
    assert not wide.right({"sha": ROW | {"wrong": 1}})
    assert wide.right({"sha": ROW})


def test_everything_that_was_learned_must_be_proved_and_every_program_right():
    made = Package(FIGURES, {})
    assert made.proved and made.ran
    for spoiled in ({"proof": "unknown"}, {"mutants_refused": "2 of 3"}):
        assert not Package(FIGURES | {"needs": FIGURES["needs"] | spoiled}, {}).proved
        assert not Package(FIGURES | spoiled, {}).proved
    figures = deepcopy(FIGURES)
    figures["programs"]["chain"]["sha-O2"]["as_simulated"] = False
    assert not Package(figures, {}).ran


def test_figures_and_interface_are_shown():
    metrics = cycles(FIGURES)
    assert metrics["-O2, no speculation"].value == 1.5 and metrics["a cycle, chain"].value == 1
    text = markdown(Package(FIGURES, {}))
    assert "| none | 1.500 |" in text and "4 speculated values used, 0 wrong" in text
    contract = CircuitTask("rv32i_wide2", boxes_of("rv32i_wide2")).contract
    assert json.loads(json.dumps(contract))["top"] == "rv32i_wide2"
    names = [port["name"] for port in contract["ports"]]
    assert "instr1" in names and "instr2" not in names and "load1" not in names
