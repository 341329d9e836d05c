"""``qimeng serve`` and ``qimeng mcp``: the page for people, the tools for other agents."""

from __future__ import annotations

import secrets
import socket

import click

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LAST_WORDS = 2


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8765, show_default=True, help="0 takes a free one.")
@click.option("--token", help="The key to the page; by default a fresh one.")
def serve(host: str, port: int, token: str | None) -> None:
    """Show runs and their traces in the browser; start, stop and resume runs there."""
    import uvicorn

    from qimeng.web.app import create_app

    key = token or secrets.token_urlsafe(24)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    names = tuple(f"{name}:{port}" for name in {*_LOOPBACK, host})
    app = create_app(key, names, f"qimeng_{port}")
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    click.echo(f"QiMeng: http://{shown}:{port}/?token={key}")
    click.echo("The address holds the key; Ctrl-C ends the page, runs go on.", err=True)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_LAST_WORDS
    )
    uvicorn.Server(config).run([listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=_family(host))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@click.command()
def mcp() -> None:
    """Offer verify, simulate, synthesize and the runs to other agents (MCP over stdio)."""
    from qimeng.mcp_server import server

    server().run("stdio")
