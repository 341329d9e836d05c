"""The event log: what a crash, damage or another version of the program leaves behind."""

import json

import pytest

from memory.events import SCHEMA, EventLog, EventLogError, read_events


@pytest.fixture
def path(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    for number in range(3):
        log.append("note", "someone", {"text": f"é {number}\n"})
    log.close()
    return tmp_path / "events.jsonl"


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def test_events_come_back_as_they_were_written(path):
    events = list(read_events(path))
    assert [e.data["text"] for e in events] == ["é 0\n", "é 1\n", "é 2\n"]
    assert [e.seq for e in events] == [0, 1, 2]
    assert sorted(e.elapsed for e in events) == [e.elapsed for e in events]


def test_a_last_line_cut_anywhere_is_dropped_and_writing_goes_on(path):
    whole = path.read_bytes()
    start = len(b"".join(lines_of(path)[:2]))
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        assert len(list(read_events(path))) == 2
        log = EventLog(path)
        log.append("note", "someone", {"text": "after"})
        log.close()
        assert [e.data["text"] for e in read_events(path)][2:] == ["after"]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"v":1}',
        b'{"v":"1","seq":1}',
        b"\x00" * 40,
    ],
)
def test_a_damaged_line_is_named(path, damage):
    lines = lines_of(path)
    lines[1] = damage + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(EventLogError, match="line 2: damaged"):
        list(read_events(path))
    with pytest.raises(EventLogError):
        EventLog(path)


def test_a_lost_line_is_noticed(path):
    lines = lines_of(path)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(EventLogError, match="line 2: damaged, event 2 stands where 1 should"):
        list(read_events(path))


def test_a_newer_schema_says_update_even_with_unknown_fields(path):
    newer = {"v": SCHEMA + 1, "seq": 3, "colour": "blue"}
    path.write_bytes(path.read_bytes() + json.dumps(newer).encode() + b"\n")
    with pytest.raises(EventLogError, match=r"line 4: .*newer.*update qimeng"):
        list(read_events(path))


def test_working_time_goes_on_where_it_stopped(path):
    lines = [json.loads(line) for line in lines_of(path)]
    lines[2]["elapsed"] = 1000.0
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = EventLog(path)
    assert 1000.0 <= log.append("note", "someone", {}).elapsed < 1100.0
    log.close()


def test_a_full_disk_leaves_no_half_line(path, monkeypatch):
    before = path.read_bytes()
    log = EventLog(path)
    real = log._file

    class Full:
        """Takes half of what it is given, as a disk does that runs full."""

        def write(self, data):
            return real.write(data[: len(data) // 2])

        def __getattr__(self, name):
            return getattr(real, name)

    monkeypatch.setattr(log, "_file", Full())
    with pytest.raises(OSError, match="No space left"):
        log.append("note", "someone", {"text": "lost"})
    assert path.read_bytes() == before
    monkeypatch.setattr(log, "_file", real)
    log.append("note", "someone", {"text": "kept"})
    log.close()
    assert [e.seq for e in read_events(path)] == [0, 1, 2, 3]
