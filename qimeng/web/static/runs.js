// The list of runs, the search over all of them, starting one, and comparing two.
import { ago, amount, badge, complain, count, el, fill, seconds } from "./dom.js";
import { diffView } from "./diff.js";
import { table } from "./result.js";
import { ask, serverSource } from "./source.js";

const SHOWN = 200;

export class RunsPage {
  constructor() {
    this.marked = [];
    this.chosen = -1;
    this.limit = SHOWN;
    this.list = el("div", { class: "list", role: "list" });
    this.form = startForm(() => { this.form.hidden = true; });
    this.form.hidden = true;
    this.compare = el("a", { class: "main button", hidden: true }, "Compare the two");
    this.root = el("div", { class: "runs" }, el("div", { class: "line" },
      el("button", { type: "button", class: "main", onclick: () => this.openForm() }, "New run"), this.compare),
      this.form, this.list);
  }

  async begin() {
    this.stream = new EventSource("/api/live");
    this.stream.onmessage = (message) => this.show(JSON.parse(message.data));
    this.show(await ask("/api/runs"));
  }

  end() {
    if (this.stream) this.stream.close();
  }

  openForm() {
    this.form.hidden = !this.form.hidden;
    if (!this.form.hidden) this.form.querySelector("textarea").focus();
  }

  show(found) {
    this.runs = found.runs;
    fill(this.list, found.launches.map(launchCard), this.runs.slice(0, this.limit).map((run, i) => this.card(run, i)),
      !this.runs.length && !found.launches.length && el("p", { class: "empty" }, "There are no runs yet. Start one: say in words what to make."),
      this.runs.length > this.limit && el("button", { type: "button", onclick: () => { this.limit += SHOWN; this.show(found); } }, "Show more"));
  }

  card(run, i) {
    const box = el("input", { type: "checkbox", "aria-label": `Compare ${run.id}`, checked: this.marked.includes(run.id) });
    box.addEventListener("change", () => this.toggle(run.id, box.checked));
    const facts = [run.id, ago(run.updated), `${count(run.tokens)} tokens`, seconds(run.seconds), run.usd ? `$${run.usd.toFixed(3)}` : null];
    return el("div", { class: `card${i === this.chosen ? " here" : ""}`, role: "listitem" }, box,
      el("a", { href: `#/runs/${run.id}` }, el("span", { class: "goal" }, run.goal || run.id),
        el("span", { class: "line" }, badge(run.status, run.evidence),
          facts.filter(Boolean).map((fact) => el("span", { class: "fact" }, fact)))));
  }

  toggle(id, on) {
    this.marked = on ? [...this.marked, id].slice(-2) : this.marked.filter((m) => m !== id);
    this.compare.hidden = this.marked.length !== 2;
    if (this.marked.length === 2) this.compare.href = `#/compare/${this.marked.join("/")}`;
    this.list.querySelectorAll("input").forEach((box) => {
      box.checked = this.marked.includes(box.getAttribute("aria-label").replace("Compare ", ""));
    });
  }

  key(key) {
    const cards = [...this.list.querySelectorAll(".card a")];
    if (key === "n") this.openForm();
    else if (key === "Enter" && cards[this.chosen] && document.activeElement.tagName !== "A") cards[this.chosen].click();
    else if (["j", "k", "ArrowDown", "ArrowUp"].includes(key) && cards.length) {
      this.chosen = Math.max(0, Math.min(cards.length - 1, this.chosen + (key === "j" || key === "ArrowDown" ? 1 : -1)));
      cards[this.chosen].focus();
      this.list.querySelectorAll(".card").forEach((card) => card.classList.toggle("here", card.contains(cards[this.chosen])));
    } else return false;
    return true;
  }
}

function launchCard(launch) {
  return el("div", { class: "card" }, el("span", {}, el("span", { class: "goal" }, launch.goal),
    launch.message ? el("p", { class: "remark bad" }, launch.message) : el("span", { class: "line" }, badge(launch.state))));
}

function startForm(done) {
  const field = (name, words, attributes = {}) => el("label", {}, words, el("input", { name, ...attributes }));
  const trouble = el("div");
  const form = el("form", { class: "start" },
    el("label", {}, "What shall be made?", el("textarea", { name: "goal", rows: "4", required: true, placeholder: "An 8-bit Gray counter: inputs clk, rst, en; output [7:0] gray" })),
    el("div", { class: "fields" },
      field("model", "Model", { placeholder: "the default" }),
      field("budget", "Budget", { placeholder: "tokens=20000,seconds=900" }),
      field("candidates", "Attempts of each kind", { type: "number", min: "1", max: "64", value: "8" }),
      field("seed", "Seed", { type: "number", min: "0", max: "1048575", value: "0" })),
    el("details", {}, el("summary", {}, "Golden module"), el("label", {}, "Verilog to test against, if there is one", el("textarea", { name: "golden", rows: "6", spellcheck: "false" }))),
    trouble, el("button", { class: "main" }, "Start"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ask("/api/runs", Object.fromEntries(new FormData(form)));
      fill(trouble);
      done();
    } catch (error) {
      fill(trouble, complain(error));
    }
  });
  return form;
}

