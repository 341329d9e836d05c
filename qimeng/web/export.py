"""A run as one file: a page that needs no server and no network, or JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from memory.artifacts import Artifacts
from qimeng.web.details import details
from qimeng.web.otlp import otlp
from qimeng.web.secrets_hidden import Hider
from qimeng.web.trace import Json, Trace
from qimeng.web.views import Traces, overview

SCRIPTS = ("dom", "source", "draw", "diff", "list", "timeline", "candidates", "result", "run")
"""The modules of the trace page, each after those that it imports."""
MAX_TEXTS = 24_000_000
"""Characters of prompts, answers and outputs in one page; those beyond are left out and said so."""
_IMPORT = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src '$style_hash'; script-src '$hash'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main id="page"></main>
<script type="application/json" id="exported">$data</script>
<script type="module">$script</script>
</body>
</html>
""")


def static(name: str) -> str:
    """One of the page's own files."""
    return files("qimeng.web").joinpath("static", name).read_text()


def to_json(trace: Trace) -> Json:
    """The run's events as they are, with its overview."""
    return {"run": overview(trace), "events": [asdict(event) for event in trace.events]}


def to_html(trace: Trace) -> str:
    """The trace of a run as one self-contained page."""
    data = json.dumps(_embedded(trace), ensure_ascii=True, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # nothing in it can end the element it stands in
    script = "".join(_EXPORT.sub("", _IMPORT.sub("", static(f"{n}.js"))) for n in SCRIPTS)
    script += 'showExported(JSON.parse(document.getElementById("exported").textContent));\n'
    style = static("style.css")
    goal = " ".join(overview(trace)["summary"]["goal"].split())[:80]
    page = _PAGE.substitute(
        title=escape(f"{trace.folder.name} · {goal}"),
        style=style,
        style_hash=_hash(style),
        script=script,
        hash=_hash(script),
        data=data,
    )
    return Hider().hide(page.encode()).decode()


def write_exports(run_id: str, html: Path | None, spans: Path | None) -> None:
    """Write the trace of a run as a page, as OpenTelemetry spans, or both. Raises NoSuchRun."""
    trace = Traces().get(run_id)
    if html:
        html.write_text(to_html(trace))
    if spans:
        spans.write_text(json.dumps(otlp(trace.folder.name, trace.events), ensure_ascii=False))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(trace: Trace) -> Json:
    """Everything the page would ask the server for."""
    store = Artifacts(trace.folder / "artifacts")
    left = MAX_TEXTS
    told: dict[int, Json] = {}
    for seq in trace.shown:
        told[seq] = found = details(trace, seq)
        size = sum(len(part["text"]) for part in found["sections"]) + len(found["picture"] or "")
        if size > left:
            found |= {"sections": [_left_out()], "picture": None}
        left -= min(size, left)
    return {
        "overview": overview(trace),
        "rows": [trace.rows[i] for i in trace.shown],
        "details": told,
        "texts": _texts(trace, store),
    }


def _left_out() -> Json:
    why = "left out: this page has reached its size; the run's own files have it"
    return {"label": "text", "text": why, "left_out": 0}


def _texts(trace: Trace, store: Artifacts) -> dict[str, str]:
    """The files of the result and of the candidates, by digest."""
    result = overview(trace)["summary"]["result"]
    wanted = {artifact["sha256"] for artifact in result.get("artifacts", ())}
    wanted |= {d for c in trace.candidates.values() for d in c["files"].values()}
    texts: dict[str, str] = {}
    left = MAX_TEXTS
    for digest in sorted(wanted):
        try:
            text = store.get(digest).decode("utf-8", "replace")
        except (KeyError, OSError):
            continue
        if len(text) <= left:
            texts[digest] = text
            left -= len(text)
    return texts
