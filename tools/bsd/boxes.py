"""Small black boxes to learn, each with Verilog written apart from it to prove against.

A name is a family and a width: ``adder32``, ``less16``, ``alu8``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tools.bsd.box import Box, Port, Words

_U = np.uint64


@dataclass(frozen=True, slots=True)
class Example:
    """A box and the reference its learned form is proved against."""

    box: Box
    reference: str


def example(name: str) -> Example:
    """The example of a name. Raises ValueError, listing the families, when there is none."""
    matched = re.fullmatch(r"([a-z]+)(\d+)", name)
    if not matched or matched[1] not in FAMILIES:
        known = ", ".join(f"{family}N" for family in FAMILIES)
        raise ValueError(f"no example named {name!r}; there are {known} (N is a width)")
    if not 1 <= int(matched[2]) <= 64:
        raise ValueError(f"{name}: the width must be from 1 to 64")
    return FAMILIES[matched[1]](int(matched[2]))


def _two_operands(
    name: str, width: int, out: int, function: Callable[[Words, Words], Words], verilog: str
) -> Example:
    """Inputs a and b of one width, output y."""
    ones = _U((1 << out) - 1)

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        return {"y": function(batch["a"], batch["b"]) & ones}

    box = Box(f"{name}{width}", (Port("a", width), Port("b", width)), (Port("y", out),), step)
    reference = f"""module reference(input [{width - 1}:0] a, b, output [{out - 1}:0] y);
  assign y = {verilog};
endmodule
"""
    return Example(box, reference)


def _adder(width: int) -> Example:
    return _two_operands("adder", width, width, lambda a, b: a + b, "a + b")


def _less(width: int) -> Example:
    return _two_operands("less", width, 1, lambda a, b: (a < b).astype(_U), "a < b")


def _equal(width: int) -> Example:
    return _two_operands("equal", width, 1, lambda a, b: (a == b).astype(_U), "a == b")


def _multiplier(width: int) -> Example:
    return _two_operands("multiplier", width, 2 * width, lambda a, b: a * b, "a * b")


def _shifter(width: int) -> Example:
    bits = (width - 1).bit_length()
    ones = _U((1 << width) - 1)
    box = Box(
        f"shifter{width}",
        (Port("a", width), Port("by", bits)),
        (Port("y", width),),
        lambda batch: {"y": (batch["a"] << batch["by"]) & ones},
    )
    reference = f"""module reference(input [{width - 1}:0] a, input [{bits - 1}:0] by,
                 output [{width - 1}:0] y);
  assign y = a << by;
endmodule
"""
    return Example(box, reference)


def _alu(width: int) -> Example:
    bits = (width - 1).bit_length()
    ones, amount = _U((1 << width) - 1), _U((1 << bits) - 1)

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        a, b, by = batch["a"], batch["b"], batch["b"] & amount
        results = [a + b, a - b, a & b, a | b, a ^ b, (a < b).astype(_U), a << by, a >> by]
        return {"y": np.choose(batch["op"].astype(np.int64), results) & ones}

    inputs = (Port("op", 3), Port("a", width), Port("b", width))
    reference = f"""module reference(input [2:0] op, input [{width - 1}:0] a, b,
                 output reg [{width - 1}:0] y);
  always @* case (op)
    3'd0: y = a + b;
    3'd1: y = a - b;
    3'd2: y = a & b;
    3'd3: y = a | b;
    3'd4: y = a ^ b;
    3'd5: y = a < b;
    3'd6: y = a << b[{bits - 1}:0];
    default: y = a >> b[{bits - 1}:0];
  endcase
endmodule
"""
    return Example(Box(f"alu{width}", inputs, (Port("y", width),), step), reference)


def _decoder(bits: int) -> Example:
    box = Box(
        f"decoder{bits}",
        (Port("a", bits), Port("enable", 1)),
        (Port("y", 1 << bits),),
        lambda batch: {"y": batch["enable"] << batch["a"]},
    )
    reference = f"""module reference(input [{bits - 1}:0] a, input enable,
                 output [{(1 << bits) - 1}:0] y);
  genvar i;
  generate for (i = 0; i < {1 << bits}; i = i + 1) begin : each
    assign y[i] = enable & (a == i);
  end endgenerate
