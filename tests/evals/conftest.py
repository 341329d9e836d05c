"""Tiny checkouts in the layouts of VerilogEval and RTLLM, in a home of their own."""

import json

import pytest
from checkouts import GENERATOR, INVERTER, INVERTER_TEST, V2, WRAP_TEST, write
from product import DESIGN, GOAL

from sandboxes.bubblewrap import BubblewrapSandbox


@pytest.fixture
def v2(tmp_path):
    files = {"scripts/sv-generate": GENERATOR}
    for name, (text, golden, test) in V2.items():
        head = golden.splitlines()[0].replace("RefModule", "TopModule") + "\n"
        parts = {"prompt.txt": text, "ref.sv": golden, "test.sv": test}
        for part, content in parts.items():
            files[f"dataset_spec-to-rtl/{name}_{part}"] = content
            files[f"dataset_code-complete-iccad2023/{name}_{part}"] = content
        folder = "dataset_code-complete-iccad2023"
        files[f"{folder}/{name}_prompt.txt"] = f"{text}\n\n{head}"
        files[f"{folder}/{name}_ifc.txt"] = head
    return write(tmp_path / "v2", files)


@pytest.fixture
def v1(tmp_path):
    line = {
        "task_id": "invert",
        "prompt": "module top_module (input a, output y);\n",
        "canonical_solution": "  assign y = ~a;\nendmodule\n",
        "test": INVERTER + INVERTER_TEST.replace("TopModule", "top_module"),
    }
    words = {"task_id": "invert", "detail_description": "y is not a."}
    files = {
        "data/VerilogEval_Human.jsonl": json.dumps(line) + "\n",
        "descriptions/VerilogDescription_Human.jsonl": json.dumps(words) + "\n",
    }
    return write(tmp_path / "v1", files)


@pytest.fixture
def rtllm(tmp_path):
    files = {
        "Control/wrap/design_description.txt": GOAL,
        "Control/wrap/testbench.v": WRAP_TEST,
        "Control/wrap/verified_wrap.v": DESIGN.replace("module wrap", "module verified_wrap"),
        "auto_run.py": "design_name = ['wrap', 'wrapp']\n",
    }
    return write(tmp_path / "rtllm", files)


@pytest.fixture(scope="session")
def sandbox():
    return BubblewrapSandbox()


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
