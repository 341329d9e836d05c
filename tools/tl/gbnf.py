"""The grammar of TL in GBNF, the form constrained decoders read.

``CODE`` accepts TL Code, ``SKETCH`` sketches. Both accept a subset of what the parser accepts:
two spaces of indentation a level are optional, comments are not written.
"""

from __future__ import annotations

from tools.tl.syntax import (
    BINARY,
    DTYPES,
    FUNCTIONS,
    LAYOUTS,
    LEVELS,
    MASKS,
    REDUCE,
    SCALAR,
    UNARY,
)


def _any(words: tuple[str, ...]) -> str:
    return " | ".join(f'"{w}"' for w in words)


_SHARED = f"""
name ::= [A-Za-z] [A-Za-z0-9_]*
operand ::= name ".T"?
level ::= {_any(LEVELS)}
unary ::= {_any(UNARY)}
binary ::= {_any(BINARY)}
reduce ::= {_any(REDUCE)}
scalarop ::= {_any(SCALAR)}
mask ::= {_any(tuple(MASKS))}
get ::= " and get " name
into ::= get | " and accumulate " name
pad ::= " "*
matrix ::= "GEMM " operand ", " operand into | "OnlineSoftmax " name (", " name){{3}} get
plain ::= matrix | unary " " name get? | binary " " name ", " name get? | reduce " " name into
"""

CODE = (
    f"""
root ::= line+
line ::= pad statement "\\n"
statement ::= param | tune | allocate | copy | compute | reshape | loop | if | "end"
param ::= "Param " name " = " integer
tune ::= "Tune " name " in {{" integer (", " integer)* "}}"
allocate ::= "Allocate " name " in " level " " dims " as " dtype " layout " layout
copy ::= "Copy " name " " dims (" in coordinate " coordinate)? " from " level " to " level """
    f"""(" as " name)? (" async stages " integer)?
compute ::= "Compute " (plain | scalarop " " name " " scalar get? | masked | alibi)
masked ::= "Mask " name " " mask dims " " pair get?
alibi ::= "Alibi " name " " (element | number | "(" expression ")") " " pair get?
reshape ::= "Reshape " name " from " layout " to " layout
loop ::= "for " "parallel "? name " = " expression " : " expression
if ::= "if " expression " " compare " " expression
compare ::= "<" | "<=" | ">" | ">=" | "=="
dims ::= "(" expression (", " expression)* ")"
coordinate ::= "[" expression (", " expression)* "]"
pair ::= "[" expression ", " expression "]"
scalar ::= "-inf" | "-" number | expression
expression ::= atom (" " [-+*/%] " " atom)*
atom ::= number | element | name | call | "(" expression ")"
element ::= name "[" expression (", " expression)* "]"
call ::= ({_any(tuple(FUNCTIONS))}) "(" expression ", " expression ")"
integer ::= [0-9]+
number ::= integer ("." [0-9]+)? ("e" [-+]? integer)?
dtype ::= {_any(DTYPES)}
layout ::= {_any(LAYOUTS)}
""" + _SHARED.lstrip()
).lstrip()

SKETCH = (
    """
root ::= line+
line ::= pad statement "\\n"
statement ::= copy | compute | loop | "if" | "end"
copy ::= "Copy " name " from " level " to " level (" as " name)?
compute ::= "Compute " (plain | scalarop " " name get? | "Mask " name " " mask get? | """
    """"Alibi " name get?)
loop ::= "for " "parallel "? name
""" + _SHARED.lstrip()
).lstrip()