endmodule
"""
    return Example(box, reference)


def _crc(bits: int) -> Example:
    """CRC-32 (reflected, polynomial 0xEDB88320) over ``bits`` more message bits, 1 to 32."""

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        crc = batch["crc"] ^ batch["data"]
        for _ in range(bits):
            crc = np.where(crc & _U(1), (crc >> _U(1)) ^ _U(0xEDB88320), crc >> _U(1))
        return {"y": crc}

    reference = f"""module reference(input [31:0] crc, input [{bits - 1}:0] data,
                 output reg [31:0] y);
  integer i;
  reg feedback;
  always @* begin
    y = crc;
    for (i = 0; i < {bits}; i = i + 1) begin
      feedback = y[0] ^ data[i];
      y = {{1'b0, y[31:1]}};
      if (feedback) y = y ^ 32'hEDB88320;
    end
  end
endmodule
"""
    inputs = (Port("crc", 32), Port("data", bits))
    return Example(Box(f"crc{bits}", inputs, (Port("y", 32),), step), reference)


def _priority(width: int) -> Example:
    bits = (width - 1).bit_length()

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        a = batch["a"]
        index = np.zeros_like(a)
        for i in range(width):
            index = np.where(a >> _U(i) & _U(1), _U(i), index)
        return {"y": index, "any": (a != 0).astype(_U)}

    box = Box(f"priority{width}", (Port("a", width),), (Port("y", bits), Port("any", 1)), step)
    reference = f"""module reference(input [{width - 1}:0] a,
                 output reg [{bits - 1}:0] y, output any);
  integer i;
  assign any = |a;
  always @* begin
    y = 0;
    for (i = 0; i < {width}; i = i + 1) if (a[i]) y = i;
  end
endmodule
"""
    return Example(box, reference)


def _bcd(bits: int) -> Example:
    """A binary number of up to 13 bits as four decimal digits."""

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        a = batch["a"]
        digits = [a // _U(10**k) % _U(10) for k in range(4)]
        return {"y": digits[0] | digits[1] << _U(4) | digits[2] << _U(8) | digits[3] << _U(12)}

    reference = f"""module reference(input [{bits - 1}:0] a, output reg [15:0] y);
  integer i;
  always @* begin
    y = 0;
    for (i = {bits - 1}; i >= 0; i = i - 1) begin
      if (y[3:0] > 4) y[3:0] = y[3:0] + 4'd3;
      if (y[7:4] > 4) y[7:4] = y[7:4] + 4'd3;
      if (y[11:8] > 4) y[11:8] = y[11:8] + 4'd3;
      if (y[15:12] > 4) y[15:12] = y[15:12] + 4'd3;
      y = {{y[14:0], a[i]}};
    end
  end
endmodule
"""
    return Example(Box(f"bcd{bits}", (Port("a", bits),), (Port("y", 16),), step), reference)


def _fclass(width: int) -> Example:
    """The class of an IEEE 754 number of 16, 32 or 64 bits, one-hot as RISC-V's FCLASS."""
    mantissa = {16: 10, 32: 23, 64: 52}[width]
    exponent_ones, top = _U((1 << (width - 1 - mantissa)) - 1), _U(mantissa - 1)

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        a = batch["a"]
        sign, exponent = a >> _U(width - 1), a >> _U(mantissa) & exponent_ones
        fraction = a & _U((1 << mantissa) - 1)
        finite = np.where(exponent == 0, np.where(fraction == 0, 3, 2), 1)
        size = np.where(exponent == exponent_ones, 0, finite)
        kind = np.where(sign == 1, size, 7 - size)
        nan = (exponent == exponent_ones) & (fraction != 0)
        kind = np.where(nan, np.where(fraction >> top & _U(1), 9, 8), kind)
        return {"y": _U(1) << kind.astype(_U)}

    reference = f"""module reference(input [{width - 1}:0] a, output [9:0] y);
  wire s = a[{width - 1}];
  wire ones = &a[{width - 2}:{mantissa}], zeros = ~|a[{width - 2}:{mantissa}];
  wire none = ~|a[{mantissa - 1}:0];
  assign y = {{ones & a[{mantissa - 1}], ones & ~a[{mantissa - 1}] & ~none, ~s & ones & none,
              ~s & ~ones & ~zeros, ~s & zeros & ~none, ~s & zeros & none,
              s & zeros & none, s & zeros & ~none, s & ~ones & ~zeros, s & ones & none}};
endmodule
"""
    return Example(Box(f"fclass{width}", (Port("a", width),), (Port("y", 10),), step), reference)


FAMILIES: dict[str, Callable[[int], Example]] = {
    "adder": _adder, "less": _less, "equal": _equal, "shifter": _shifter, "alu": _alu,
    "decoder": _decoder, "crc": _crc, "priority": _priority, "bcd": _bcd, "fclass": _fclass,
    "multiplier": _multiplier,
}  # fmt: skip
