import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.bsd.box import Box, Port
from tools.bsd.mutate import mutant
from tools.bsd.netlist import FALSE, TRUE, Netlist, input_planes
from tools.bsd.probes import Prober
from tools.bsd.verilog import to_verilog

WIRES = 6
BOX = Box("f", (Port("x", WIRES),), (Port("y", 1),), lambda batch: {"y": batch["x"] & np.uint64(1)})
EVERY = np.arange(1 << WIRES, dtype=np.uint64)[None, :]


def build(table, wire=0):
    """The netlist literal of a truth table, wires in rising order; an independent Shannon."""

    def grow(netlist, rows, wire):
        if len(set(rows)) == 1:
            return TRUE if rows[0] else FALSE
        return netlist.node(
            wire, grow(netlist, rows[0::2], wire + 1), grow(netlist, rows[1::2], wire + 1)
        )

    netlist = Netlist()
    return netlist, grow(netlist, table, wire)


def values(netlist, literals):
    planes = netlist.simulate(input_planes(BOX, EVERY), literals)
    return np.unpackbits(planes.view(np.uint8), axis=1, bitorder="little")[:, : 1 << WIRES]


tables = st.lists(st.booleans(), min_size=1 << WIRES, max_size=1 << WIRES)


@settings(max_examples=30)
@given(tables)
def test_simulation_returns_the_truth_table(table):
    netlist, literal = build(table)
    both = values(netlist, [literal, literal ^ 1])
    assert both[0].astype(bool).tolist() == table
    assert (both[0] ^ both[1]).all()


@settings(max_examples=30)
@given(tables)
def test_a_function_and_its_complement_share_all_nodes(table):
    netlist, literal = build(table)
    before = len(netlist)

    def grow(rows, wire):
        if len(set(rows)) == 1:
            return TRUE if rows[0] else FALSE
        return netlist.node(wire, grow(rows[0::2], wire + 1), grow(rows[1::2], wire + 1))

    assert grow([not row for row in table], 0) == literal ^ 1
    assert len(netlist) == before


@settings(max_examples=20)
@given(tables, st.integers(0, 2**32))
def test_a_mutant_is_another_function(table, seed):
    netlist, literal = build(table)
    if not len(netlist.reachable([literal])):
        return
    wrong, [root] = mutant(netlist, [literal], np.random.default_rng(seed))
    assert (values(netlist, [literal]) != values(wrong, [root])).any()


def test_long_simulations_agree_with_short_ones():
    netlist, literal = build([bool(n % 3) for n in range(1 << WIRES)])
    vectors = Prober(BOX, 3).mixed(64 * 150 + 5)
    planes = netlist.simulate(input_planes(BOX, vectors), [literal])
    bits = np.unpackbits(planes.view(np.uint8), bitorder="little")[: vectors.shape[1]]
    assert bits.tolist() == [int(x % 3 > 0) for x in vectors[0].tolist()]


def test_verilog_of_constants_and_wires():
    netlist = Netlist()
    wire = netlist.node(2, FALSE, TRUE)
    text = to_verilog(BOX, netlist, [wire ^ 1])
    assert "assign y = ~x[2];" in text
    assert "assign y = 1'b1;" in to_verilog(BOX, netlist, [TRUE])
    assert "assign y = 1'b0;" in to_verilog(BOX, netlist, [FALSE])