export class SearchPage {
  constructor(query) {
    this.query = query;
    this.root = el("div", { class: "runs" }, el("p", { class: "soft" }, "Searching…"));
  }

  async begin() {
    try {
      const { hits } = await ask(`/api/search?q=${encodeURIComponent(this.query)}`);
      fill(this.root, el("h1", {}, hits.length ? `${hits.length} found for “${this.query}”` : `Nothing found for “${this.query}”`),
        hits.map((hit) => el("a", { class: "card hit", href: `#/runs/${hit.run}/${hit.seq}` },
          el("span", { class: "soft" }, `${hit.run} · ${WORDS[hit.kind] || hit.kind}`), el("span", { class: "snippet" }, marked(hit.snippet)))));
    } catch (error) {
      fill(this.root, complain(error));
    }
  }

  end() {}

  key() {
    return false;
  }
}

const WORDS = { "run.created": "goal", "call.started": "prompt", "call.finished": "answer", "verdict.given": "verdict", "candidate.made": "candidate", "run.paused": "pause" };

function marked(snippet) {
  return snippet.split("\x02").flatMap((part, i) => {
    if (i === 0) return [part];
    const [found, rest] = part.split("\x03");
    return [el("mark", {}, found), rest || ""];
  });
}

export class ComparePage {
  constructor(left, right) {
    this.ids = [left, right];
    this.root = el("div", { class: "compare" }, el("p", { class: "soft" }, "…"));
  }

  async begin() {
    try {
      await this.draw(this.ids.map(serverSource));
    } catch (error) {
      fill(this.root, complain(error));
    }
  }

  async draw(sources) {
    const sides = await Promise.all(sources.map((source) => source.overview()));
    const facts = sides.map(factsOf);
    const rows = Object.keys(facts[0]).map((name) => [name, facts[0][name], facts[1][name]]);
    const files = sides.map((side) => new Map((side.summary.result.artifacts || []).map((a) => [a.name, a.sha256])));
    const shared = [...files[0].keys()].filter((name) => files[1].has(name) && !name.endsWith(".svg"));
    const parts = await Promise.all(shared.map(async (name) => {
      const texts = await Promise.all(sources.map((source, i) => source.text(files[i].get(name))));
      return el("section", {}, el("h3", {}, name), diffView(this.ids[0], texts[0], this.ids[1], texts[1]));
    }));
    fill(this.root, el("h1", {}, "Two runs"),
      el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, el("th"), this.ids.map((id) => el("th", {}, el("a", { href: `#/runs/${id}` }, id))))),
        el("tbody", {}, rows.map(([name, a, b]) => el("tr", { class: a === b ? "same" : "differs" }, el("th", { scope: "row" }, name), el("td", {}, a), el("td", {}, b)))))),
      await this.parting(sources), parts,
      !shared.length && el("p", { class: "remark" }, "They have no result file of the same name."));
  }

  async parting(sources) {
    const [a, b] = await Promise.all(sources.map((source) => source.rows({ groups: [], q: "" }, 1, 1000)));
    const told = (row) => row && [row.group, row.actor, row.text].join(" ");
    const at = a.rows.findIndex((row, i) => told(row) !== told(b.rows[i]));
    if (at < 0) return el("p", { class: "remark" }, "They tell the same story, event by event.");
    return table("Where they part", [a, b].map((side, i) => [this.ids[i], side.rows[at] ? `event ${side.rows[at].seq}: ${side.rows[at].actor} ${side.rows[at].text}` : "it has ended"]));
  }

  end() {}

  key() {
    return false;
  }
}

function factsOf(side) {
  const { summary, candidates } = side;
  const metrics = Object.entries(summary.result.metrics || {}).map(([n, m]) => [n, `${amount(m.value)} ${m.unit}`]);
  const failed = candidates.filter((c) => c.verdicts.at(-1)?.outcome === "fail").length;
  return {
    goal: summary.goal, status: summary.status, evidence: summary.result.evidence || "none",
    ...Object.fromEntries(Object.entries(summary.settings).map(([n, v]) => [n, String(v)])),
    tokens: count(summary.spend.tokens_in + summary.spend.tokens_out), time: seconds(summary.spend.seconds),
    cost: `$${summary.spend.usd.toFixed(4)}`, candidates: `${candidates.length}, ${failed} rejected`, ...Object.fromEntries(metrics),
  };
}
