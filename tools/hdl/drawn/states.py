"""State diagrams and state tables in text, turned into a machine in Verilog.

    IDLE (busy=0) --start=0--> IDLE            state | next state in=0, next state in=1 | out
    IDLE (busy=0) --start=1--> RUN             A     | A, B                             | 0
    RUN  (busy=1) -----------> IDLE            B     | A, B                             | 1

Outputs stand in brackets after the state (Moore) or after the condition (Mealy); bare values are
those of the only input, and of the outputs in their order. A named output that a state leaves
out is 0 there. Every state must say what follows for every input, once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tools.hdl.contract import Contract, Port
from tools.hdl.drawn.rows import cells_of

Values = Mapping[str, int]
_ARROW = re.compile(
    r"^[ \t]*(?P<state>\w+)[ \t]*(?:\((?P<moore>[^()\n]*)\))?[ \t]*(?:-+(?P<given>[^()>\n]*?)"
    r"(?:\((?P<mealy>[^()\n]*)\))?[ \t]*-+>|-+>|→)[ \t]*(?P<next>\w+)[ \t]*$",
    re.MULTILINE,
)
_SETTING = re.compile(r"(\w+)\s*=\s*([01])")
_MOST_INPUTS = 8
_OWN = {"state", "next"}  # what the module itself calls something


@dataclass(frozen=True, slots=True)
class Edge:
    """One transition. ``given`` are the inputs that it asks for, ``outputs`` what is put out."""

    state: str
    given: Values
    next: str
    outputs: Values


def read_machine(text: str, contract: Contract) -> str | None:
    """The machine that a text draws, as a Verilog module with the ports of the contract.

    None where anything is missing: a clock, a reset and the state that it leads to, outputs, a
    transition.
    """
    inputs = _data_inputs(contract)
    if len(contract.clocks) != 1 or len(contract.resets) != 1:
        return None
    if any(p.width > 1 for p in (*inputs, *contract.outputs)) or len(inputs) > _MOST_INPUTS:
        return None
    if _OWN & {p.name for p in contract.ports}:
        return None
    edges = _arrows(text, inputs, contract.outputs) or _table(text, inputs, contract.outputs)
    states = list(dict.fromkeys(e.state for e in edges))
    start = _reset_state(text, states)
    follows = {s: _follows([e for e in edges if e.state == s], inputs) for s in states}
    if len(states) < 2 or not start or not all(follows.values()):
        return None
    if any(e.next not in states for e in edges):
        return None
    return _module(contract, inputs, states, start, follows)


def _data_inputs(contract: Contract) -> tuple[Port, ...]:
    roles = {c.port for c in contract.clocks} | {r.port for r in contract.resets}
    return tuple(p for p in contract.ports if p.direction == "input" and p.name not in roles)


def _arrows(text: str, inputs: Sequence[Port], outputs: Sequence[Port]) -> list[Edge]:
    edges, moore = [], {}
    for match in _ARROW.finditer(text):
        told = [part for part in (match["moore"], match["mealy"]) if part is not None]
        given = _settings(match["given"] or "", inputs)
        values = _settings(told[0], outputs, zeros=True) if told else {}
        if given is None or values is None or len(told) > 1:
            return []
        edges.append(Edge(match["state"], given, match["next"], values))
        if match["moore"] is not None:
            moore[match["state"]] = values
    if not moore:
        return edges if all(e.outputs for e in edges) else []
    unsaid = dict.fromkeys((p.name for p in outputs), 0)
    # Of a Moore machine all edges of a state put out the same.
    if any(e.outputs != moore.get(e.state, {}) for e in edges):
        return []
    return [Edge(e.state, e.given, e.next, e.outputs or unsaid) for e in edges]


def _settings(text: str, ports: Sequence[Port], zeros: bool = False) -> dict[str, int] | None:
    """``name=value`` pairs, or bare values of all ports in their order. None if not understood.

    With ``zeros`` every port has a value.
    """
    named = dict.fromkeys((p.name for p in ports), 0) if zeros else {}
    parts = [part.strip() for part in re.split(r",|&&?|\band\b", text) if part.strip()]
    if parts and all(part in ("0", "1") for part in parts):
        if len(parts) != len(ports):
            return None
        return {p.name: int(part) for p, part in zip(ports, parts, strict=True)}
    for part in parts:
        match = _SETTING.fullmatch(part)
        if not match or match[1] not in {p.name for p in ports}:
            return None
        named[match[1]] = int(match[2])
    return named


def _table(text: str, inputs: Sequence[Port], outputs: Sequence[Port]) -> list[Edge]:
    """A state table: its head names the next state for each condition, and the outputs."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        conditions = _conditions(line, inputs)
        if "|" not in line or not conditions:
            continue
        edges: list[Edge] = []
        for row in lines[at + 1 :]:
            found = _row(row, conditions, outputs)
            if not found and edges:
                break
            edges += found
        return edges
    return []


