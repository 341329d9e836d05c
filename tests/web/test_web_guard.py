"""Who may talk to the page, and what never leaves it."""

import random

import pytest
from asgi import HOST, SECRET, TOKEN, call, called, run
from told_runs import Story

from qimeng.web.app import create_app
from qimeng.web.secrets_hidden import Hider

FUZZED = 2000


def test_without_the_key_nothing_is_shown(app, get):
    for address in ("/", "/static/main.js", "/api/runs", "/api/live", "/v1/models", "/nowhere"):
        assert get(address, authorization=None).status == 401
        assert get(address, authorization="Bearer wrong").status == 401
        assert get(address, authorization=None, cookie="qimeng=wrong").status == 401
    assert get("/api/runs").status == 200


def test_the_printed_address_sets_a_cookie_that_no_script_and_no_other_site_gets(app, get):
    answer = get(f"/?token={TOKEN}", authorization=None)
    assert answer.status == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert get("/", authorization=None, cookie=cookie.split(";")[0]).status == 200
    assert get("/?token=wrong", authorization=None).status == 401
    assert call(app, "POST", f"/?token={TOKEN}").status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1", "", None])
def test_a_foreign_name_for_this_machine_is_refused(get, host):
    assert get("/api/runs", host=host).status == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9", "file://"])
def test_requests_of_other_sites_are_refused(get, post, origin):
    assert get("/api/runs", origin=origin).status == 403
    assert post("/api/runs", {"goal": "x"}, origin=origin).status == 403
    assert get("/api/runs", **{"sec-fetch-site": "cross-site"}).status == 403


def test_a_change_by_cookie_needs_the_page_as_its_origin_and_json(app, post):
    cookie = {"authorization": None, "cookie": f"qimeng={TOKEN}"}
    assert post("/api/runs", {"goal": ""}, **cookie).status == 403
    assert post("/api/runs", {"goal": ""}, **cookie, origin=f"http://{HOST}").status == 400
    form = {**cookie, "origin": f"http://{HOST}", "content-type": "text/plain"}
    assert call(app, "POST", "/api/runs", form, b'{"goal": "x"}').status == 415


def test_every_answer_carries_the_policy(get):
    for address in ("/", "/static/main.js", "/api/runs", "/nowhere"):
        headers = get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_what_models_and_tools_wrote_is_served_inert(get, home):
    story = Story("<script>1</script>")
    run = story.whole()
    files = get(f"/api/runs/{run}").json["summary"]["result"]["artifacts"]
    svg = next(f for f in files if f["name"].endswith(".svg"))
    base = f"/api/runs/{run}/artifacts/{svg['sha256']}"
    assert get(base).headers["content-type"].startswith("text/plain")
    picture = get(f"{base}?as=svg&name=../../x%0d%0aset-cookie:%20a=b.svg")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert "/" not in picture.headers["content-disposition"].split("filename=")[1]
    assert "set-cookie" not in picture.headers
    assert "sandbox" in get(f"/api/runs/{run}/report").headers["content-security-policy"]


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "*", "[a]", "a" * 300, ".", "%ff", "~"],
)
def test_no_address_leaves_the_home(get, home, name):
    Story().whole()
    for address in (f"/api/runs/{name}", f"/api/runs/{name}/rows", f"/static/{name}",
                    f"/api/runs/{name}/artifacts/{'0' * 64}", f"/api/sessions/{name}"):  # fmt: skip
        assert get(address).status in (400, 404)


def test_artifacts_are_reached_by_digest_only(get, home):
    run = Story().whole()
    for digest in ("..%2fevents.jsonl", "events.jsonl", "0" * 64, "A" * 64, "%2e%2e"):
        assert get(f"/api/runs/{run}/artifacts/{digest}").status == 404


def test_keys_of_the_environment_are_blackened_everywhere(home, monkeypatch):
    monkeypatch.setenv("SOME_VENDOR_API_KEY", SECRET)
    monkeypatch.setenv("HARMLESS", "module wrap")
    run = Story(SECRET).whole()
    app = create_app(TOKEN, (HOST,))
    addresses = [f"/api/runs/{run}{part}" for part in (
        "", "/rows?count=500", "/events/5", "/report", "/export/html", "/export/json",
        "/export/otlp",
    )]  # fmt: skip
    for address in (
        *addresses,
        "/api/runs",
        "/api/search?q=wrap+this-must-never",
        "/api/search?q=wrap",
    ):
        answer = call(app, "GET", address)
        assert answer.status == 200 and SECRET.encode() not in answer.body
        assert b"*" * len(SECRET) in answer.body or "search" in address
    story = Story(SECRET * 2000)
    story.start()
    assert b"sk-this" not in call(app, "GET", f"/api/runs/{story.run.id}/rows").body
    story.run.close()
    assert b"module wrap" in call(app, "GET", addresses[2]).body


