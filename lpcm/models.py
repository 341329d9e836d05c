"""Names of models, and what answers to them.

``embedded``, ``endpoint:NAME`` or just ``NAME`` (a model of the configured server),
``cassette:PATH``, ``scripted:PATH``. Nothing heavy is imported before a name needs it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from lpcm.cassette import Cassette
from lpcm.messages import Backend, ModelError
from lpcm.pull import EMBEDDED, located
from lpcm.scripted import ScriptedModel

OPENAI_URL = "https://api.openai.com/v1"


def default_model() -> str:
    """``$QIMENG_MODEL``, else the embedded model: a key alone never makes a run cost money."""
    return os.environ.get("QIMENG_MODEL") or EMBEDDED.name


def open_model(name: str | None = None) -> Backend:
    """The backend of that name; the same object each time within a process.

    Raises ModelError "unavailable" whose message names the one thing that mends it.
    """
    name = name or default_model()
    kind, _, rest = name.partition(":")
    if name == EMBEDDED.name:
        return _embedded(located())
    if kind == "cassette":
        return _cassette(Path(rest))
    if kind == "scripted":
        return _scripted(Path(rest))
    return _endpoint(rest if kind == "endpoint" else name, *_server(name))


@cache
def _embedded(path: Path) -> Backend:
    from lpcm.embedded import EmbeddedModel

    return EmbeddedModel(path, EMBEDDED.sha256)


@cache
def _cassette(path: Path) -> Backend:
    return Cassette(path)


@cache
def _scripted(path: Path) -> Backend:
    return ScriptedModel.from_file(path)


@cache
def _endpoint(model: str, base_url: str, api_key: str) -> Backend:
    from lpcm.endpoint import Endpoint

    return Endpoint(model, base_url, api_key)


def _server(name: str) -> tuple[str, str]:
    """Base URL and key. They come as a pair, so that no key is sent to another one's server."""
    for prefix, default_url in (("QIMENG", ""), ("OPENAI", OPENAI_URL)):
        url = os.environ.get(f"{prefix}_BASE_URL", "")
        key = os.environ.get(f"{prefix}_API_KEY", "")
        if url or (key and default_url):
            return url or default_url, key or "none"
    message = (
        f"the model {name!r} needs a server: export QIMENG_BASE_URL=… (and QIMENG_API_KEY=…),"
        " or use --model embedded"
    )
    raise ModelError("unavailable", message)
