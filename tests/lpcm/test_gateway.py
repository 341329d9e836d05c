from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpcm.cache import ReplyCache
from lpcm.gateway import Gateway, Retry
from lpcm.messages import Message, ModelError, ModelReply, ModelRequest, ToolSpec, Usage
from lpcm.prices import Prices
from lpcm.scripted import ScriptedModel


def ask(text: str = "hello", **fields) -> ModelRequest:
    return ModelRequest(
        model="scripted:x", messages=(Message(role="user", content=text),), **fields
    )


def gateway(model: ScriptedModel, waits: list[float] | None = None, **rest) -> Gateway:
    return Gateway(lambda _: model, sleep=(waits if waits is not None else []).append, **rest)


TRANSIENT = ["timeout", "rate", "server", "connection", "cut", "malformed", "empty"]
FINAL = ["auth", "bad_request", "unsupported", "unavailable"]


@pytest.mark.parametrize("kind", TRANSIENT)
def test_transient_errors_are_retried(kind):
    model = ScriptedModel([ModelError(kind, "x"), "ok"])
    reply = gateway(model).complete(ask())
    assert (reply.text, reply.attempts) == ("ok", 2)


@pytest.mark.parametrize("kind", FINAL)
def test_final_errors_are_not(kind):
    model = ScriptedModel([ModelError(kind, "x"), "ok"])
    with pytest.raises(ModelError):
        gateway(model).complete(ask())
    assert len(model.requests) == 1


def test_attempts_are_bounded_and_all_their_tokens_counted():
    waits: list[float] = []
    model = ScriptedModel(lambda _: ModelError("cut", "x", usage=Usage(tokens_in=5, tokens_out=1)))
    with pytest.raises(ModelError) as caught:
        gateway(model, waits, retry=Retry(attempts=3)).complete(ask())
    assert (len(model.requests), len(waits)) == (3, 2)
    assert caught.value.usage == Usage(tokens_in=15, tokens_out=3)


def test_a_late_success_bills_the_failures_too():
    used = Usage(tokens_in=1_000_000, tokens_out=0)
    good = ModelReply(text="ok", model="gpt-4.1", usage=used)
    model = ScriptedModel([ModelError("cut", "x", usage=used), good])
    request = ask().model_copy(update={"model": "gpt-4.1"})
    reply = gateway(model).complete(request)
    assert (reply.usage.tokens_in, reply.usd) == (2_000_000, 4.0)


def test_waits_grow_are_jittered_and_capped():
    retry = Retry(first=1, longest=8)
    error = ModelError("server", "x")
    for attempt, ceiling in enumerate((1, 2, 4, 8, 8), start=1):
        waits = {retry.wait(attempt, error) for _ in range(50)}
        assert len(waits) > 1
        assert all(ceiling / 2 <= wait <= ceiling for wait in waits)


def test_retry_after_is_obeyed_and_too_long_a_wait_is_refused():
    waits: list[float] = []
    model = ScriptedModel([ModelError("rate", "x", retry_after=33), "ok"])
    gateway(model, waits).complete(ask())
    assert waits == [33]
    model = ScriptedModel([ModelError("rate", "x", retry_after=5000), "ok"])
    with pytest.raises(ModelError):
        gateway(model).complete(ask())


def test_retries_are_announced():
    heard = []
    model = ScriptedModel([ModelError("server", "x"), "ok"])
    gateway(model).complete(ask(), on_retry=lambda e, n, w: heard.append((e.kind, n)))
    assert heard == [("server", 1)]


def test_an_empty_answer_is_an_error_and_so_is_broken_json():
    with pytest.raises(ModelError, match="nothing"):
        gateway(ScriptedModel(lambda _: " \n"), retry=Retry(attempts=2)).complete(ask())
    model = ScriptedModel(["{", '{"a": 1}'])
    assert gateway(model).complete(ask(json_schema={})).attempts == 1 + 1


def test_json_cut_by_max_tokens_is_not_asked_for_again():
    cut = ModelReply(text='{"a": ', model="m", finish_reason="length")
    model = ScriptedModel([cut, "{}"])
    with pytest.raises(ModelError, match="max_tokens=1024"):
        gateway(model).complete(ask(json_schema={}))
    assert len(model.requests) == 1


def test_a_cached_answer_costs_nothing_and_streams(tmp_path):
    cache = ReplyCache(tmp_path / "c.db")
    model = ScriptedModel(["one", "two"])
    door = gateway(model, cache=cache)
    first = door.complete(ask())
    pieces: list[str] = []
    again = door.complete(ask(), pieces.append)
    assert (again.text, again.cached, again.usd, pieces) == ("one", True, 0.0, ["one"])
    assert not first.cached
    assert door.complete(ask(seed=1)).text == "two"


