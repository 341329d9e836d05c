// The list of runs, and starting one.
import { ago, badge, complain, count, el, fill, seconds } from "./dom.js";
import { ask } from "./source.js";

const SHOWN = 200;

export class RunsPage {
  constructor() {
    this.marked = [];
    this.chosen = -1;
    this.limit = SHOWN;
    this.list = el("div", { class: "list", role: "list" });
    this.form = startForm(() => {
      this.form.hidden = true;
    });
    this.form.hidden = true;
    this.compare = el("a", { class: "main button", hidden: true }, "Compare the two");
    this.root = el(
      "div",
      { class: "runs" },
      el(
        "div",
        { class: "line" },
        el("button", { type: "button", class: "main", onclick: () => this.openForm() }, "New run"),
        this.compare,
      ),
      this.form,
      this.list,
    );
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
    fill(
      this.list,
      found.launches.map(launchCard),
      this.runs.slice(0, this.limit).map((run, i) => this.card(run, i)),
      !this.runs.length &&
        !found.launches.length &&
        el("p", { class: "empty" }, "There are no runs yet. Start one: say in words what to make."),
      this.runs.length > this.limit &&
        el(
          "button",
          {
            type: "button",
            onclick: () => {
              this.limit += SHOWN;
              this.show(found);
            },
          },
          "Show more",
        ),
    );
  }

  card(run, i) {
    const box = el("input", {
      type: "checkbox",
      "aria-label": `Compare ${run.id}`,
      checked: this.marked.includes(run.id),
    });
    box.addEventListener("change", () => this.toggle(run.id, box.checked));
    const facts = [
      run.id,
      ago(run.updated),
      `${count(run.tokens)} tokens`,
      seconds(run.seconds),
      run.usd ? `$${run.usd.toFixed(3)}` : null,
    ];
    return el(
      "div",
      { class: `card${i === this.chosen ? " here" : ""}`, role: "listitem" },
      box,
      el(
        "a",
        { href: `#/runs/${run.id}` },
        el("span", { class: "goal" }, run.goal || run.id),
        el(
          "span",
          { class: "line" },
          badge(run.status, run.evidence),
          facts.filter(Boolean).map((fact) => el("span", { class: "fact" }, fact)),
        ),
      ),
    );
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
    else if (key === "Enter" && cards[this.chosen] && document.activeElement.tagName !== "A")
      cards[this.chosen].click();
    else if (["j", "k", "ArrowDown", "ArrowUp"].includes(key) && cards.length) {
      this.chosen = Math.max(
        0,
        Math.min(cards.length - 1, this.chosen + (key === "j" || key === "ArrowDown" ? 1 : -1)),
      );
      cards[this.chosen].focus();
      this.list
        .querySelectorAll(".card")
        .forEach((card) => card.classList.toggle("here", card.contains(cards[this.chosen])));
    } else return false;
    return true;
  }
}

function launchCard(launch) {
  return el(
    "div",
    { class: "card" },
    el(
      "span",
      {},
      el("span", { class: "goal" }, launch.goal),
      launch.message
        ? el("p", { class: "remark bad" }, launch.message)
        : el("span", { class: "line" }, badge(launch.state)),
    ),
  );
}

function startForm(done) {
  const field = (name, words, attributes = {}) =>
    el("label", {}, words, el("input", { name, ...attributes }));
  const trouble = el("div");
  const form = el(
    "form",
    { class: "start" },
    el(
      "label",
      {},
      "What shall be made?",
      el("textarea", {
        name: "goal",
        rows: "4",
        required: true,
        placeholder: "An 8-bit Gray counter: inputs clk, rst, en; output [7:0] gray",
      }),
    ),
    el(
      "div",
      { class: "fields" },
      field("model", "Model", { placeholder: "the default" }),
      field("budget", "Budget", { placeholder: "tokens=20000,seconds=900" }),
      field("candidates", "Attempts of each kind", {
        type: "number",
        min: "1",
        max: "64",
        value: "8",
      }),
      field("seed", "Seed", { type: "number", min: "0", max: "1048575", value: "0" }),
    ),
    el(
      "details",
      {},
      el("summary", {}, "Golden module"),
      el(
        "label",
        {},
        "Verilog to test against, if there is one",
        el("textarea", { name: "golden", rows: "6", spellcheck: "false" }),
      ),
    ),
    trouble,
    el("button", { class: "main" }, "Start"),
  );
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
