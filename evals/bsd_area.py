"""Area of a learned core under several ABC recipes, each applied to the reference, too.

    python -m evals.bsd_area --learned rv32i.v --out area.json

``--learned`` is a text that `qimeng cpu rv32i` left; it is proved again first. A recipe's record
is put in the file as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.aig import AigError, graph
from tools.bsd.area import RESYNTHESIS, TABLES, printed
from tools.bsd.prove import prove
from tools.bsd.rv32i import rv32i

SECONDS = 3600
STANDARD = f"{RESYNTHESIS}; dch"
RESUBSTITUTE = (
    "balance -l; resub -K 6 -l; rewrite -l; resub -K 6 -N 2 -l; refactor -l; resub -K 8 -l; "
    "balance -l; resub -K 8 -N 2 -l; rewrite -l; resub -K 10 -l; rewrite -z -l; "
    "resub -K 10 -N 2 -l; balance -l; resub -K 12 -l; refactor -z -l; resub -K 12 -N 2 -l; "
    "balance -l"
)
DONT_CARES = "mfs2 -a -e -W 20 -F 3 -D 0 -L 1000"
REMAP = f"st; dch; if -K 6; {DONT_CARES}"
MAP = "if -K 6"
RECIPES = {
    "as read": MAP,
    "standard": f"{STANDARD}; {MAP}",
    "standard, mapped for area": f"{STANDARD}; if -a -K 6",
    "standard, don't-cares": f"{STANDARD}; {MAP}; {DONT_CARES}; lutpack",
    "resubstitution": f"{RESUBSTITUTE}; {RESUBSTITUTE}; dch; {MAP}",
    "sweeping, resubstitution, standard": f"fraig; {RESUBSTITUTE}; {STANDARD}; {MAP}",
    "standard, mapped again four times": f"{STANDARD}; {MAP}; {'; '.join([REMAP] * 4)}; lutpack",
    "sweeping, resubstitution, standard, mapped again eight times": (
        f"fraig; {RESUBSTITUTE}; {STANDARD}; {MAP}; {'; '.join([REMAP] * 8)}; lutpack"
    ),
}


def main() -> int:
    """0 when the text is proved."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--learned", type=Path, required=True)
    parser.add_argument("--recipes", nargs="*", default=RECIPES, choices=RECIPES)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox, example = open_sandbox(), rv32i()
    texts = {"learned": options.learned.read_text(), "reference": example.reference}
    proof = prove(example.box, texts["learned"], example.reference, sandbox).status
    graphs = {name: graph(text, example.box, sandbox, SECONDS) for name, text in texts.items()}
    old = json.loads(options.out.read_text())["recipes"] if options.out.exists() else {}
    command = "python -m evals.bsd_area --learned FILE --out FILE"
    document: dict[str, Any] = {"command": command, "proof": proof, "recipes": old}
    for name in options.recipes:
        sizes = {of: _checked(design, RECIPES[name], sandbox) for of, design in graphs.items()}
        document["recipes"][name] = {"commands": RECIPES[name], **sizes}
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        print(name, json.dumps(sizes), flush=True)
    every = [
        of["equivalent"]
        for sizes in document["recipes"].values()
        for of in (sizes["learned"], sizes["reference"])
    ]
    return 0 if proof == "proved" and all(every) else 1


def _checked(design: bytes, recipe: str, sandbox: Sandbox) -> dict[str, Any]:
    """The size after a recipe, and whether ABC finds the tables equal to the design."""
    text = printed(design, f"{recipe}; print_stats; cec -n design.aig", sandbox, SECONDS)
    return {**mapped(text), "equivalent": "Networks are equivalent" in text}


def mapped(text: str) -> dict[str, int]:
    """Six-input tables and levels, as ABC printed them last. Raises AigError."""
    found = TABLES.findall(text)
    if not found:
        raise AigError(f"ABC printed no statistics: {text[-500:]}")
    tables, levels = (int(n) for n in found[-1])
    return {"luts": tables, "levels": levels}


if __name__ == "__main__":
    raise SystemExit(main())
