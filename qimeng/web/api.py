"""The page's requests and their answers (JSON). All functions are plain; the app threads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from memory.artifacts import Artifacts
from memory.home import home
from memory.runs import NoSuchRun, RunStore
from qimeng.goals import BadInput
from qimeng.listing import listed_runs
from qimeng.report import report_files
from qimeng.summary import RunView
from qimeng.web.details import details
from qimeng.web.export import to_html, to_json
from qimeng.web.launch import Launcher, stop
from qimeng.web.otlp import otlp
from qimeng.web.search import Search
from qimeng.web.trace import GROUPS, Json, Trace, place
from qimeng.web.views import Traces, overview

MOST_ROWS = 1000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_INERT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The policy of files that models and tools wrote: they run nothing and reach nothing."""


class Api:
    """The state behind the requests: traces in memory, the search index, started processes."""

    def __init__(self) -> None:
        self.traces = Traces()
        self.launcher = Launcher()
        self.search_index = Search(home() / "search.db", RunStore().root)

    def trace(self, request: Request) -> Trace:
        """The trace that the address names. Raises NoSuchRun."""
        run_id = request.path_params["run"]
        if not _ID.fullmatch(run_id):
            raise NoSuchRun(run_id)
        return self.traces.get(run_id)

    # -- many runs ------------------------------------------------------------------------

    def runs(self, request: Request) -> Response:
        """Every run, newest first, and what was started here and is not a run yet."""
        return JSONResponse(self.runs_now())

    def runs_now(self) -> Json:
        """What ``runs`` answers."""
        launches = [told for told in self.launcher.listed() if not told["run"]]
        return {"runs": [asdict(row) for row in listed_runs()], "launches": launches}

    def search(self, request: Request) -> Response:
        """The texts that hold the words of ``q``."""
        query = request.query_params.get("q", "")[:400]
        return JSONResponse({"hits": self.search_index.find(query)})

    # -- one run --------------------------------------------------------------------------

    def overview(self, request: Request) -> Response:
        """Summary, lanes and candidates."""
        return JSONResponse(overview(self.trace(request)))

    def rows(self, request: Request) -> Response:
        """A page of rows: ``from``, ``count``, ``groups`` (commas), ``q``; with ``seq``, where
        that event stands among the rows found.
        """
        trace, asked = self.trace(request), request.query_params
        groups = [g for g in asked.get("groups", "").split(",") if g in GROUPS]
        found = trace.find(groups, asked.get("q", "")[:200])
        first, count = _number(asked, "from", 0), _number(asked, "count", 200)
        rows = trace.page(found, first, min(count, MOST_ROWS))
        answer: Json = {"total": len(found), "from": first, "rows": rows}
        if "seq" in asked:
            answer["place"] = place(found, _number(asked, "seq", 0))
        return JSONResponse(answer)

    def event(self, request: Request) -> Response:
        """One event in full."""
        trace, seq = self.trace(request), int(request.path_params["seq"])
        if not 0 <= seq < len(trace.rows):
            return _missing(f"the run has no event {seq}")
        return JSONResponse(details(trace, seq))

    def artifact(self, request: Request) -> Response:
        """A file by its digest: as text to read, or with ``as=svg`` as a picture; ``name`` saves
        it under that name.
        """
        digest, asked = request.path_params["digest"], request.query_params
        if not _DIGEST.fullmatch(digest):
            return _missing("a file is named by its SHA-256")
        try:
            data = Artifacts(self.trace(request).folder / "artifacts").get(digest)
        except KeyError:
            return _missing("the run has no such file")
        kind = "image/svg+xml" if asked.get("as") == "svg" else "text/plain; charset=utf-8"
        headers = {"content-security-policy": _INERT}
        if "name" in asked:
            headers["content-disposition"] = _attached(asked["name"])
        return Response(data, media_type=kind, headers=headers)

    def report(self, request: Request) -> Response:
        """The run's report as a page."""
        view = RunView.read(self.trace(request).folder.name)
        page = report_files(view)["report.html"]
        return Response(page, media_type="text/html", headers={"content-security-policy": _INERT})

    def export(self, request: Request) -> Response:
        """The run as one file to keep: ``html``, ``json`` or ``otlp``."""
        trace, form = self.trace(request), request.path_params["form"]
        run_id = trace.folder.name
        if form == "html":
            text, kind, name = to_html(trace), "text/html", f"{run_id}.html"
        elif form == "json":
            text, kind, name = _dumped(to_json(trace)), "application/json", f"{run_id}.json"
        elif form == "otlp" and trace.events:
            text, kind = _dumped(otlp(run_id, trace.events)), "application/json"
            name = f"{run_id}.otlp.json"
        else:
            return _missing("a run is exported as html, json or otlp")
        headers = {"content-disposition": _attached(name), "content-security-policy": _INERT}
        return Response(text, media_type=kind, headers=headers)

    # -- doing ----------------------------------------------------------------------------

    def start(self, request: Request, asked: Json) -> Response:
        """Start a run; the answer names the process, and later the list names its run."""
        return JSONResponse(self.launcher.start(asked).look(), 202)

    def resume(self, request: Request, asked: Json) -> Response:
        """Go on with a run, with the caps of ``budget``."""
        run_id = self.trace(request).folder.name
        launch = self.launcher.resume(run_id, str(asked.get("budget") or ""))
        return JSONResponse(launch.look(), 202)

    def stop(self, request: Request, asked: Json) -> Response:
        """Pause a run that is working."""
        stop(self.trace(request).folder.name)
        return JSONResponse({"stopping": True}, 202)


def read_body(raw: bytes) -> Json:
    """The JSON object of a request. Raises BadInput."""
    try:
        asked = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadInput("the request is not JSON") from error
    if not isinstance(asked, dict):
        raise BadInput("the request is not a JSON object")
    return asked


Handler = Callable[[Request], Response]


def _number(asked: Any, name: str, default: int) -> int:
    text = asked.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


def _missing(why: str) -> Response:
    return JSONResponse({"error": why}, 404)


def _dumped(data: Json) -> str:
    return json.dumps(data, ensure_ascii=False)


def _attached(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:120] or "file"
    return f'attachment; filename="{safe}"'
