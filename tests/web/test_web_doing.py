"""Starting, stopping and resuming runs from the page, chat over HTTP, and the MCP server."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx2
import pytest
from asgi import TOKEN
from asgi import run as run_apart
from product import DESIGN, GOAL, WRONG_DESIGN, command, script
from told_runs import Story

from qimeng.summary import RunView
from qimeng.web.launch import Launcher, Refused, stop

HOLDER = """
import os, sys, time
from memory.runs import RunStore
run = RunStore().open(sys.argv[1])
run.emit("run.started", "runner", pid=os.getpid(), sandbox="bwrap", model="m")
try:
    print("ready", flush=True)
    time.sleep(120)
except KeyboardInterrupt:
    run.emit("run.paused", "runner", cause="stopped", reason="stopped")
"""


def wait_for(found, what):
    """Poll, at most four minutes."""
    for _ in range(1200):
        if answer := found():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"never: {what}")


def test_a_run_is_started_pauses_at_its_budget_and_is_resumed(get, post, home, tmp_path):
    model = script(tmp_path / "answers.jsonl")
    asked = {"goal": GOAL, "model": model, "budget": "tokens=1", "golden": DESIGN}
    launch = post("/api/runs", asked).json
    assert launch["state"] == "starting" and launch["message"] == ""

    def paused():
        rows = get("/api/runs").json["runs"]
        return [row["id"] for row in rows if row["status"] == "paused"]

    (run,) = wait_for(paused, "the run pauses")
    assert get("/api/runs").json["launches"] == []
    view = RunView.read(run)
    assert view.cause == "budget" and view.goal.golden
    post(f"/api/runs/{run}/resume", {"budget": "tokens=2"})
    wait_for(
        lambda: [e.kind for e in RunView.read(run).log].count("run.paused") == 2, "paused again"
    )
    assert RunView.read(run).spend.tokens_in >= view.spend.tokens_in


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"goal": ""}, "empty"),
        ({"goal": 7}, "text"),
        ({"goal": "a counter", "budget": "tokens=lots"}, "budget"),
        ({"goal": "a counter", "seed": "x"}, "invalid literal"),
        ({"goal": "a counter", "candidates": 999}, "64"),
        ({"goal": "a counter", "files": {"../x.v": "y"}}, "name of a file"),
        ({"goal": "a counter", "files": {"x.v": 3}}, "a file has"),
        ({"goal": "a counter", "workflow": "no"}, "workflow"),
    ],
)
def test_bad_input_is_refused_before_any_process(post, home, monkeypatch, asked, why):
    monkeypatch.setattr(subprocess, "Popen", None)
    answer = post("/api/runs", asked)
    assert answer.status == 400 and why in answer.json["error"]


def test_a_goal_that_looks_like_an_option_stays_a_goal(home, monkeypatch):
    started = []

    class Process:
        pid, returncode = 1, 0

        def __init__(self, arguments, **options):
            started.append((arguments, options))

        def wait(self):
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    Launcher().start({"goal": "--sandbox=host", "model": "--json"})
    ((arguments, options),) = started
    assert arguments[-2:] == ["--", "--sandbox=host"] and "--model=--json" in arguments
    assert options["start_new_session"]


def test_a_model_that_is_not_there_is_told(get, post, home):
    post("/api/runs", {"goal": GOAL, "model": "scripted:/no/such/file"})
    launches = wait_for(
        lambda: [x for x in get("/api/runs").json["launches"] if x["state"] == "over"], "it ends"
    )
    assert "/no/such/file" in launches[0]["message"]


def test_stopping_asks_the_process_that_holds_the_run_and_no_other(home):
    story = Story()
    story.start()
    story.run.close()
    with pytest.raises(Refused):
        stop(story.run.id)  # its log names process 1, which does not hold it
    # Started by a shell in the background, pytest would hand on that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, story.run.id], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    stop(story.run.id)
    assert process.wait(60) == 0
    process.stdout.close()
    assert RunView.read(story.run.id).status == "paused"
    with pytest.raises(Refused):
        stop(story.run.id)


# -- chat ------------------------------------------------------------------------------------


@pytest.fixture
def chat(tmp_path):
    """A server whose scripted model talks; a client with its key."""
    rules = {"nice weather": "I only know about designs.", "hello": "Say what to design."}
    path = tmp_path / "talk.jsonl"
    usage = {"tokens_in": 100, "tokens_out": 50}
    lines = [
        {"when": when, "reply": {"text": text, "model": "s", "usage": usage}}
        for when, text in [
            *((f"Message: {w}", '{"intent": "talk"}') for w in rules),
            *rules.items(),
        ]
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    process = subprocess.Popen(
        command("serve", "--port", "0", "--token", TOKEN), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ
        | {"QIMENG_HOME": str(tmp_path / "home"), "QIMENG_MODEL": f"scripted:{path}"},
    )  # fmt: skip
    assert process.stdout
    url = process.stdout.readline().split()[-1].partition("/?")[0]
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=240) as client:
        yield client
    process.terminate()
    process.wait(20)
    process.stdout.close()


def says(text, history=(), **more):
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": said} for i, said in enumerate(history)]
    return {
        "model": "qimeng-chat",
        "messages": [*messages, {"role": "user", "content": text}],
        **more,
    }


def test_other_programs_chat_in_the_form_of_openai(chat):
    assert [m["id"] for m in chat.get("/v1/models").json()["data"]] == ["qimeng-chat"]
    first = chat.post("/v1/chat/completions", json=says("hello"))
    told = first.json()
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "Say what to design."}
    assert told["object"] == "chat.completion" and told["usage"]["total_tokens"] > 0
    session = first.headers["x-qimeng-session"]

    named = {"x-qimeng-session": session}
    second = chat.post(
        "/v1/chat/completions", json=says("nice weather", stream=True), headers=named
    )
    chunks = [line[6:] for line in second.text.splitlines() if line.startswith("data: ")]
    assert chunks[-1] == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0] for chunk in chunks[:-1]]
    assert "".join(d["delta"].get("content", "") for d in deltas) == "I only know about designs."
    assert deltas[0]["delta"]["role"] == "assistant" and deltas[-1]["finish_reason"] == "stop"
    assert second.headers["x-qimeng-session"] == session

    turns = chat.get(f"/api/sessions/{session}").json()["turns"]
    assert [turn["text"] for turn in turns] == ["hello", "nice weather"]
    history = ("hello", "Say what to design.", "nice weather", "I only know about designs.")
    third = chat.post("/v1/chat/completions", json=says("hello", history))
    assert third.headers["x-qimeng-session"] == session
    for wrong in ({}, {"messages": []}, {"messages": [{"role": "user", "content": 3}]}):
        assert chat.post("/v1/chat/completions", json=wrong).status_code == 400
    unknown = chat.post("/v1/chat/completions", json=says("x"), headers={"x-qimeng-session": "no"})
    assert unknown.status_code == 404 and "no session" in unknown.json()["error"]["message"]


def test_the_chat_page_talks_and_remembers(chat, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{chat.base_url}/?token={TOKEN}")
    page.goto(f"{chat.base_url}/#/chat")
    page.get_by_label("Message").fill("hello")
    page.keyboard.press("Enter")
    page.get_by_text("Say what to design.").wait_for()
    page.get_by_label("Message").fill("/spec <script>")
    page.keyboard.press("Enter")
    page.get_by_text("nothing is specified yet").wait_for()
    page.reload()
    page.locator(".answered").get_by_text("Say what to design.").wait_for()
    assert page.locator(".sessions a[aria-current]").inner_text() == "hello"
    context.close()


# -- MCP -------------------------------------------------------------------------------------


def test_the_mcp_server_verifies_and_reads_runs_over_stdio(home):
    run = Story().whole()

    async def talk():
        from mcp import Client
        from mcp.client.stdio import StdioServerParameters

        arguments = command("mcp")
        server = StdioServerParameters(
            command=arguments[0], args=arguments[1:], env=dict(os.environ)
        )
        async with Client(server) as client:
            tools = {tool.name: tool.description for tool in (await client.list_tools()).tools}
            assert set(tools) == {
                "verify", "simulate", "synthesize", "search_memory",
                "list_runs", "read_run", "read_trace",
            }  # fmt: skip
            assert all(tools.values())

            async def ask(tool, **given):
                answer = await client.call_tool(tool, given)
                return json.loads(answer.content[0].text)

            differs = await ask("verify", dut=WRONG_DESIGN, golden=DESIGN, seconds=10)
            assert differs["verdict"] == "different" and "cycle" in differs["counterexample"]
            rows = [[1, 0], *([[0, 1]] * 12)]
            trace = await ask("simulate", source=DESIGN, rows=rows)
            assert trace["inputs"] == ["rst", "en"] and trace["after"][-1] == ["0000", "0"]
            assert "error" in await ask("simulate", source="module x;")
            assert (await ask("list_runs"))["runs"][0]["id"] == run
            assert (await ask("read_trace", run_id=run))["events"] == 58
            assert "module wrap" in (await ask("read_run", run_id=run))["files"]["design.sv"]
            assert "no run" in (await ask("read_run", run_id="nothing"))["error"]

    run_apart(talk())
