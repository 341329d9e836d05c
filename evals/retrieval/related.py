"""Does the chat look things up only where the manuals have something to say?

    python -m evals.retrieval.related

Prints how many questions about the shipped documents get a passage, and how many turns of ordinary
talk about a design do. ``held_out`` turns were written after the threshold
(``qimeng.chat.facts.RELATED``) was chosen on the others.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from qimeng.chat.facts import passages

HERE = Path(__file__).parent


def main() -> None:
    """Print the table."""
    asked = json.loads((HERE / "questions.json").read_text())
    talk = json.loads((HERE / "conversation.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["QIMENG_HOME"] = folder
        _say("about the documents", [one["question"] for one in asked])
        for name, turns in talk.items():
            _say(f"ordinary talk, {name}", turns)


def _say(title: str, questions: Sequence[str]) -> None:
    looked = [question for question in questions if passages(question)[1]]
    few = f": {'; '.join(looked)}" if len(looked) < len(questions) // 2 else ""
    print(f"{title}: {len(looked)} of {len(questions)} look something up{few}", flush=True)


if __name__ == "__main__":
    main()
