"""``python -m tools.kernels.gpu.picture TABLE.json OUT.svg``: an attention table as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tools.kernels.pictures import ratios_svg


def attention_svg(table: Path) -> str:
    """How many times as fast as cuDNN, over the sequence length, a line for each width and mask."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in json.loads(table.read_text())["rows"]:
        spec, speeds = row["spec"], row["tflops"]
        name = f"d={spec['width']} {'causal' if spec['causal'] else 'full'}"
        lines.setdefault(name, []).append((spec["keys"], speeds["ours"] / speeds["cudnn"]))
    return ratios_svg(lines, ("tokens of a sequence", "times cuDNN"))


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(attention_svg(Path(sys.argv[1])))
