// The page of one run: its head, and its timeline, candidates and result.
import { ago, badge, complain, count, el, fill, seconds } from "./dom.js";
import { Candidates } from "./candidates.js";
import { ResultView } from "./result.js";
import { ask, exportedSource, serverSource } from "./source.js";
import { Timeline } from "./timeline.js";

const TABS = ["timeline", "candidates", "result"];
const REDRAW_EVERY = 1500;

export class RunPage {
  constructor(source) {
    this.source = source;
    this.candidates = new Candidates(source, (seq) => this.goTo(seq));
    this.timeline = new Timeline(source, (seq) => this.candidates.show(this.candidates.all, seq));
    this.result = new ResultView(source);
    this.head = el("section", { class: "head" });
    this.tabs = el(
      "div",
      { class: "tabs", role: "tablist" },
      TABS.map((name, i) =>
        el(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${name}`,
            onclick: () => this.open(i),
          },
          name,
        ),
      ),
    );
    this.views = [this.timeline.root, this.candidates.root, this.result.root];
    this.root = el("div", { class: "run-page" }, this.head, this.tabs, this.views);
    this.open(0);
    this.stopFollowing = () => {};
    this.drawn = 0;
  }

  async begin(seq) {
    try {
      await this.draw();
    } catch (error) {
      fill(this.root, complain(error));
      return;
    }
    if (seq !== undefined) this.timeline.goTo(seq);
    this.stopFollowing = this.source.follow(
      (summary) => this.news(summary),
      () => {},
    );
  }

  end() {
    this.ended = true;
    this.timeline.halt();
    clearTimeout(this.later);
    this.stopFollowing();
  }

  async draw() {
    this.drawn = Date.now();
    const overview = await this.source.overview();
    if (this.ended) return;
    this.events = overview.summary.events;
    this.showHead(overview.summary);
    this.candidates.show(overview.candidates, undefined, overview.summary.result);
    this.result.show(overview.summary);
    await this.timeline.more(overview);
  }

  news(summary) {
    this.showHead(summary);
    if (summary.events === this.events) return;
    clearTimeout(this.later);
    const wait = Math.max(0, this.drawn + REDRAW_EVERY - Date.now());
    this.later = setTimeout(() => this.draw().catch(() => {}), wait);
  }

  showHead(summary) {
    const spend = summary.spend;
    const tokens = spend.tokens_in + spend.tokens_out;
    const evidence = summary.result.evidence;
    const facts = [
      summary.id,
      ago(summary.began),
      `${count(summary.events)} events`,
      `${count(tokens)} tokens`,
      seconds(spend.seconds),
      spend.usd ? `$${spend.usd.toFixed(4)}` : null,
      summary.settings.model,
    ].filter(Boolean);
    fill(
      this.head,
      el("h1", { title: summary.goal }, summary.goal || summary.id),
      el(
        "p",
        { class: "line" },
        badge(summary.status, evidence),
        facts.map((f) => el("span", { class: "fact" }, f)),
      ),
      summary.damage &&
        el(
          "p",
          { class: "remark bad" },
          `The log is damaged: ${summary.damage}. What stands before that is shown.`,
        ),
      summary.status === "paused" &&
        (summary.result.reasons || []).map((r) => el("p", { class: "remark" }, r)),
      el(
        "div",
        { class: "line" },
        summary.budget.map(meter),
        this.source.live && this.actions(summary),
      ),
    );
  }

  actions(summary) {
    const base = this.source.base;
    const act = (what, body) =>
      ask(`${base}/${what}`, body).catch((error) => this.head.append(complain(error)));
    const found = [];
    if (summary.status === "running") {
      found.push(el("button", { type: "button", onclick: () => act("stop", {}) }, "Pause"));
    } else if (["paused", "interrupted"].includes(summary.status)) {
      this.caps =
        this.caps ||
        el("input", {
          placeholder: "budget: tokens=40000,seconds=900",
          "aria-label": "New caps",
          size: "34",
        });
      found.push(
        this.caps,
        el(
          "button",
          {
            type: "button",
            class: "main",
            onclick: () => act("resume", { budget: this.caps.value }),
          },
          "Resume",
        ),
      );
    }
    const links = [
      ["report", "report"],
      ["export/html", "HTML"],
      ["export/json", "JSON"],
      ["export/otlp", "OTLP"],
    ];
    found.push(
      el(
        "span",
        { class: "exports" },
        links.map(([path, words]) =>
          el(
            "a",
            {
              href: `${base}/${path}`,
              target: path === "report" ? "_blank" : null,
              rel: "noopener",
            },
            words,
          ),
        ),
      ),
    );
    return found;
  }

  open(i) {
    this.tab = i;
    this.views.forEach((view, j) => {
      view.hidden = i !== j;
    });
    [...this.tabs.children].forEach((tab, j) => tab.setAttribute("aria-selected", String(i === j)));
    if (i === 0) this.timeline.list.show();
  }

  goTo(seq) {
    this.open(0);
    this.timeline.goTo(seq);
  }

  key(key) {
    if (["1", "2", "3"].includes(key)) this.open(Number(key) - 1);
    else if (this.tab !== 0) return false;
    else if (key === "j" || key === "ArrowDown") this.timeline.step(1, false);
    else if (key === "k" || key === "ArrowUp") this.timeline.step(-1, false);
    else if (key === "ArrowRight") this.timeline.step(1);
    else if (key === "ArrowLeft") this.timeline.step(-1);
    else if (key === " ") this.timeline.playOrPause();
    else if (key === "Escape") this.timeline.back();
    else if (key === "f") this.timeline.find.focus();
    else return false;
    return true;
  }
}

function meter([cap, used, limit]) {
  const share = Math.min(1, used / Math.max(limit, 1e-9));
  const level = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "good";
  return el(
    "label",
    { class: `meter ${level}` },
    `${cap} ${count(used)} of ${count(limit)} `,
    el("progress", { max: "1", value: share }),
  );
}

export function runPage(id) {
  return new RunPage(serverSource(id));
}

export function showExported(data) {
  const page = new RunPage(exportedSource(data));
  fill(document.getElementById("page"), page.root);
  document.body.classList.add("exported");
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=range]):not([type=checkbox]), textarea");
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && page.key(event.key))
      event.preventDefault();
  });
  page.begin();
}
