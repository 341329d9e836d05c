"""The report: complete, honest about its evidence, self-contained, and safe with hostile text."""

import re
from html.parser import HTMLParser

import pytest

from qimeng.document import Code, Heading, Paragraph, Picture, Table, to_html, to_markdown
from qimeng.report import report_files
from qimeng.summary import RunView
from qimeng.wording import MEANING

HOSTILE = (
    "</pre></td><script>alert(1)</script><img src=x onerror=alert(1)>"
    "<a href='javascript:x'>y</a> &lt; $title ${body} | `code` [l](http://evil.example) \x1b[31m"
)


class Page(HTMLParser):
    """The tags, attributes and text of a page, as a browser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


@pytest.fixture
def report(tell, tmp_path):
    def make(evil="", **result):
        view = RunView.read(tell(evil).whole(**result))
        view.write_to(tmp_path / "result")
        return (tmp_path / "result" / "report.html").read_text(), (
            tmp_path / "result" / "report.md"
        ).read_text()

    return make


def test_it_holds_everything_worth_knowing(report):
    html, markdown = report()
    for part in (
        "done · agreed: 4 of 5 models agree",
        MEANING["agreed"][0],
        f"Not checked: {MEANING['agreed'][1]}",
        "a Gray counter",
        "reset, asynchronous, active low",
        "8 bits, signed",
        "always @(posedge clk) q <= q + 1;",
        "1,234",
        "design-2",
        "because",
        "cycle 12: q is 3, expected 2",
        "does not run",
        "iverilog -g2012 -o sim design.sv testbench.sv",
        "bwrap",
        "hardware",
        "0.1.0",
    ):
        assert part in Page(html).text
        assert part in re.sub(r"\\(.)", r"\1", markdown)


@pytest.mark.parametrize("level", MEANING)
def test_every_level_says_what_it_means_and_what_was_not_checked(report, level):
    html, _ = report(evidence=level, detail="")
    assert all(sentence in Page(html).text for sentence in MEANING[level])
    others = [words for other, (words, _) in MEANING.items() if other != level]
    assert not any(words in Page(html).text for words in others)


def test_hostile_text_stays_text(report):
    html, markdown = report(HOSTILE)
    page = Page(html)
    allowed = {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "table",
        "thead", "tbody", "tr", "th", "td", "pre", "span", "figure", "img",
    }  # fmt: skip
    assert set(page.tags) <= allowed
    assert page.tags.count("img") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "href"]
    assert all(v.startswith("data:") for name, v in page.attributes if name == "src")
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in html + markdown
    outside_code = re.sub(r"^(`{3,}).*?^\1$", "", markdown, flags=re.M | re.S)
    markup = re.sub(r"\\.", "", outside_code)
    assert "<script>" not in markup and "](" not in markup.replace("](waveform.svg)", "")


def test_nothing_comes_from_outside(report):
    html, _ = report()
    assert "default-src 'none'" in html
    assert not re.findall(r"(?:src|href)=(?!\"data:)", html)
    assert "@import" not in html and "url(" not in html


def test_a_paused_run_has_a_report_too(tell):
    teller = tell()
    teller.start()
    teller.emit("run.paused", "runner", cause="budget", reason="budget reached: 9 of 9 tokens")
    teller.run.close()
    view = RunView.read(teller.run.id)
    written = {path.name: path.read_text() for path in view.write_to(view.folder / "result")}
    assert set(written) == {"report.md", "report.html"}
    text = Page(written["report.html"]).text
    assert "paused" in text and "9 of 9 tokens" in text
    assert MEANING["none"][0] not in text, "a run that is not over is not judged"


def test_what_was_learned_comes_with_what_the_learner_was_told(tell):
    teller = tell()
    result = {"status": "done", "workflow": "learn", "evidence": "tested"}
    result["baseline"] = {"name": "a reference"}
    teller.emit("run.finished", "runner", result=result)
    teller.run.close()
    text = report_files(RunView.read(teller.run.id))["report.md"]
    assert "What the learner was told" in text and "the port list" in text
    assert "## Baseline" in text and "model alone" not in text
    assert "is not proved" in text, "what is put around the learned logic is only run"


def test_tampered_files_are_not_handed_out(tell, tmp_path):
    teller = tell()
    view = RunView.read(teller.whole())
    (teller.run.folder / "artifacts" / view.artifacts[0].sha256).write_text("module evil;")
    with pytest.raises(KeyError, match="do not match"):
        view.write_to(tmp_path / "out")


def test_an_artifact_name_cannot_leave_the_folder(tell, tmp_path):
    teller = tell()
    digest = teller.run.artifacts.put("x")
    result = {"status": "done", "workflow": "rtl", "evidence": "none"}
    result["artifacts"] = [{"name": "../../escaped", "sha256": digest}]
    teller.emit("run.finished", "runner", result=result)
    teller.run.close()
    written = RunView.read(teller.run.id).write_to(tmp_path / "deep" / "out")
    assert all(path.parent == tmp_path / "deep" / "out" for path in written)
    assert not (tmp_path / "escaped").exists()


def test_blocks_in_both_forms():
    blocks = [
        Heading("A & B"),
        Paragraph("x < y"),
        Table(("name", "n"), [("a|b", "1")], frozenset({1})),
        Code("x.py", "s = '''\n```\n'''"),
        Picture("p.svg", "<svg/>"),
    ]
    assert to_markdown("T", blocks).split("\n\n") == [
        "# T",
        "## A \\& B",
        "x \\< y",
        "| name | n |\n| --- | --: |\n| a\\|b | 1 |",
        "````py\ns = '''\n```\n'''\n````",
        "![p.svg](p.svg)\n",
    ]
    page = Page(to_html("T", blocks))
    assert "x < y" in page.text and "s = '''\n```\n'''" in page.text
    assert ("class", "number") in page.attributes
