"""The doctor: every line says how it is, and what is not well comes with its cure."""

import json

import pytest
from click.testing import CliRunner

from qimeng import doctor
from qimeng.cli import cli
from sandboxes.probe import Probe


def examine(*options):
    outcome = CliRunner().invoke(cli, ["doctor", *options], catch_exceptions=False)
    return outcome.exit_code, outcome.stdout


def test_this_machine_without_the_model(monkeypatch):
    monkeypatch.setenv("QIMENG_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("QIMENG_API_KEY", "sk-secret")
    code, shown = examine("--json")
    assert "sk-secret" not in shown
    findings = {finding["name"]: finding for finding in json.loads(shown)}
    assert set(findings) == {
        "python", "packages", "g++", "make", "perl", "iverilog", "bwrap", "docker", "embedded",
        "endpoint", "disk", "cores", "clang-19", "aarch64-linux-gnu-gcc", "qemu-riscv64",
        "riscv64-unknown-elf-gcc",
    }  # fmt: skip
    assert code == 4
    assert findings["embedded"]["state"] == "missing"
    assert findings["embedded"]["fix"] == "qimeng models pull"
    assert findings["endpoint"]["detail"] == "http://127.0.0.1:9/v1, key set"
    assert all(bool(f["fix"]) == (f["state"] != "ok") for f in findings.values())


@pytest.fixture
def sandboxes(monkeypatch):
    def be(**usable):
        monkeypatch.setattr(
            doctor, "probe", lambda n: Probe(n, usable[n], "why", "" if usable[n] else "mend")
        )
        return {finding.name: finding.state for finding in doctor._sandboxes()}

    return be


def test_one_sandbox_is_enough(sandboxes):
    assert sandboxes(bwrap=True, docker=False) == {"bwrap": "ok", "docker": "optional"}
    assert sandboxes(bwrap=False, docker=True) == {"bwrap": "optional", "docker": "ok"}
    assert sandboxes(bwrap=False, docker=False) == {"bwrap": "missing", "docker": "missing"}


def test_the_verdict_follows_from_what_is_missing(sandboxes, monkeypatch):
    sandboxes(bwrap=True, docker=False)
    monkeypatch.setattr(doctor, "_embedded", lambda: doctor.Finding("embedded", "ok", "here"))
    code, shown = examine()
    assert code == 0 and shown.endswith("Ready.\n")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    code, shown = examine()
    assert code == 4
    assert "→ apt-get install iverilog" in shown and "Ready." not in shown


def test_with_another_default_model_the_embedded_one_is_optional(monkeypatch):
    monkeypatch.setenv("QIMENG_MODEL", "some-model")
    assert doctor._embedded().state == "optional"
