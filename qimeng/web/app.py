"""The application: addresses, and how errors are answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from mimetypes import guess_type

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from memory.events import EventLogError
from memory.lock import RunBusy
from memory.runs import NoSuchRun
from memory.sessions import NoSuchSession
from qimeng.goals import BadInput
from qimeng.web import chats
from qimeng.web.api import Api, read_body
from qimeng.web.export import SCRIPTS, static
from qimeng.web.guard import Guard, refused
from qimeng.web.launch import Refused
from qimeng.web.live import follow
from qimeng.web.trace import Json
from qimeng.web.views import summary

_STATIC = frozenset((*SCRIPTS, "runs", "search", "compare", "chat", "keys", "main"))
_LOG = logging.getLogger(__name__)


def create_app(token: str, hosts: tuple[str, ...], cookie: str = "qimeng") -> ASGIApp:
    """The page for requests that name one of ``hosts`` (with port) and carry ``token``."""
    api = Api()
    one = "/api/runs/{run}"
    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/static/{name}", _static),
            Route("/api/runs", api.runs),
            Route("/api/runs", _change(api.start), methods=["POST"]),
            Route("/api/search", api.search),
            Route("/api/live", _live_runs(api)),
            Route(one, api.overview),
            Route(f"{one}/rows", api.rows),
            Route(f"{one}/events/{{seq:int}}", api.event),
            Route(f"{one}/artifacts/{{digest}}", api.artifact),
            Route(f"{one}/report", api.report),
            Route(f"{one}/export/{{form}}", api.export),
            Route(f"{one}/live", _live_run(api)),
            Route(f"{one}/resume", _change(api.resume), methods=["POST"]),
            Route(f"{one}/stop", _change(api.stop), methods=["POST"]),
            Route("/api/sessions", chats.sessions),
            Route("/api/sessions/{session}", chats.session),
            Route("/api/sessions/{session}/live", _live_session(api)),
            Route("/api/chat", chats.say, methods=["POST"]),
            Route("/v1/models", chats.models),
            Route("/v1/chat/completions", chats.completions, methods=["POST"]),
        ],
        exception_handlers={
            NoSuchRun: _answer(404),
            NoSuchSession: _answer(404),
            BadInput: _answer(400),
            EventLogError: _answer(409),
            Refused: _answer(409),
            RunBusy: _answer(409),
            HTTPException: _http_error,
            Exception: _unexpected,
        },
    )
    return Guard(app, token, hosts, cookie)


def _page(request: Request) -> Response:
    return Response(static("index.html"), media_type="text/html")


def _static(request: Request) -> Response:
    name, _, ending = request.path_params["name"].rpartition(".")
    if (ending == "js" and name in _STATIC) or (name, ending) == ("style", "css"):
        whole = f"{name}.{ending}"
        return Response(static(whole), media_type=guess_type(whole)[0])
    return refused(404, "there is no such file")


def _change(do: Callable[[Request, Json], Response]) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        return await run_sync(do, request, read_body(await request.body()))

    return endpoint


def _live_runs(api: Api) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        return follow(api.runs_now)

    return endpoint


def _live_run(api: Api) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        await run_sync(api.trace, request)
        return follow(lambda: summary(api.trace(request)))

    return endpoint


def _live_session(api: Api) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        named = request.path_params["session"]
        await run_sync(chats.session_now, named, api.traces)
        return follow(lambda: chats.session_now(named, api.traces))

    return endpoint


def _answer(status: int) -> Callable[[Request, Exception], Response]:
    return lambda request, error: refused(status, str(error))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


def _unexpected(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    return refused(500, f"internal error: {type(error).__name__}")
