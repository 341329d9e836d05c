"""A program for the sandbox: pyverilog's data flow of a design as JSON on standard output.

    python dataflow_program.py design.v top

Prints ``[[read, driven], ...]``: signals by their path below the top. Reads Verilog-2005 only;
pyverilog leaves parser tables in the working directory and calls iverilog to preprocess.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from pyverilog.dataflow.dataflow import DFTerminal
from pyverilog.dataflow.dataflow_analyzer import VerilogDataflowAnalyzer

_RENAMED = re.compile(r"\b_rn\d+_")
"""pyverilog's own names for the steps of a blocking assignment."""
_CONSTANT = {"Parameter", "Localparam", "Genvar"}


def edges(file: str, top: str) -> Iterator[tuple[str, str]]:
    """Every pair of a signal and one that it drives: by value, condition, index or clock."""
    analyzer = VerilogDataflowAnalyzer([file], top)
    analyzer.generate()
    constant = {str(k) for k, term in analyzer.getTerms().items() if _CONSTANT & set(term.termtype)}
    for driven, binds in analyzer.getBinddict().items():
        if str(driven) in constant:
            continue
        for bind in binds:
            clock = bind.alwaysinfo.getClockName() if bind.alwaysinfo is not None else ""
            read = {str(clock)} if clock else set()
            for part in (bind.tree, bind.ptr, bind.msb, bind.lsb):
                read |= {str(name) for name in _terminals(part)}
            for name in read - constant:
                yield _below_top(name), _below_top(str(driven))


def _terminals(node: Any) -> Iterator[Any]:
    if isinstance(node, DFTerminal):
        yield node.name
    elif node is not None:
        for child in node.children():
            yield from _terminals(child)


def _below_top(path: str) -> str:
    return _RENAMED.sub("", path.partition(".")[2])


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        found = sorted({edge for edge in edges(*sys.argv[1:]) if edge[0] != edge[1]})
    print(json.dumps(found))
