"""Small boxes are learned and proved; wrong netlists and impossible boxes are refused."""

import numpy as np
import pytest

from tools.bsd.aig import AigError
from tools.bsd.box import Box, BoxError, Port
from tools.bsd.boxes import FAMILIES, example
from tools.bsd.cells import cells_of, decode
from tools.bsd.job import MUTANTS, run
from tools.bsd.learn import Learner, Settings, learn
from tools.bsd.portfolio import TooLarge
from tools.bsd.probes import Prober
from tools.bsd.prove import prove
from tools.bsd.verilog import to_verilog

QUICK = Settings(seed=1, vectors=1 << 16)


@pytest.mark.parametrize(
    ("name", "most_nodes"),
    [
        ("adder8", 35),
        ("adder32", 155),
        ("less16", 47),
        ("equal32", 95),
        ("shifter16", 200),
        ("alu8", 400),
        ("decoder4", 60),
        ("crc8", 200),
        ("priority16", 80),
        ("bcd8", 120),
        ("fclass32", 300),
    ],
)
def test_learned_and_proved(name, most_nodes, sandbox):
    """The node bounds are those of a good order: a bad one is many times larger."""
    chosen = example(name)
    learned = learn(chosen.box, QUICK)
    verilog = to_verilog(chosen.box, learned.netlist, learned.literals)
    assert prove(chosen.box, verilog, chosen.reference, sandbox).status == "proved"
    assert learned.nodes <= most_nodes
    assert learned.queries > 0
    assert learned.wrong[-1] == 0


def test_the_job_reports_proof_mutants_and_area(sandbox):
    chosen = example("adder4")
    summary = run(chosen.box, chosen.reference, sandbox, QUICK).summary()
    assert summary["evidence"] == "proved"
    assert summary["mutants_refused"] == f"{MUTANTS} of {MUTANTS}"
    assert summary["formal_counterexamples"] == 0
    assert 0 < summary["area"]["luts"] <= 2 * summary["reference_area"]["luts"]


def _crc_of_sums():
    """Each bit of CRC-32 as the exclusive or of the input wires that turn it over, sorted."""
    step, words = example("crc32").box.step, {"crc": 32, "data": 32}
    sums = [[] for _ in range(32)]
    for name, width in words.items():
        for bit in range(width):
            batch = {n: np.array([(1 << bit) * (n == name)], dtype=np.uint64) for n in words}
            changed = int(step(batch)["y"][0])
            for k in range(32):
                sums[k] += [f"{name}[{bit}]"] * (changed >> k & 1)
    lines = [f"  assign y[{k}] = {' ^ '.join(terms)};" for k, terms in enumerate(sums)]
    head = "module sums(input [31:0] crc, data, output [31:0] y);"
    return "\n".join([head, *lines, "endmodule\n"])


def test_a_network_of_exclusive_ors_is_proved_by_diagrams(sandbox):
    """Two CRC circuits of one function and other structure: minutes for a SAT solver."""
    chosen = example("crc32")
    unrolled = _crc_of_sums()
    assert prove(chosen.box, unrolled, chosen.reference, sandbox).status == "proved"
    wrong = unrolled.replace("crc[3]", "crc[4]", 1)
    assert prove(chosen.box, wrong, chosen.reference, sandbox).status == "different"


def test_a_wrong_reference_is_an_error_not_a_lesson(sandbox):
    """The box is right by definition: learning from the reference would be cheating."""
    chosen = example("adder4")
    wrong = chosen.reference.replace("a + b", "a + b + (a == 3)")
    with pytest.raises(RuntimeError, match="the box and its reference disagree for a=0x3 b="):
        run(chosen.box, wrong, sandbox, QUICK)


def test_a_proof_needs_the_same_ports(sandbox):
    chosen = example("adder4")
    with pytest.raises(AigError):
        prove(chosen.box, chosen.reference, example("adder8").reference, sandbox)


def needle(width):
    """1 for a single query of 2^width: no random probe finds it."""
    secret = np.uint64(0x5A5A5A5A5A5A & ((1 << width) - 1))
    box = Box(
        f"needle{width}",
        (Port("a", width),),
        (Port("y", 1),),
        lambda batch: {"y": (batch["a"] == secret).astype(np.uint64)},
    )
    text = f"module r(input [{width - 1}:0] a, output y); assign y = a == {secret}; endmodule"
    return box, text