def test_a_key_is_found_in_every_form_it_is_written_in():
    hider = Hider({"X_TOKEN": 'a"b<c>&quot', "SHORT_KEY": "abc", "PATH": "/usr/bin/and-so-on"})
    assert hider.hide(b'a"b<c>&quot') == b"*" * 11
    assert hider.hide(b'{"x": "a\\"b<c>&quot"}').count(b"*") == 12
    assert b"quot" not in hider.hide(b"a&quot;b&lt;c&gt;&amp;quot")
    assert hider.hide(b"abc /usr/bin/and-so-on") == b"abc /usr/bin/and-so-on"


def test_too_large_a_body_is_refused_or_cut(app):
    headers = {"content-type": "application/json", "content-length": "99999999999"}
    assert call(app, "POST", "/api/runs", headers, b"{}").status == 413
    body = b'{"goal": "' + b"x" * 9_000_000
    assert call(app, "POST", "/api/runs", {"content-type": "application/json"}, body).status == 400


def test_malformed_requests_never_break_it(app, home, monkeypatch):
    """2,000 requests of every address with hostile parts: an answer below 500 to each."""
    monkeypatch.setattr("qimeng.web.launch.subprocess.Popen", _no_process)
    monkeypatch.setattr("qimeng.web.chats.asyncio.create_subprocess_exec", _no_process)
    story = Story("<b>").whole()
    dice = random.Random(7)
    run(_fuzz(app, dice, story))


def _no_process(*arguments, **options):
    raise AssertionError(f"a malformed request started a process: {arguments}")


async def _fuzz(app, dice, run):
    parts = ["..", "%2e%2e%2f", run, run[:5], "\x00", "ü", "%", "%zz", "-1", "1e9", "9" * 40, "'",
             "0" * 64, "*", "<script>", "a" * 5000, "", " ", "null", "live", "%ff%fe"]  # fmt: skip
    shapes = ["/api/runs/{}", "/api/runs/{}/rows?from={}&count={}&groups={}&q={}&seq={}",
              "/api/runs/{}/events/{}", "/api/runs/{}/artifacts/{}?as={}&name={}",
              "/api/runs/{}/export/{}", "/api/runs/{}/report", "/api/search?q={}", "/static/{}",
              "/{}", "/?token={}", "/api/sessions/{}", "/api/runs/{}/resume", "/api/runs/{}/stop",
              "/api/runs", "/api/chat", "/v1/chat/completions", "/v1/models"]  # fmt: skip
    bodies = [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"goal": 1}', b"[" * 5000,
              b'{"goal": ""}', b'{"goal": "\\u0000"}', b'{"messages": 1}', b'{"messages": [1]}',
              b'{"messages": [{"role": "user", "content": [1]}]}', b'{"text": []}',
              b'{"goal": "x", "files": {"../x": "y"}}', b'{"goal": "x", "golden": 3}',
              b'{"goal": "x", "seed": "many"}', b'{"budget": "tokens=never"}']  # fmt: skip
    headers = [{}, {"content-type": "application/json"}, {"cookie": "=;;\xff"}, {"range": "x"},
               {"content-length": "-1"}, {"authorization": "Bearer \xff"}, {"host": "[::"},
               {"origin": "http://\xff"}, {"x-qimeng-session": "../.."}]  # fmt: skip
    for _ in range(FUZZED):
        shape = dice.choice(shapes)
        address = shape.format(*(dice.choice(parts) for _ in range(shape.count("{}"))))
        if address.partition("?")[0].endswith("/live"):
            continue
        method = dice.choice(["GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
        sent = dice.choice(headers) | (
            {"content-type": "application/json"} if method == "POST" else {}
        )
        body = dice.choice(bodies)
        if body.startswith(b'{"budget') or method != "POST" or not address.endswith("resume"):
            answer = await called(app, method, address, sent, body)
            assert 200 <= answer.status < 500, (method, address, sent, body, answer)
