"""Where LangGraph keeps a run's checkpoints: a SQLite file of the run, or a PostgreSQL server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memory.runs import Run

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

SERVER = "QIMENG_POSTGRES"
"""Environment: a connection string; runs of many machines then share one server."""


class NoServer(RuntimeError):
    """The PostgreSQL server cannot be used; the message says why."""


@contextmanager
def checkpoints(run: Run) -> Iterator[BaseCheckpointSaver[Any]]:
    """The run's checkpoint store. Raises NoServer."""
    server = os.environ.get(SERVER)
    if server:
        with _postgres(server) as saver:
            yield saver
        return
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(run.folder / "checkpoints.db")) as sqlite:
        yield sqlite


@contextmanager
def _postgres(server: str) -> Iterator[BaseCheckpointSaver[Any]]:
    try:
        import psycopg
        from langgraph.checkpoint.postgres import PostgresSaver
    except ImportError:
        raise NoServer(f"{SERVER} is set: pip install 'qimeng[postgres]'") from None
    try:
        with PostgresSaver.from_conn_string(server) as saver:
            saver.setup()
            yield saver
    except psycopg.OperationalError as error:
        raise NoServer(f"the server of {SERVER} does not answer: {error}") from error
