"""A bounded model as a Verilog-2005 module: declarations, next-state block, clocked block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tools.hdl.contract import Contract, Reset
from tools.hdl.pymodel.analysis import Bounds
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Compare,
    Const,
    Expr,
    Fill,
    If,
    NotTranslatable,
    Shift,
    Statement,
    Store,
    Var,
    expressions,
    reads,
)
from tools.hdl.pymodel.lower import Lowered
from tools.hdl.pymodel.ranges import Range
from tools.hdl.pymodel.text import Signal, Texts

MAX_LIST_BITS = 1 << 16
_MAX_WIDTH = 256
_CASE_ARMS = 3
_KEYWORDS = frozenset(
    """always and assign automatic begin bit break buf byte case casex casez cell chandle checker
    class clocking config const constraint context continue cover deassign default defparam design
    disable dist do edge else end endcase endfunction endgenerate endmodule endtask enum event
    expect export extends extern final first_match for force foreach forever fork function
    generate genvar global if iff import include initial inout input inside int integer interface
    join let library local localparam logic longint macromodule matches modport module nand
    negedge new nexttime nmos nor not null or output package packed parameter pmos posedge
    primitive priority program property protected pull0 pull1 pulldown pullup pure rand randc
    real realtime ref reg reject_on release repeat return rtran scalared sequence shortint
    shortreal signed small solve specify specparam static string strong strong0 strong1 struct
    super supply0 supply1 table tagged task this throughout time timeprecision timeunit tran tri
    tri0 tri1 triand trior type typedef union unique unsigned until use var vectored virtual void
    wait wand weak weak0 weak1 while wildcard wire with within wor xnor xor""".split()  # noqa: SIM905
)


class _Names:
    """Verilog names, each given once."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken | _KEYWORDS

    def give(self, wish: str, suffix: str = "") -> str:
        base = re.sub(r"\W", "_", wish, flags=re.ASCII).strip("_") or "v"
        base = base if base[0].isalpha() else f"v{base}"
        name = base + suffix if base not in self._taken or suffix else f"{base}_v"
        number = 1
        while name in self._taken:
            number += 1
            name = f"{base}{suffix}_{number}"
        self._taken.add(name)
        return name


