"""The page in a real browser: what people see, keys, live progress, and scripts that never run."""

import json
from pathlib import Path

import pytest
from asgi import TOKEN
from playwright.sync_api import expect
from told_runs import Story


def words(page, selector):
    return page.locator(selector).all_inner_texts()


def open_run(page, site, run, more=""):
    page.goto(f"{site.url}/#/runs/{run}{more}")
    expect(page.locator(".row").first).to_be_visible()


def test_runs_are_listed_and_opened_by_keyboard(page, site):
    expect(page.locator(".card")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".head h1")).to_contain_text("wrapping counter")
    expect(page.locator(".head .badge")).to_have_text("done · agreed")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.locator(".card").first).to_be_visible()


def test_search_finds_and_leads_to_the_event(page, site):
    page.keyboard.press("/")
    page.keyboard.type("cycle-accurate")
    page.keyboard.press("Enter")
    page.locator(".hit").first.click()
    expect(page.locator(".timeline .detail h2")).to_contain_text("tester")
    expect(page.locator(".timeline .detail")).to_contain_text(
        "Write a cycle-accurate Python model."
    )


def test_the_timeline_shows_prompt_answer_command_and_output(page, site):
    open_run(page, site, site.good)
    page.get_by_role("button", name="models").click()
    expect(page.locator(".filters .soft")).to_have_text("7 events")
    page.locator(".row").first.click()
    for text in ("You write hardware.", "Write the Verilog module.", "module wrap", "412 in"):
        expect(page.locator(".timeline .detail")).to_contain_text(text)
    page.get_by_role("button", name="models").click()
    page.get_by_role("button", name="tools").click()
    expect(page.locator(".filters .soft")).to_have_text("9 events")
    page.locator(".row").nth(2).click()
    for text in ("exit 1", "/usr/bin/iverilog", "VCD info", "implicit truncation", "trace.txt"):
        expect(page.locator(".timeline .detail")).to_contain_text(text)


def test_replay_steps_by_key_slider_and_play(page, site):
    open_run(page, site, site.good)
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".where")).to_contain_text("8 / 42")
    assert page.locator(".row.future").count() > 5
    page.keyboard.press("2")
    assert page.locator(".tree .node").count() < 4, "only what was made by then"
    page.keyboard.press("1")
    page.keyboard.press("Space")
    expect(page.locator(".where")).to_contain_text("10 / 42")
    page.keyboard.press("Space")
    page.locator(".player input").fill("41")
    expect(page.locator(".where")).to_contain_text("42 / 42")
    page.get_by_role("button", name="show all").click()
    assert page.locator(".row.future").count() == 0


