"""Broken snippets as weak models write them: which rule mends each, and what comes out."""

from pathlib import Path

import pytest

from sandboxes import Command
from tools.hdl.batch import simulate_many
from tools.hdl.compare import first_difference
from tools.hdl.interface import extract
from tools.hdl.repair import RULES, diagnose, repair
from tools.hdl.stimuli import stimuli

CORPUS = Path(__file__).with_name("repair_corpus.txt").read_text()


def _entries():
    for block in CORPUS.split("=== ")[1:]:
        head, _, rest = block.partition("\n")
        name, _, rules = head.partition(" : ")
        broken, _, reference = rest.partition("\n---")
        yield pytest.param({r.strip() for r in rules.split(",")}, broken, reference, id=name)


ENTRIES = list(_entries())


@pytest.mark.parametrize(("rules", "broken", "reference"), ENTRIES)
def test_snippet_is_mended_as_meant(rules, broken, reference, sandbox):
    contract = extract(reference, "m")
    mended = repair(broken, contract)
    assert rules & set(mended.applied), mended
    assert mended.clean, mended
    stimulus = stimuli(contract, cycles=120)
    want, have = simulate_many([reference, mended.source], contract, stimulus, sandbox)
    assert have.simulator == "icarus", have
    assert first_difference(want, have) is None


@pytest.mark.parametrize(("rules", "broken", "reference"), ENTRIES)
def test_reference_is_left_alone(rules, broken, reference):
    contract = extract(reference, "m")
    assert repair(reference, contract).source == reference


def test_corpus_shows_every_rule_and_icarus_agrees_it_is_broken(sandbox):
    shown = set().union(*(entry.values[0] for entry in ENTRIES))
    assert shown == {rule.name for rule in RULES}
    semantic = {rule.name for rule in RULES if rule.semantic} | {
        "testbench_dropped", "simulation_code_dropped", "port_added", "port_removed", "port_name",
        "module_name", "header_rewritten", "duplicate_declaration", "range_after_name",
    }  # fmt: skip
    for entry in ENTRIES:
        rules, broken, reference = entry.values
        if rules & semantic:
            assert diagnose(broken, extract(reference, "m")), entry.id
            continue
        files = {"broken.sv": broken.encode()}
        argv = ("iverilog", "-g2012", "-o", "out", "broken.sv")
        assert not sandbox.run(Command(argv=argv, files=files)).ok, entry.id
