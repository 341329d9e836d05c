"""The same run on PostgreSQL checkpoints and on a Ray cluster: results identical to the default."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from product import GOAL, Qimeng, command, script


def essence(told: dict[str, Any]) -> dict[str, Any]:
    files = {a["name"]: a["sha256"] for a in told["artifacts"] if "report" not in a["name"]}
    return {"files": files} | {k: told[k] for k in ("status", "evidence", "metrics", "baseline")}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return script(tmp_path_factory.mktemp("model") / "script.jsonl")


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory, model: str) -> dict[str, Any]:
    return essence(run(tmp_path_factory.mktemp("default"), model))


def run(home: Path, model: str, **environment: str) -> dict[str, Any]:
    ended = subprocess.run(
        command("run", GOAL, "--model", model, "--json"),
        env=os.environ | {"QIMENG_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.fixture
def server() -> Iterator[str]:
    """A real PostgreSQL server of this test's own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if os.name == "posix" else []
    if not found:
        pytest.skip("apt-get install postgresql")
    data = Path(tempfile.mkdtemp(prefix="postgres-"))  # the server's user must reach it
    as_user: list[str] = []
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(data, owner.pw_uid, owner.pw_gid)
        as_user = [shutil.which("setpriv") or "setpriv", "--reuid=postgres", "--regid=postgres"]
        as_user.append("--clear-groups")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    tool = [*as_user, str(found[-1] / "initdb"), "-D", str(data), "-A", "trust", "-U", "qimeng"]
    subprocess.run(tool, check=True, capture_output=True)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    control = [*as_user, str(found[-1] / "pg_ctl"), "-D", str(data), "-w"]
    subprocess.run([*control, "-o", options, "-l", str(data / "log"), "start"], check=True)
    yield f"postgresql://qimeng@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True)
    shutil.rmtree(data)


def test_checkpoints_on_a_server_give_the_same_run(
    server: str, tmp_path: Path, model: str, default: dict[str, Any]
) -> None:
    home = tmp_path / "home"
    assert essence(run(home, model, QIMENG_POSTGRES=server)) == default
    assert not list(home.glob("runs/*/checkpoints.db"))
    import psycopg

    with psycopg.connect(server) as connection:
        (count,) = connection.execute("SELECT count(*) FROM checkpoints").fetchone() or (0,)
    assert count > 5


def test_a_server_that_is_away_pauses_the_run(
    qimeng: Qimeng, environment: dict[str, str], model: str
) -> None:
    environment["QIMENG_POSTGRES"] = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"
    ended = qimeng("run", GOAL, "--model", model, "--json")
    assert ended.returncode == 4
    told = json.loads(ended.stdout)
    assert told["status"] == "paused" and "QIMENG_POSTGRES" in told["reasons"][0]
    environment.pop("QIMENG_POSTGRES")
    assert qimeng("resume", told["run_id"]).returncode == 0


def test_a_cluster_gives_the_same_run(tmp_path: Path, model: str, default: dict[str, Any]) -> None:
    pytest.importorskip("ray", reason="pip install 'qimeng[ray]'")
    assert essence(run(tmp_path / "home", model, QIMENG_RAY="local")) == default


def test_a_cluster_that_is_away_is_told(
    qimeng: Qimeng, environment: dict[str, str], model: str
) -> None:
    pytest.importorskip("ray", reason="pip install 'qimeng[ray]'")
    environment["QIMENG_RAY"] = "127.0.0.1:1"
    ended = qimeng("run", GOAL, "--model", model)
    assert ended.returncode == 4
    assert "cannot join the cluster 127.0.0.1:1" in ended.stdout + ended.stderr