def test_a_needle_is_learned_from_the_proofs_counterexample(sandbox):
    box, reference = needle(30)
    report = run(box, reference, sandbox, QUICK)
    assert report.proof.status == "proved"
    assert report.learned.formal >= 1


def test_what_no_counterexample_may_teach_is_reported_as_different(sandbox, monkeypatch):
    """The proof is of the text that is handed over, also when the rounds are used up."""
    monkeypatch.setattr("tools.bsd.job.MOST_FORMAL_ROUNDS", 0)
    box, reference = needle(30)
    report = run(box, reference, sandbox, QUICK)
    assert (report.proof.status, report.learned.formal) == ("different", 0)
    assert prove(box, report.verilog, reference, sandbox).status == "different"


def test_a_needle_fools_random_rounds_but_not_the_proof(sandbox):
    box, reference = needle(30)
    learned = learn(box, QUICK)
    assert learned.nodes == 0
    verilog = to_verilog(box, learned.netlist, learned.literals)
    assert prove(box, verilog, reference, sandbox).status == "different"


def test_multipliers_are_refused_naming_what_was_tried():
    with pytest.raises(TooLarge, match=r"more than 256 nodes in every order tried: all/msb"):
        learn(example("multiplier10").box, Settings(nodes=256))


def test_a_bad_box_is_refused_before_learning():
    rng = np.random.default_rng(1)
    box = Box(
        "coin",
        (Port("a", 4),),
        (Port("y", 1),),
        lambda batch: {"y": rng.integers(0, 2, len(batch["a"]), np.uint64)},
    )
    with pytest.raises(BoxError, match="not a function"):
        learn(box, QUICK)


def test_same_seed_same_netlist_other_seed_same_function(sandbox):
    box = example("alu4").box
    one, two, three = (learn(box, Settings(seed=s, vectors=1 << 16)) for s in (1, 1, 2))
    texts = [to_verilog(box, r.netlist, r.literals) for r in (one, two, three)]
    assert texts[0] == texts[1]
    assert prove(box, texts[0], texts[2], sandbox).status == "proved"


def test_the_decode_tree_finds_control_wires_and_leaves_data_alone():
    """The multiplexer's select wires decide what matters; an adder's operands decide nothing."""

    def choose(batch):
        ports = [batch[name] for name in "abcd"]
        return {"y": np.choose(batch["sel"].astype(np.int64), ports)}

    inputs = (*(Port(name, 8) for name in "abcd"), Port("sel", 2))
    box = Box("mux", inputs, (Port("y", 8),), choose)
    learner = Learner(box, QUICK, lambda _: None)
    cells = list(cells_of(decode(learner.oracle, learner.prober)))
    assert len(cells) == 4
    assert all(int(cell.path.mask[4]) == 3 for cell in cells)
    adder = Learner(example("adder16").box, QUICK, lambda _: None)
    assert len(list(cells_of(decode(adder.oracle, adder.prober)))) == 1


def test_probes_reach_long_carry_chains():
    """Uniform words practically never carry through 24 bits; shaped probes do."""
    box = example("adder32").box
    prober = Prober(box, 1)

    def chains(vectors):
        a, b = vectors
        return int((((a ^ b) & np.uint64(0xFFFFFF)) == np.uint64(0xFFFFFF)).sum())

    assert chains(prober.uniform(1 << 15)) <= 2
    assert chains(prober.mixed(1 << 15)) > 100


@pytest.mark.parametrize("family", FAMILIES)
def test_every_box_and_its_reference_have_the_same_ports(family, sandbox):
    chosen = example(f"{family}16" if family == "fclass" else f"{family}4")
    learned = learn(chosen.box, QUICK)
    verilog = to_verilog(chosen.box, learned.netlist, learned.literals)
    assert prove(chosen.box, verilog, chosen.reference, sandbox).status == "proved"


def test_an_unknown_example_lists_the_families():
    with pytest.raises(ValueError, match=r"adderN.*multiplierN"):
        example("banana7")
