"""``python -m tools.kernels.gpu OPERATOR``: check and time one operator on this machine's GPU.

Needs torch, tilelang and a Hopper GPU; ``gemm`` and ``attention`` in fp16 or bf16. Prints the
best correct configuration beside every baseline. Source alone: ``--source``.
"""

from __future__ import annotations

import argparse
import sys

from tools.kernels.attention import Attention
from tools.kernels.gpu.choices import choices
from tools.kernels.gpu.table import line, measure, source
from tools.kernels.notation import BadOperator, Operator, operator
from tools.kernels.operators import Gemm


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tools.kernels.gpu", description=__doc__)
    parser.add_argument("operator", nargs="+")
    parser.add_argument("--source", action="store_true", help="print the first TileLang modules")
    options = parser.parse_args()
    try:
        spec: Operator = operator(options.operator)
    except BadOperator as problem:
        sys.exit(str(problem))
    if not isinstance(spec, Gemm | Attention):
        sys.exit("the GPU verbs know gemm and attention")
    texts = [(choice, source(spec, choice)) for choice in choices(spec)]
    print("\n\n".join(texts[0][1]) if options.source else line(measure(spec, texts)))


if __name__ == "__main__":
    main()
