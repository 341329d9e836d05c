"""A bounded model as a Verilog-2005 module: declarations, next-state block, clocked block."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tools.hdl.contract import Contract, Reset
from tools.hdl.pymodel.analysis import Bounds
from tools.hdl.pymodel.blocks import Blocks
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Const,
    If,
    Shift,
    Store,
    expressions,
    reads,
)
from tools.hdl.pymodel.layout import flat, is_port, written
from tools.hdl.pymodel.lower import Lowered
from tools.hdl.pymodel.ranges import Range


class Module(Blocks):
    """Lays out one module. ``notes`` says of a register how its width was found."""

    def __init__(
        self, model: Lowered, contract: Contract, bounds: Bounds, notes: Mapping[str, str]
    ) -> None:
        super().__init__(model, contract, bounds)
        self.notes = notes
        self._in_block: set[str] = set()

    def text(self) -> str:
        """The whole module."""
        tick = self._next_state() if self.model.reset else []
        clocked = self._clocked() if self.model.reset else []
        outputs = self._outputs()
        body = [*self._constants(), *self._declarations(), *outputs, *tick, *clocked]
        return "\n".join([*self._header(), *body, "endmodule", ""])

    def _header(self) -> list[str]:
        driven = self._in_block | self._merged
        lines = []
        for port in self.contract.ports:
            kind = "reg " if port.name in driven else "wire"
            size = f" [{port.width - 1}:0]" if port.width > 1 else ""
            lines.append(f"    {port.direction:6} {kind.strip()}{size} {port.name}")
        return [f"module {self.contract.top} (", ",\n".join(lines), ");"]

    def _constants(self) -> list[str]:
        lines = []
        labels = sorted(
            self.texts.labels.items(), key=lambda item: (not item[1].text, item[1].value)
        )
        for name, node in labels:
            lines.append(f"    localparam {name} = {self.texts.label_width(node)}'d{node.value};")
        for name, table in self.texts.tables.items():
            held = Range(min(table.values), max(table.values))
            width = held.bits()
            values = ", ".join(f"{width}'d{v % (1 << width)}" for v in reversed(table.values))
            size = width * len(table.values)
            lines.append(f"    localparam [{size - 1}:0] {name} = {{{values}}};")
        return [*lines, ""] if lines else []

    def _declarations(self) -> list[str]:
        lines = []
        for name in self.model.reset:
            signal = self._signals[name]
            note = self.notes.get(name, self._found(name))
            if signal.name not in self._merged:
                lines.append(f"    reg {signal.declaration};  // {note}")
            else:
                lines.append(f"    // {signal.name}: {note}")
            lines.append(f"    reg {self._signals[f'{name}' + chr(39)].declaration};")
        for name, signal in [*self._signals.items(), *self._scratch.items()]:
            register = name.removesuffix("'") in self.model.reset
            if not register and not name.startswith(("i.", "out.")):
                lines.append(f"    reg {signal.declaration};")
        return [*lines, ""] if lines else []

    def _found(self, name: str) -> str:
        held = self.bounds.registers[name]
        count = self._sizes.get(name)
        what = f"{count} elements of {self._signals[name].width} bits, each " if count else ""
        if not count and self.texts and is_text(self.model, name):
            return "one of " + ", ".join(self.model.encoded)
        return f"{what}{held.low}..{held.high} by range analysis"

    def _outputs(self) -> list[str]:
        """Continuous assignments for what is a plain expression, one block for the rest."""
        self.texts.following = set()
        head, tail = list(self.model.outputs), list[Assign]()
        while head and isinstance(last := head[-1], Assign) and self._is_plain(last):
            tail.insert(0, last)
            head.pop()
        lines = []
        self._in_block = {written(s)[4:] for s in flat(tuple(head)) if is_port(s)}
        if head:
            lines += ["    always @* begin", *self._defaults(tuple(head))]
            lines += [*self._block(tuple(head), 2), "    end", ""]
        for statement in tail:
            port = self._ports[statement.name[4:]]
            if port.name not in self._merged:
                value = self.texts.assigned(statement.value, port.width)
                lines.append(f"    assign {port.name} = {value};")
        return [*lines, ""] if tail else lines

    def _is_plain(self, statement: Assign) -> bool:
        return is_port(statement) and all(
            n in self.model.reset or n.startswith("i.") for n in reads(statement.value)
        )

    def _next_state(self) -> list[str]:
        self.texts.following = set()
        lines = ["    always @* begin"]
        for name in self.model.reset:
            lines.append(
                f"        {self._signals[name + chr(39)].name} = {self._signals[name].name};"
            )
        lines += self._defaults(self.model.tick)
        return [*lines, *self._block(self.model.tick, 2), "    end", ""]

    def _defaults(self, block: Block) -> list[str]:
        """Locals that are not set on every path get a value first: no latches."""
        settled: set[str] = set()
        needed: dict[str, None] = {}
        for statement in block:
            used = {n for s in flat((statement,)) for e in expressions(s) for n in reads(e)}
            name = written(statement)
            if isinstance(statement, If):
                used |= {w for s in flat((statement,)) if (w := written(s))}
            elif isinstance(statement, Store | Shift):
                used |= {statement.array}
            for other in sorted(used - settled):
                if self._is_local(other):
                    needed[other] = None
            if name and not isinstance(statement, If):
                settled.add(name)
        return [f"        {self._signals[n].name} = 0;" for n in needed]

    def _is_local(self, name: str) -> bool:
        return name not in self.model.reset and not name.startswith(("i.", "out."))

    def _clocked(self) -> list[str]:
        clock = self.contract.pulsed
        assert clock is not None
        resets = sorted(self.contract.resets, key=lambda r: not r.asynchronous)
        edges = [f"{clock.edge} {clock.port}"]
        for r in resets:
            if r.asynchronous:
                edges.append(f"{'posedge' if r.active_high else 'negedge'} {r.port}")
        lines = self._initial()
        lines.append(f"    always @({' or '.join(edges)}) begin")
        step = [
            f"{self._signals[n].name} <= {self._signals[n + chr(39)].name};"
            for n in self.model.reset
        ]
        if not resets:
            return [*lines, *(f"        {s}" for s in step), "    end", ""]
        for place, test in enumerate(_reset_tests(resets)):
            lines.append(f"        {'if' if not place else 'end else if'} ({test}) begin")
            lines += [
                f"            {self._reset_value(n, '<=')}"
                for n in self.model.reset
                if n not in self.model.held
            ]
        lines += ["        end else begin", *(f"            {s}" for s in step)]
        return [*lines, "        end", "    end", ""]

    def _initial(self) -> list[str]:
        """Registers that no reset sets start with their first value."""
        names = [n for n in self.model.reset if not self.contract.resets or n in self.model.held]
        if not names:
            return []
        lines = [f"        {self._reset_value(n, '=')}" for n in names]
        return ["    initial begin", *lines, "    end", ""]

    def _reset_value(self, name: str, assign: str) -> str:
        signal, value = self._signals[name], self.model.reset[name]
        if isinstance(value, tuple):
            if not any(value):
                return f"{signal.name} {assign} 0;"
            filled = [*value, *[0] * (signal.count - len(value))]
            parts = ", ".join(
                f"{signal.width}'d{v % (1 << signal.width)}" for v in reversed(filled)
            )
            return f"{signal.name} {assign} {{{parts}}};"
        texts = {code: text for text, code in self.model.encoded.items()}
        if is_text(self.model, name):
            label = self.texts.label_text(self._text_constant(texts[value]))
            return f"{signal.name} {assign} {label};"
        sign = "-" if value < 0 else ""
        mark = "sd" if signal.signed else "d"
        return f"{signal.name} {assign} {sign}{signal.width}'{mark}{abs(value)};"

    def _text_constant(self, text: str) -> Const:
        label = next(
            (
                c.label
                for c in self.texts.labels.values()
                if c.text and c.value == self.model.encoded[text]
            ),
            re.sub(r"\W", "_", text),
        )
        return Const(self.model.encoded[text], label, text=True)


def is_text(model: Lowered, name: str) -> bool:
    return name in model.texts


def _reset_tests(resets: list[Reset]) -> list[str]:
    """One condition per kind: asynchronous resets may not share theirs with synchronous ones."""
    tests = []
    for kind in (True, False):
        parts = [
            f"{'' if r.active_high else '!'}{r.port}" for r in resets if r.asynchronous == kind
        ]
        if parts:
            tests.append(" || ".join(parts))
    return tests