def _conditions(line: str, inputs: Sequence[Port]) -> list[dict[str, int]]:
    """The condition of each next state in a head, and whether it is a head at all."""
    line = line.strip().strip("|")
    words = line.lower()
    if "state" not in words or "next" not in words or "out" not in words.rsplit("|", 1)[-1]:
        return []
    middle = line.split("|", 1)[-1].rsplit("|", 1)[0]
    found = [_settings(m[0], inputs) for m in _SETTING.finditer(middle)]
    return [f for f in found if f]


def _row(line: str, conditions: Sequence[dict[str, int]], outputs: Sequence[Port]) -> list[Edge]:
    cells = cells_of(line) if "|" in line else []
    if len(cells) < 3:
        return []
    nexts = [part.strip() for cell in cells[1:-1] for part in cell.split(",")]
    told = _settings(cells[-1], outputs, zeros=True)
    if len(nexts) != len(conditions) or told is None or not re.fullmatch(r"\w+", cells[0]):
        return []
    return [Edge(cells[0], g, n, told) for g, n in zip(conditions, nexts, strict=True)]


def _reset_state(text: str, states: Sequence[str]) -> str:
    """The one state that the words tie to reset; empty if none or several are."""
    if not states:
        return ""
    name = f"({'|'.join(map(re.escape, sorted(states, key=len, reverse=True)))})"
    prose = re.sub(r"^.*(?:--|\|).*$", "", text, flags=re.MULTILINE)
    ways = (
        rf"\b(?i:reset)\w*\b[^.]*?\b(?:to|into|in)\s+(?:the\s+)?(?:state\s+)?[\"'`_]*{name}\b",
        rf"\b(?i:reset) state is\s+(?:state\s+)?[\"'`_]*{name}\b",
        rf"\b{name}\b[\"'`_]*\s+is the reset state",
    )
    found = {match[1] for way in ways for match in re.finditer(way, prose)}
    return found.pop() if len(found) == 1 else ""


def _follows(edges: Sequence[Edge], inputs: Sequence[Port]) -> list[tuple[tuple[int, ...], Edge]]:
    """For every input word the one transition that it takes; empty unless there is just one."""
    found = []
    for word in product((0, 1), repeat=len(inputs)):
        value = dict(zip((p.name for p in inputs), word, strict=True))
        match = [e for e in edges if all(value[n] == v for n, v in e.given.items())]
        if len(match) != 1:
            return []
        found.append((word, match[0]))
    return found


def _module(
    contract: Contract,
    inputs: Sequence[Port],
    states: Sequence[str],
    start: str,
    follows: Mapping[str, list[tuple[tuple[int, ...], Edge]]],
) -> str:
    clock, reset = contract.clocks[0], contract.resets[0]
    width = max(1, (len(states) - 1).bit_length())
    code = {name: f"{width}'d{k}" for k, name in enumerate(states)}
    level = f"{reset.port}" if reset.active_high else f"!{reset.port}"
    edge = f" or {'pos' if reset.active_high else 'neg'}edge {reset.port}" * reset.asynchronous
    selected = "{state, " + ", ".join(p.name for p in inputs) + "}" if inputs else "state"
    made = ", ".join(["next", *(p.name for p in contract.outputs)])
    bits = width + len(inputs)
    cases = []
    for k, name in enumerate(states):
        for word, e in follows[name]:
            key = f"{k:0{width}b}" + "".join(map(str, word))
            values = ", ".join(f"1'b{e.outputs[p.name]}" for p in contract.outputs)
            cases.append(f"      {bits}'b{key}: {{{made}}} = {{{code[e.next]}, {values}}};")
    ports = [
        f"  {p.direction} {'reg ' * (p.direction == 'output')}{p.name}" for p in contract.ports
    ]
    return "\n".join(
        [
            f"module {contract.top} (",
            ",\n".join(ports),
            ");",
            *(f"  // {name} is {code[name]}" for name in states),
            f"  reg [{width - 1}:0] state, next;",
            f"  always @({clock.edge} {clock.port}{edge})",
            f"    if ({level}) state <= {code[start]};",
            "    else state <= next;",
            "  always @*",
            f"    case ({selected})",
            *cases,
            f"      default: {{{made}}} = {{{code[start]}, {len(contract.outputs)}'d0}};",
            "    endcase",
            "endmodule",
            "",
        ]
    )
