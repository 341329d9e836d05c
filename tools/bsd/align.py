"""Vectors in which two words are alike weight by weight, wherever their wires lie.

A carry runs on through the bits in which two added words differ, and what two compared words
have in common decides nothing. `probes` knows words by their ports alone. Here the significance
that a scan found pairs their wires, also those of a field that is scattered over a port.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tools.bsd.box import Words
from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints
from tools.bsd.probes import Prober


def aligned(prober: Prober, weights: Mapping[int, int], parents: Words, count: int) -> Words:
    """``count`` children of given vectors. In each, the wires of one port take over a run of
    weights from another port, as they are or complemented; ``weights`` says the significance
    of the wires that matter. Where fewer than two ports do, children are as their parents."""
    children: Words = parents[:, prober.rng.integers(parents.shape[1], size=count)]
    bits = prober.box.input_bits
    wires = np.array([(*bits[w], weight) for w, weight in weights.items()], dtype=np.int64)
    ports = np.unique(wires[:, 0]) if len(wires) else wires
    if len(ports) > 1:
        place = np.full((len(parents), int(wires[:, 2].max()) + 1), -1)
        place[wires[:, 0], wires[:, 2]] = wires[:, 1]
        luck = prober.rng.integers(1 << 62, size=(5, count))
        _align(children, wires, ports, place, luck)
    return children


@compiled
def _align(vectors: Words, wires: Ints, ports: Ints, place: Ints, luck: Ints) -> None:
    """``wires`` are (port, bit, weight), ``place[port, weight]`` is a bit or -1."""
    one = np.uint64(1)
    for n in range(vectors.shape[1]):
        low = wires[luck[0, n] % len(wires), 2]
        high = low + 1 + luck[1, n] % place.shape[1]
        target = luck[2, n] % len(ports)
        source = ports[(target + 1 + luck[3, n] % (len(ports) - 1)) % len(ports)]
        flip = np.uint64(luck[4, n] & 1)
        for k in range(len(wires)):
            port, bit, weight = wires[k]
            if port != ports[target] or weight < low or weight >= high:
                continue
            if place[source, weight] >= 0:
                value = vectors[source, n] >> np.uint64(place[source, weight]) & one ^ flip
                cleared = vectors[port, n] & ~(one << np.uint64(bit))
                vectors[port, n] = cleared | value << np.uint64(bit)