class Module:
    """Lays out one module. ``notes`` says of a register how its width was found."""

    def __init__(
        self, model: Lowered, contract: Contract, bounds: Bounds, notes: Mapping[str, str]
    ) -> None:
        self.model, self.contract, self.bounds, self.notes = model, contract, bounds, notes
        self._names = _Names({p.name for p in contract.ports} | {contract.top})
        self._ports = {p.name: p for p in contract.ports}
        self._scratch: dict[str, Signal] = {}
        self._merged: set[str] = set()
        self._signals: dict[str, Signal] = {}
        for port in contract.ports:
            space = "i" if port.direction == "input" else "out"
            self._signals[f"{space}.{port.name}"] = Signal(port.name, port.width)
        self._sizes = self._list_sizes()
        for name in model.reset:
            self._declare_register(name)
        for name in self._locals():
            self._declare(name, self._names.give(_plain(name)), bounds.variables)
        self.texts = Texts(bounds, self._signals, len(model.encoded))

    def text(self) -> str:
        """The whole module."""
        tick = self._next_state() if self.model.reset else []
        clocked = self._clocked() if self.model.reset else []
        outputs = self._outputs()
        body = [*self._constants(), *self._declarations(), *outputs, *tick, *clocked]
        return "\n".join([*self._header(), *body, "endmodule", ""])

    # --- declarations ------------------------------------------------------------------------

    def _list_sizes(self) -> dict[str, int]:
        sizes = dict(self.model.sizes)
        for name, value in self.model.reset.items():
            if isinstance(value, tuple):
                sizes[name] = max(len(value), sizes.get(name, 0), 1)
        for statement in self._statements():
            if isinstance(statement, Fill):
                sizes[statement.array] = max(sizes.get(statement.array, 0), len(statement.values))
            elif isinstance(statement, Store | Shift):
                sizes.setdefault(statement.array, 1)
        for name in sizes:
            length = self.bounds.variables.get(f"{name}.len")
            if length is not None:
                sizes[name] = max(sizes[name], length.high)
            if sizes[name] * self.bounds.variables[name].bits() > MAX_LIST_BITS:
                raise NotTranslatable(f"the list {name} holds more than {MAX_LIST_BITS} bits")
        return sizes

    def _statements(self) -> Iterator[Statement]:
        yield from _flat(self.model.tick)
        yield from _flat(self.model.outputs)

    def _locals(self) -> list[str]:
        found: dict[str, None] = {}
        for statement in self._statements():
            name = _written(statement)
            if name and not name.startswith("out.") and name not in self.model.reset:
                found[name] = None
            for node in expressions(statement):
                for read in sorted(reads(node)):
                    if read not in self._signals:
                        found[read] = None
        return [name for name in found if name not in self.model.reset]

    def _declare_register(self, name: str) -> None:
        own = name.removeprefix("self.")
        port = self._ports.get(own)
        held = self.bounds.registers[name]
        if port and self._is_output(name) and held.bits() == port.width and not held.signed:
            self._merged.add(own)
            identifier = own
        else:
            identifier = self._names.give(own, "_reg" if port else "")
        either = (
            self.bounds.variables | self.bounds.registers
            if name not in self._sizes
            else (self.bounds.variables)
        )
        self._declare(name, identifier, either)
        self._declare(f"{name}'", self._names.give(f"{own}_next"), self.bounds.variables)

    def _is_output(self, name: str) -> bool:
        """True when the output of the same name shows this register, always."""
        wanted = f"out.{name.removeprefix('self.')}"
        return any(
            isinstance(s, Assign) and s.name == wanted and _is_var(s.value, name)
            for s in self.model.outputs
        )

    def _declare(self, name: str, identifier: str, bounds: Mapping[str, Range]) -> None:
        plain = name.removesuffix("'")
        held = bounds.get(plain, Range(0, 0))
        if held.bits() > _MAX_WIDTH:
            raise NotTranslatable(f"{plain} may need more than {_MAX_WIDTH} bits")
        count = self._sizes.get(plain, 0)
        self._signals[name] = Signal(identifier, held.bits(), held.signed, count)

    def _header(self) -> list[str]:
        driven = {n for n, _ in self._in_block} | self._merged
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
        if not count and self.texts and _is_text(self.model, name):
            return "one of " + ", ".join(self.model.encoded)
        return f"{what}{held.low}..{held.high} by range analysis"

    # --- blocks ------------------------------------------------------------------------------

    def _outputs(self) -> list[str]:
        """Continuous assignments for what is a plain expression, one block for the rest."""
        self.texts.following = set()
        head, tail = list(self.model.outputs), []
        while head and self._is_plain(head[-1]):
            tail.insert(0, head.pop())
        lines = []
        self._in_block = [(s.name[4:], s) for s in _flat(tuple(head)) if _is_port(s)]
        if head:
            lines += ["    always @* begin", *self._defaults(tuple(head))]
            lines += [*self._block(tuple(head), 2), "    end", ""]
        for statement in tail:
            assert isinstance(statement, Assign)
            port = self._ports[statement.name[4:]]
            if port.name not in self._merged:
                value = self.texts.assigned(statement.value, port.width)
                lines.append(f"    assign {port.name} = {value};")
        return [*lines, ""] if tail else lines

    def _is_plain(self, statement: Statement) -> bool:
        return (
            _is_port(statement)
            and isinstance(statement, Assign)
            and all(n in self.model.reset or n.startswith("i.") for n in reads(statement.value))
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
            used = {n for s in _flat((statement,)) for e in expressions(s) for n in reads(e)}
            name = _written(statement)
            if isinstance(statement, If):
                used |= {w for s in _flat((statement,)) if (w := _written(s))}
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
        if _is_text(self.model, name):
            return f"{signal.name} {assign} {self.texts.label_text(self._text_constant(texts[value]))};"
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

    # --- statements --------------------------------------------------------------------------

    def _block(self, block: Block, depth: int) -> list[str]:
        return [line for s in block for line in self._statement(s, depth)]

    def _statement(self, node: Statement, depth: int) -> list[str]:
        indent = "    " * depth
        match node:
            case If():
                return self._if(node, depth)
            case Assign():
                return [indent + self._assign(node)]
            case Store():
                return [indent + line for line in self._store(node)]
            case Fill():
                return [indent + line for line in self._fill(node)]
            case Shift():
                return [indent + line for line in self._shift(node)]

    def _assign(self, node: Assign) -> str:
        value = self.texts.assigned(node.value, self._target(node.name).width)
        return f"{self._enter(node.name).name} = {value};"

    def _target(self, name: str) -> Signal:
        return self._signals[f"{name}'" if name in self.model.reset else name]

    def _enter(self, name: str) -> Signal:
        """From here on the register's name means its next value."""
        if name in self.model.reset:
            self.texts.following.add(name)
        return self._target(name)

    def _store(self, node: Store) -> list[str]:
        value = self.texts.assigned(node.value, self._signals[node.array].width)
        length = f"{node.array}.len"
        size: Expr = Var(length) if length in self._signals else Const(self._sizes[node.array])
        index = self.texts.index(node.index, size)
        return [f"{self.texts.part(self._enter(node.array), index)} = {value};"]

    def _fill(self, node: Fill) -> list[str]:
        signal = self._target(node.array)
        parts = [self.texts.exactly(v, signal.width) for v in node.values]
        if all(part is not None for part in parts):
            known = [part for part in reversed(parts) if part is not None]
            value = f"{{{', '.join(known)}}}"
            if len(known) > 1 and len(set(known)) == 1:
                value = f"{{{len(known)}{{{known[0]}}}}}"
            self._enter(node.array)
            return [f"{signal.name} = {value};"]
        scratch = self._scratch_for(node.array, signal)
        lines = [f"{scratch.name} = 0;"]
        for place, value_of in enumerate(node.values):
            value = self.texts.assigned(value_of, signal.width)
            lines.append(f"{self.texts.part(scratch, Const(place))} = {value};")
        self._enter(node.array)
        return [*lines, f"{signal.name} = {scratch.name};"]

    def _scratch_for(self, array: str, signal: Signal) -> Signal:
        if array not in self._scratch:
            name = self._names.give(f"{signal.name}_all")
            self._scratch[array] = Signal(name, signal.width, signal.signed, signal.count)
        return self._scratch[array]

    def _shift(self, node: Shift) -> list[str]:
        now, width = self.texts.signal(node.array).name, self._target(node.array).width
        if node.value is None:
            return [f"{self._enter(node.array).name} = {now} >> {width};"]
        value = self.texts.assigned(node.value, width)
        name = self._enter(node.array).name
        place = f"{width - 1}:0" if width > 1 else "0"
        return [f"{name} = {now} << {width};", f"{name}[{place}] = {value};"]

    def _if(self, node: If, depth: int) -> list[str]:
        indent = "    " * depth
        reached = self.texts.range(node.test)
        if reached.low == reached.high and id(node.test) in self.bounds.places:
            return self._block(node.then if reached.low else node.orelse, depth)
        if len(_arms(node)) >= _CASE_ARMS:
            return self._case(node, depth)
        if not node.then:
            test, level = self.texts.condition(node.test)
            lines = [f"{indent}if (!{test if level >= 12 else f'({test})'}) begin"]
            branches: list[tuple[str, Block]] = [("", node.orelse)]
        else:
            lines = [f"{indent}if ({self.texts.condition(node.test)[0]}) begin"]
            branches = [("", node.then), (f"{indent}end else begin", node.orelse)]
        before, after = set(self.texts.following), set(self.texts.following)
        for opening, branch in branches:
            self.texts.following = set(before)
            body = self._block(branch, depth + 1)
            after |= self.texts.following
            if opening and body:
                lines += self._else(branch, body, indent, opening)
            elif not opening:
                lines += body
        self.texts.following = after
        return [*lines, f"{indent}end"]

    def _else(self, branch: Block, body: list[str], indent: str, opening: str) -> list[str]:
        """``else if`` on one line where the branch is an ``if`` alone."""
        alone = len(branch) == 1 and isinstance(branch[0], If)
        if alone and body[0].lstrip().startswith("if (") and body[-1] == f"{indent}    end":
            inner = [line[4:] for line in body[:-1]]
            return [f"{indent}end else {inner[0].lstrip()}", *inner[1:]]
        return [opening, *body]

    def _case(self, node: If, depth: int) -> list[str]:
        indent = "    " * depth
        arms = _arms(node)
        subject = arms[0][0].a
        signal = self.texts.signal(subject.name) if isinstance(subject, Var) else None
        assert signal is not None
        lines = [f"{indent}case ({signal.name})"]
        before, after = set(self.texts.following), set(self.texts.following)
        last: Statement = node
        for test, body in arms:
            self.texts.following = set(before)
            assert isinstance(test.b, Const)
            value = test.b
            label = (
                self.texts.label_text(value)
                if value.label or value.text
                else f"{signal.width}'d{value.value}"
            )
            if value.value.bit_length() <= signal.width:
                lines += [f"{indent}    {label}: begin", *self._block(body, depth + 2)]
                lines.append(f"{indent}    end")
            after |= self.texts.following
            assert isinstance(last, If)
            rest = last.orelse
            last = rest[0] if len(rest) == 1 else last
        self.texts.following = set(before)
        lines.append(f"{indent}    default: begin")
        lines += [*self._block(_after_arms(node, len(arms)), depth + 2), f"{indent}    end"]
        self.texts.following |= after
        return [*lines, f"{indent}endcase"]


def _arms(node: If) -> list[tuple[Compare, Block]]:
    """The leading branches of a chain that compare one variable with constants."""
    arms: list[tuple[Compare, Block]] = []
    values: set[int] = set()
    rest: Block = (node,)
    while len(rest) == 1 and isinstance(rest[0], If):
        test = rest[0].test
        if not (isinstance(test, Compare) and test.op == "==" and isinstance(test.b, Const)):
            break
        same = not arms or _is_var(test.a, getattr(arms[0][0].a, "name", ""))
        if not isinstance(test.a, Var) or not same or test.b.value in values or test.b.value < 0:
            break
        values.add(test.b.value)
        arms.append((test, rest[0].then))
        rest = rest[0].orelse
    return arms


def _after_arms(node: If, count: int) -> Block:
    rest: Block = (node,)
    for _ in range(count):
        assert isinstance(rest[0], If)
        rest = rest[0].orelse
    return rest


def _flat(block: Block) -> Iterator[Statement]:
    for statement in block:
        yield statement
        if isinstance(statement, If):
            yield from _flat(statement.then + statement.orelse)


def _written(node: Statement) -> str:
    match node:
        case If():
            return ""
        case Assign():
            return node.name
        case _:
            return node.array


def _plain(name: str) -> str:
    """A local's name as it was in Python, without the name spaces."""
    return re.sub(r"#\d+", "", name.removeprefix("self.").replace("outputs.", ""))


def _is_port(node: Statement) -> bool:
    return isinstance(node, Assign) and node.name.startswith("out.")


def _is_var(node: Expr, name: str) -> bool:
    return isinstance(node, Var) and node.name == name


def _is_text(model: Lowered, name: str) -> bool:
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
