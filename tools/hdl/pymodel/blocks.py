"""Statements as Verilog text."""

from __future__ import annotations

from tools.hdl.contract import Contract
from tools.hdl.pymodel.analysis import Bounds
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Compare,
    Const,
    Expr,
    Fill,
    If,
    Shift,
    Statement,
    Store,
    Var,
)
from tools.hdl.pymodel.layout import Layout, is_var
from tools.hdl.pymodel.lower import Lowered
from tools.hdl.pymodel.normal import Signal
from tools.hdl.pymodel.text import Texts

_CASE_ARMS = 3


class Blocks(Layout):
    """Writes statements, with blocking assignments to the next value of registers."""

    def __init__(self, model: Lowered, contract: Contract, bounds: Bounds) -> None:
        super().__init__(model, contract, bounds)
        self.texts = Texts(bounds, self._signals, len(model.encoded))

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
        same = not arms or is_var(test.a, getattr(arms[0][0].a, "name", ""))
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
