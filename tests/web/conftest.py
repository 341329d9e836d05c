"""The page in three forms: the application called in-process, a real server, a real browser."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from asgi import EVIL, HOST, TOKEN, call
from product import command
from told_runs import Story, huge

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, without the user's settings."""
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path / "home"))
    for name in [n for n in os.environ if n.startswith(("OPENAI_", "QIMENG_"))]:
        if name != "QIMENG_HOME":
            monkeypatch.delenv(name)
    return tmp_path / "home"


@pytest.fixture
def app(home):
    from qimeng.web.app import create_app

    return create_app(TOKEN, (HOST,))


@pytest.fixture
def get(app):
    return lambda address, **headers: call(app, "GET", address, headers)


@pytest.fixture
def post(app):
    def send(address, asked, **headers):
        body = json.dumps(asked).encode()
        return call(app, "POST", address, {"content-type": "application/json"} | headers, body)

    return send


@dataclass
class Site:
    """A running server with some runs."""

    url: str
    home: Path
    good: str
    evil: str
    long: str


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Site]:
    """`qimeng serve` in a process of its own, over a rich, a hostile and a very long run."""
    root = tmp_path_factory.mktemp("site") / "home"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("QIMENG_", "OPENAI_"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QIMENG_HOME", str(root))
        long, evil, good = huge(), Story(EVIL).whole(), Story().whole()
    process = subprocess.Popen(
        command("serve", "--port", "0", "--token", TOKEN),
        env=kept | {"QIMENG_HOME": str(root)}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        address = process.stdout.readline().split()[-1]
        yield Site(address.partition("/?")[0], root, good, evil, long)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, site):
    """A page with its cookie; scripts that fail and addresses elsewhere fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    opened.on(
        "request",
        lambda r: None if r.url.startswith((site.url, "data:")) else troubles.append(r.url),
    )
    opened.goto(f"{site.url}/?token={TOKEN}")
    yield opened
    context.close()
    assert troubles == []
