// Candidates as a tree of descent, the rejected ones with the reason, and the difference of two.
import { amount, badge, complain, el, fill, svgPicture } from "./dom.js";
import { metricBars } from "./draw.js";
import { diffView } from "./diff.js";
import { fileView } from "./timeline.js";

const MOST = 400;

export class Candidates {
  constructor(source, goTo) {
    Object.assign(this, { source, goTo, all: [], until: Infinity, marked: [], chosen: null });
    this.tree = el("div", { class: "tree" });
    this.detail = el("section", { class: "detail" });
    this.root = el("div", { class: "candidates split" }, this.tree, this.detail);
  }

  show(all, until = this.until, result = this.result) {
    Object.assign(this, { all, until, result: result || {} });
    const made = all
      .filter((c) => c.seq <= until)
      .map((c) => ({
        ...c,
        verdicts: c.verdicts.filter((v) => v.seq <= until),
        measurements: c.measurements.filter((m) => m.seq <= until),
      }));
    this.known = new Map(made.map((c) => [c.id, c]));
    const bars = metricBars(made);
    const compare =
      this.marked.length === 2 &&
      el(
        "button",
        { type: "button", class: "main", onclick: () => this.compare() },
        `Compare ${this.marked[0]} with ${this.marked[1]}`,
      );
    fill(
      this.tree,
      made.length === 0 && el("p", { class: "empty" }, "No candidate yet."),
      made.length > 1 && el("p", { class: "soft" }, "Mark two to see how they differ. ", compare),
      this.branch(
        made.filter((c) => !c.parents.some((p) => this.known.has(p))),
        made,
      ),
      made.length > MOST &&
        el("p", { class: "remark" }, `${made.length - MOST} more are in the timeline`),
      bars.length && el("h3", {}, "Measured"),
      bars,
    );
    if (!this.chosen && !this.detail.childNodes.length) this.pickFirst(made);
    this.mark();
  }

  pickFirst(made) {
    const first = made.find((c) => this.isChosen(c)) || made[0];
    if (first) this.read(first.id);
  }

  // The candidate that became the result: the last of those with the very same text.
  isChosen(candidate) {
    const design = (this.result.artifacts || []).find((a) => a.name.startsWith("design."));
    const same = design && this.all.filter((c) => Object.values(c.files)[0] === design.sha256);
    return Boolean(same) && same.at(-1)?.id === candidate.id;
  }

  branch(some, made, depth = 0) {
    if (!some.length || depth > 40) return null;
    return el(
      "ul",
      {},
      some.slice(0, MOST).map((c) =>
        el(
          "li",
          {},
          this.node(c),
          this.branch(
            made.filter((child) => child.parents.includes(c.id)),
            made,
            depth + 1,
          ),
        ),
      ),
    );
  }

  node(candidate) {
    const verdict = candidate.verdicts.at(-1);
    const measured = candidate.measurements.at(-1);
    const metrics =
      measured &&
      Object.entries(measured.metrics)
        .map(([n, m]) => `${n} ${amount(m.value)} ${m.unit}`)
        .join(", ");
    const box = el("input", {
      type: "checkbox",
      checked: this.marked.includes(candidate.id),
      "aria-label": `Compare ${candidate.id}`,
    });
    box.addEventListener("change", () => this.toggle(candidate.id, box.checked));
    return el(
      "div",
      { class: "node", "data-id": candidate.id },
      box,
      el(
        "button",
        { type: "button", class: "name", onclick: () => this.read(candidate.id, true) },
        candidate.id,
      ),
      verdict ? badge(verdict.outcome, verdict.evidence) : badge("created"),
      this.isChosen(candidate) && el("span", { class: "badge chosen" }, "the result"),
      el(
        "p",
        { class: "soft" },
        [candidate.origin, verdict && verdict.reason, metrics].filter(Boolean).join(" · "),
      ),
    );
  }

  toggle(id, on) {
    this.marked = on ? [...this.marked, id].slice(-2) : this.marked.filter((m) => m !== id);
    this.show(this.all);
  }

  mark() {
    for (const node of this.tree.querySelectorAll(".node"))
      node.classList.toggle("here", node.dataset.id === this.chosen);
  }

  async read(id, byHand = false) {
    const candidate = this.known.get(id);
    if (!candidate) return;
    this.chosen = id;
    this.mark();
    const where = (seq) =>
      el(
        "button",
        { type: "button", class: "quiet", onclick: () => this.goTo(seq) },
        `event ${seq}`,
      );
    fill(
      this.detail,
      this.back(),
      el("h2", {}, candidate.id),
      el(
        "p",
        { class: "soft" },
        `${candidate.kind}, ${candidate.origin}${candidate.parents.length ? `, from ${candidate.parents.join(", ")}` : ""} `,
        where(candidate.seq),
      ),
      candidate.verdicts.map((v) =>
        el(
          "section",
          { class: "judged" },
          el(
            "p",
            {},
            badge(v.outcome, v.evidence),
            v.vectors ? ` ${amount(v.vectors)} vectors ` : " ",
            where(v.seq),
          ),
          el("p", {}, v.reason),
          v.counterexample && this.counterexample(v),
        ),
      ),
      Object.entries(candidate.files).map(([name, digest], i) =>
        fileView({ name, digest }, this.source, i === 0),
      ),
    );
    this.root.classList.toggle("reading", byHand || this.root.classList.contains("reading"));
  }

  counterexample(verdict) {
    const place = el("div", {}, "…");
    this.source
      .event(verdict.seq)
      .then((found) => {
        const table = found.sections.map((part) =>
          el(
            "details",
            {},
            el("summary", {}, "the counterexample in figures"),
            el("pre", {}, part.text),
          ),
        );
        const picture =
          found.picture && svgPicture(found.picture, `Counterexample of ${verdict.candidate}`);
        fill(place, picture && el("div", { class: "wave" }, picture), table);
      })
      .catch((error) => fill(place, complain(error)));
    return place;
  }

  back() {
    return el(
      "button",
      { type: "button", class: "quiet back", onclick: () => this.root.classList.remove("reading") },
      "← candidates",
    );
  }

  async compare() {
    const [left, right] = this.marked.map((id) => this.known.get(id));
    fill(
      this.detail,
      this.back(),
      el("h2", {}, `${left.id} and ${right.id}`),
      el("p", { class: "soft" }, "…"),
    );
    this.root.classList.add("reading");
    const verdicts = [left, right].map((c) => {
      const v = c.verdicts.at(-1);
      return el(
        "p",
        {},
        el("strong", {}, c.id),
        " ",
        v ? badge(v.outcome, v.evidence) : badge("created"),
        ` ${v ? v.reason : ""}`,
      );
    });
    const texts = await Promise.all(
      [left, right].map((c) => this.source.text(Object.values(c.files)[0])),
    ).catch((error) => error);
    fill(
      this.detail,
      this.back(),
      el("h2", {}, `${left.id} and ${right.id}`),
      verdicts,
      texts instanceof Error ? complain(texts) : diffView(left.id, texts[0], right.id, texts[1]),
    );
  }
}
