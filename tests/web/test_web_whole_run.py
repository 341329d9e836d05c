"""A design from the first word to the exported page, by mouse and keyboard in a real browser."""

import json
import os
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asgi import TOKEN
from playwright.sync_api import expect
from product import DESIGN, GOAL, REFERENCE, WRONG_DESIGN, command

from memory.sessions import SessionStore
from qimeng.chat.session import Session

VAGUE = GOAL.replace(" (synchronous, active high)", "")


class Model(BaseHTTPRequestHandler):
    """A model whose first design is wrong."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "Python model" in asked["messages"][-1]["content"]:
            text = REFERENCE
        else:
            text = self.server.designs.pop() if self.server.designs else DESIGN
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, end in (({"content": f"```\n{text}```"}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": end}
            self.wfile.write(f"data: {json.dumps(head | {'choices': [choice]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def model():
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        server.designs = [WRONG_DESIGN]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture
def desk(home, tmp_path, browser, model):
    """A page on a server with that model."""
    process = subprocess.Popen(
        command("serve", "--port", "0", "--token", TOKEN), text=True, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ
        | {"QIMENG_BASE_URL": model, "QIMENG_API_KEY": "a-key", "QIMENG_MODEL": "m"},
    )  # fmt: skip
    assert process.stdout
    url = process.stdout.readline().split()[-1]
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(120_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(url)
    page.get_by_role("link", name="Chat").click()
    yield page
    context.close()
    process.terminate()
    process.wait(20)
    process.stdout.close()
    assert troubles == []


def test_from_a_goal_to_the_exported_page(desk, tmp_path):
    talk(desk)
    look_at_candidates(desk)
    find_and_take_along(desk, tmp_path)


def say(page, text):
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def talk(page):
    """The goal, the question, the run while it works, its result; files only where allowed."""
    slow = {"timeout": 120_000}
    say(page, VAGUE)
    expect(page.locator(".answered").first).to_contain_text("I read: Module wrap", **slow)
    page.reload()
    page.get_by_role("button", name="Start with the defaults").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(**slow)
    page.reload()  # the run goes on, and a page that comes back sees it
    expect(page.locator(".answered").last).to_contain_text("done · agreed", **slow)
    say(page, "/save ../out")
    page.get_by_role("button", name="Do not write").click()
    expect(page.locator(".answered").last).to_have_text("Nothing was written.", **slow)
    assert page.get_by_role("button", name="Write the files").count() == 0


def look_at_candidates(page):
    """Why one was rejected, and what its repair changed."""
    page.get_by_role("link", name=re.compile("the trace of run")).click()
    expect(page.locator(".head .badge")).to_have_text("done · agreed")
    page.keyboard.press("2")
    rejected = page.locator(".node", has=page.locator(".badge.bad")).first
    expect(rejected).to_contain_text("behaves unlike the majority")
    rejected.get_by_role("checkbox").check()
    page.locator(".node", has=page.locator(".badge.chosen")).get_by_role("checkbox").check()
    page.locator(".tree .main").click()
    expect(page.locator(".diff")).to_contain_text("4'd11")
    assert page.locator(".diff .added").count() > 1


def find_and_take_along(page, tmp_path):
    page.keyboard.press("/")
    page.keyboard.type("goes up by one")
    page.keyboard.press("Enter")
    page.locator(".hit").first.click()
    expect(page.locator(".head h1")).to_contain_text("wrapping counter")
    with page.expect_download() as download:
        page.get_by_role("link", name="HTML").click()
    saved = tmp_path / "run.html"
    download.value.save_as(saved)
    assert "module wrap" in saved.read_text()


def test_a_request_of_another_front_end_shows_its_buttons_and_is_answered_once(desk, tmp_path):
    """It is opened at the terminal's end, shown here, and taken by a program before the click."""
    with Session.create() as session:
        session.log.emit("turn.said", "user", turn=1, text="save it")
        told = {"id": "1-write", "kind": "write", "text": str(tmp_path / "x"), "run_id": "r"}
        question = {"question": "Shall I write design.sv to x? (yes or no)"}
        session.log.emit("request.opened", "planner", turn=1, request=told | question)
        session.log.emit("turn.answered", "planner", turn=1, text="I ask first.")
    desk.goto(desk.url.partition("#")[0] + f"#/chat/{session.id}")
    expect(desk.locator(".request")).to_contain_text("Shall I write design.sv")
    body = {"messages": [{"role": "user", "content": "no"}]}
    answer = desk.context.request.post(
        desk.url.partition("#")[0] + "v1/chat/completions", data=json.dumps(body),
        headers={"content-type": "application/json", "x-qimeng-session": session.id,
                 "origin": desk.url.partition("/#")[0], "authorization": f"Bearer {TOKEN}"},
        timeout=120_000,
    )  # fmt: skip
    assert answer.json()["choices"][0]["message"]["content"] == "Nothing was written."
    expect(desk.locator(".request")).to_have_count(0, timeout=60_000)
    assert SessionStore().read(session.id).pending is None