def test_another_backend_does_not_share_the_cache(tmp_path):
    cache = ReplyCache(tmp_path / "c.db")
    gateway(ScriptedModel(["one"]), cache=cache).complete(ask())
    other = ScriptedModel(["two"])
    other.identity = "elsewhere"
    assert gateway(other, cache=cache).complete(ask()).text == "two"


def test_errors_are_not_cached(tmp_path):
    model = ScriptedModel([ModelError("auth", "x"), "ok"])
    door = gateway(model, cache=ReplyCache(tmp_path / "c.db"))
    with pytest.raises(ModelError):
        door.complete(ask())
    assert door.complete(ask()).text == "ok"


def _write(path: Path, who: int) -> None:
    cache = ReplyCache(path)
    for i in range(30):
        cache.put(f"k{i}", ModelReply(text=f"{who}", model="m"))


WRITER = """
import sys, pathlib, lpcm.cache, lpcm.messages
cache = lpcm.cache.ReplyCache(pathlib.Path(sys.argv[1]))
for i in range(30):
    cache.put(f"k{i}", lpcm.messages.ModelReply(text=sys.argv[2], model="m"))
"""


def test_processes_share_the_cache_and_the_first_writer_wins(tmp_path):
    path = tmp_path / "c.db"
    commands = [[sys.executable, "-c", WRITER, str(path), who] for who in "ab"]
    writers = [subprocess.Popen(command) for command in commands]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    seen = ReplyCache(path)
    before = [seen.get(f"k{i}") for i in range(30)]
    assert all(before)
    _write(path, 9)
    assert [seen.get(f"k{i}") for i in range(30)] == before


def test_threads_share_the_cache(tmp_path):
    path = tmp_path / "c.db"
    threads = [threading.Thread(target=_write, args=(path, who)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM replies").fetchone() == (30,)
    db.close()


def test_a_broken_cache_file_says_what_to_do(tmp_path):
    path = tmp_path / "c.db"
    path.write_bytes(b"not a database, not at all" * 99)
    with pytest.raises(ModelError, match="delete it"):
        ReplyCache(path)


text = st.text(max_size=8)
requests = st.builds(
    ModelRequest,
    model=text,
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(("user", "assistant")), content=text),
        min_size=1,
        max_size=3,
    ).map(tuple),
    temperature=st.floats(0, 2),
    seed=st.integers(0, 2**31 - 1),
    max_tokens=st.integers(1, 9),
    stop=st.lists(text, max_size=2).map(tuple),
    json_schema=st.none() | st.dictionaries(text, st.integers(), max_size=3),
)


@given(requests)
def test_a_request_survives_json_and_keeps_its_key(request):
    again = ModelRequest.model_validate_json(request.model_dump_json())
    assert again == request
    assert again.key() == request.key()


@given(requests, requests)
def test_keys_are_equal_exactly_when_the_canonical_json_is(a, b):
    assert (a.key() == b.key()) == (a.model_dump_json() == b.model_dump_json())
    assert a == b or a.key() != b.key()


@given(requests, st.sampled_from(("seed", "max_tokens", "model", "temperature")))
def test_every_setting_is_part_of_the_key(request, name):
    value = {"seed": 2**30, "max_tokens": 77, "model": "another model", "temperature": 1.2345}[name]
    changed = request.model_copy(update={name: value})
    assert (changed.key() == request.key()) == (getattr(request, name) == value)


def test_the_key_is_the_same_in_another_process():
    code = (
        "from lpcm.messages import *;"
        "print(ModelRequest(model='m', messages=(Message(role='user', content='é'),)).key())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    here = ModelRequest(model="m", messages=(Message(role="user", content="é"),)).key()
    assert out.stdout.strip() == here


def test_a_request_takes_one_constraint_only():
    with pytest.raises(ValueError, match="at most one"):
        ask(grammar="x", tools=(ToolSpec(name="t"),))
    with pytest.raises(ValueError, match="no tools"):
        ask(tool_choice="required")


def test_light_modules_do_not_import_heavy_ones():
    code = (
        "import sys, lpcm.gateway, lpcm.models, lpcm.cassette;"
        "heavy = {'openai', 'langchain', 'langchain_core', 'xllamacpp', 'httpx2'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.strip() == "[]"


def test_prices(tmp_path):
    million = Usage(tokens_in=1_000_000, tokens_out=1_000_000)
    mine = tmp_path / "prices.toml"
    mine.write_text('"my-model" = { input = 1, output = 2 }\n"gpt-4.1" = { input = 0, output = 1 }')
    prices = Prices(mine)
    assert prices.usd("endpoint:my-model", million) == 3.0
    assert prices.usd("gpt-4.1", million) == 1.0
    assert prices.usd("gpt-4o", million) == 12.5
    assert prices.usd("who-knows", million) is None
    assert prices.usd("embedded", million) == 0.0
    mine.write_text('"my-model" = { input = -1, output = 2 }')
    with pytest.raises(ValueError, match="not a price table"):
        Prices(mine)