def test_candidates_are_a_tree_with_reasons_and_the_waveform(page, site):
    open_run(page, site, site.good)
    page.keyboard.press("2")
    assert words(page, ".tree ul ul .name") == ["design-1-mended", "design-2-shared"]
    expect(page.locator(".chosen")).to_have_count(1)
    page.get_by_role("button", name="design-1", exact=True).click()
    expect(page.locator(".candidates .detail")).to_contain_text("cycle 12: n is 12, expected 0")
    picture = page.locator(".candidates .detail img.picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 300


def test_two_candidates_are_compared_line_by_line(page, site):
    open_run(page, site, site.good)
    page.keyboard.press("2")
    page.get_by_label("Compare design-1", exact=True).check()
    page.get_by_label("Compare design-2", exact=True).check()
    page.locator(".tree .main").click()
    assert len(words(page, ".diff .removed")) == len(words(page, ".diff .added")) == 2
    assert "n_q + 4'd1;" in words(page, ".diff pre .removed")[0]


def test_two_runs_are_compared(page, site):
    page.goto(f"{site.url}/#/compare/{site.good}/{site.evil}")
    expect(page.locator("tr.differs").first).to_contain_text("goal")
    expect(page.locator(".compare")).to_contain_text("Where they part")
    expect(page.locator(".compare .diff")).to_have_count(2)


def test_the_result_has_design_waveform_and_figures(page, site):
    open_run(page, site, site.good)
    page.keyboard.press("3")
    expect(page.locator(".result")).to_contain_text("module wrap")
    expect(page.locator(".result img.picture")).to_be_visible()
    expect(page.locator(".result")).to_contain_text("37 NAND2 eq.")


def test_no_word_of_a_model_or_tool_is_run(page, site, tmp_path):
    """Every event, candidate and file of a hostile run is opened, on the page and exported."""
    open_run(page, site, site.evil)
    see_everything(page)
    page.goto(f"{site.url}/#/search/window")
    expect(page.locator(".hit").first).to_contain_text("<script>")
    saved = tmp_path / "page.html"
    address = f"{site.url}/api/runs/{site.evil}/export/html"
    saved.write_bytes(page.context.request.get(address).body())
    offline = page.context.browser.new_context(offline=True)
    exported = offline.new_page()
    troubles: list[str] = []
    exported.on("pageerror", lambda error: troubles.append(str(error)))
    exported.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    exported.goto(saved.as_uri())
    expect(exported.locator(".row").first).to_be_visible()
    see_everything(exported)
    assert troubles == []
    offline.close()


def see_everything(page):
    for _ in range(42):
        page.keyboard.press("j")
    expect(page.locator(".where")).to_contain_text("42 / 42")
    page.keyboard.press("2")
    for name in page.locator(".tree .name").all():
        name.click()
    page.keyboard.press("3")
    for summary in page.locator(".result summary").all():
        summary.click()
    assert page.evaluate("document.querySelectorAll('main script, main img[onerror]').length") == 0
    assert page.evaluate("typeof window.owned") == "undefined"
    assert "<script>window.owned=1</script>" in page.locator("h1").inner_text()


def test_fifty_thousand_events_keep_few_rows_and_reach_the_last(page, site):
    open_run(page, site, site.long)
    expect(page.locator(".filters .soft")).to_have_text("40,001 events")
    assert page.locator(".row").count() < 80
    page.evaluate("document.querySelector('.rows').scrollTop = 1e9")
    expect(page.locator(".row").last).to_contain_text("note number 9999")
    assert page.locator(".row").count() < 80
    page.locator(".filters input").fill("number 7777")
    expect(page.locator(".filters .soft")).to_have_text("1 events")


def test_a_run_at_work_is_followed(page, site, monkeypatch):
    monkeypatch.setenv("QIMENG_HOME", str(site.home))
    story = Story(goal="a run at work")
    story.start()
    expect(page.locator(".card").first).to_contain_text("a run at work")
    open_run(page, site, story.run.id)
    expect(page.locator(".head .badge")).to_have_text("running")
    story.emit("note", "planner", text="news from the run")
    expect(page.locator(".rows")).to_contain_text("news from the run")
    story.finish()
    expect(page.locator(".head .badge")).to_have_text("done · agreed")
    story.run.close()
    for path in sorted(story.run.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    story.run.folder.rmdir()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_at_any_width(browser, site, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{site.url}/?token={TOKEN}")
    for address in ("", f"runs/{site.good}", "search/module", "chat",
                    f"compare/{site.good}/{site.evil}"):  # fmt: skip
        page.goto(f"{site.url}/#/{address}")
        page.wait_for_load_state("networkidle") if address == "chat" else page.wait_for_timeout(150)
        sticks = "document.documentElement.scrollWidth - window.innerWidth"
        assert page.evaluate(sticks) <= 0, address
    context.close()


def test_the_phone_shows_an_event_over_the_list_and_goes_back(browser, site):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.url}/?token={TOKEN}")
    open_run(page, site, site.good)
    page.locator(".row").nth(2).click()
    expect(page.locator(".timeline .detail")).to_be_visible()
    page.get_by_role("button", name="← events").click()
    expect(page.locator(".timeline .detail")).to_be_hidden()
    context.close()


def test_every_module_of_the_exported_page_is_named_once():
    from qimeng.web.export import SCRIPTS

    static = Path(__file__).parents[2] / "qimeng" / "web" / "static"
    names = [
        line.split("(")[0].split("=")[0].split()[-1].strip()
        for script in SCRIPTS
        for line in (static / f"{script}.js").read_text().splitlines()
        if line.removeprefix("export ").startswith(("function ", "const ", "async function "))
    ]
    assert len(names) == len(set(names)), json.dumps(sorted(names))
