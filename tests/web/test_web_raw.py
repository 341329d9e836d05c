"""Malformed bytes over raw sockets, damaged sessions, and hostile words in a chat."""

import os

import pytest
from asgi import EVIL, TOKEN
from playwright.sync_api import expect

from evals import fuzz
from memory.records import Budget
from memory.sessions import SessionStore


def test_malformed_bytes_neither_stop_the_server_nor_change_a_run(site, monkeypatch):
    monkeypatch.setattr(fuzz, "KEY", TOKEN)
    folder = site.home / "runs" / site.good
    before = fuzz.fingerprint(folder)
    counts = fuzz.attack(int(site.url.rpartition(":")[2]), site.good, 300, seed=5)
    assert not [status for status in counts if status >= 500]
    assert counts[400] > 20 and counts[401] + counts[404] + counts[421] > 5, "it hits many doors"
    assert fuzz.fingerprint(folder) == before


def test_a_change_of_the_files_would_be_seen(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b"{}\n")
    before = fuzz.fingerprint(tmp_path)
    (tmp_path / "events.jsonl").write_bytes(b"{ }\n")
    assert fuzz.fingerprint(tmp_path) != before


def session(words: str):
    log = SessionStore().create("m", "auto", Budget())
    log.emit("turn.said", "user", turn=1, text=words)
    request = {"id": "1-write", "kind": "write", "text": "/x", "question": f"Shall I? {words}"}
    log.emit("request.opened", "planner", turn=1, request=request)
    log.emit("turn.answered", "planner", turn=1, text=f"```html\n{words}```\n{words}")
    log.close()
    return log


def test_a_session_cut_at_every_byte_of_its_last_record_is_read(get, home):
    log = session("hello")
    path = log.folder / "events.jsonl"
    whole = path.read_bytes()
    for cut in range(whole.rfind(b"\n", 0, -1) + 1, len(whole)):
        path.write_bytes(whole[:cut])
        (turn,) = get(f"/api/sessions/{log.id}").json["turns"]
        assert turn["text"] == "hello" and turn["reply"] is None


@pytest.mark.parametrize("damage", [b"{}\n", b"\xff\xfe\n", b'{"v": 99}\n'])
def test_a_damaged_session_is_told_and_hides_no_other(get, home, damage):
    good, bad = session("good"), session("bad")
    with (bad.folder / "events.jsonl").open("ab") as file:
        file.write(damage)
    titles = [s["title"] for s in get("/api/sessions").json["sessions"]]
    assert sorted(titles) == ["bad", "good"]
    assert get(f"/api/sessions/{bad.id}").status == 409
    assert "line 6" in get(f"/api/sessions/{bad.id}/live").json["error"]
    assert get(f"/api/sessions/{good.id}").status == 200


def test_no_word_of_a_chat_is_run(page, site, monkeypatch):
    monkeypatch.setitem(os.environ, "QIMENG_HOME", str(site.home))
    log = session(EVIL)
    page.goto(f"{site.url}/#/chat/{log.id}")
    expect(page.locator(".said")).to_have_text(EVIL)
    expect(page.locator(".answered pre")).to_contain_text(EVIL)
    expect(page.locator(".request")).to_contain_text(EVIL)
    page.get_by_label("Message").fill(f"/{EVIL}")
    page.keyboard.press("Enter")
    expect(page.locator(".remark.bad")).to_contain_text("<script>window.owned=1</script>")
    assert page.evaluate("typeof window.owned") == "undefined"
    assert page.locator("main script, main img").count() == 0
