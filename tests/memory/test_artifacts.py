"""Artifacts: a name is a digest, and bytes that do not match it are not handed out."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.artifacts import Artifacts, digest_of


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path / "artifacts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=200))
def test_what_was_put_comes_back(artifacts, data):
    assert artifacts.get(artifacts.put(data)) == data


def test_text_is_utf8(artifacts):
    assert artifacts.text(artifacts.put("größer")) == "größer"


def test_the_same_bytes_are_stored_once(artifacts):
    assert artifacts.put(b"x") == artifacts.put("x")
    assert len(list(artifacts.folder.iterdir())) == 1


def test_tampered_bytes_are_refused(artifacts):
    digest = artifacts.put(b"module m; endmodule")
    (artifacts.folder / digest).write_bytes(b"module m; initial $finish; endmodule")
    with pytest.raises(KeyError, match="do not match"):
        artifacts.get(digest)


def test_a_digest_is_never_a_path(artifacts, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    for name in ("../secret", str(tmp_path / "secret"), digest_of(b"nothing put")):
        with pytest.raises(KeyError):
            artifacts.get(name)
