"""``qimeng cpu`` on small circuits; the core itself is an eval."""

import json
from html.parser import HTMLParser

from click.testing import CliRunner

from qimeng.cli import cli
from qimeng.cpu_report import markdown
from tools.bsd.package import Package


def invoke(*arguments):
    return CliRunner().invoke(cli, ["cpu", *arguments, "--sandbox", "host"])


def test_a_circuit_is_learned_proved_and_reported(tmp_path):
    done = invoke("decoder3", "--out", str(tmp_path), "--json")
    figures = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (figures["proof"], figures["mutants_refused"]) == ("proved", "3 of 3")
    assert "module decoder3" in (tmp_path / "decoder3.v").read_text()
    assert json.loads((tmp_path / "figures.json").read_text()) == figures
    assert "proved equivalent" in (tmp_path / "report.md").read_text()
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: tags.append(tag)
    parser.feed((tmp_path / "report.html").read_text())
    assert tags.count("svg") == 3
    different = Package(figures | {"proof": "different"}, {})
    assert "proved equivalent" not in markdown(different)


def test_what_cannot_be_learned_says_so():
    assert invoke("banana7").exit_code == 2
    assert "from 1 to 64" in invoke("adder1000").stderr
    large = invoke("multiplier10", "--nodes", "256")
    assert large.exit_code == 1
    assert "more than 256 nodes in every order tried" in large.stderr
