// Two runs side by side: settings and figures, where they part, the differences of their files.
import { amount, complain, count, el, fill, seconds } from "./dom.js";
import { diffView } from "./diff.js";
import { table } from "./result.js";
import { serverSource } from "./source.js";

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
    const files = sides.map(
      (side) => new Map((side.summary.result.artifacts || []).map((a) => [a.name, a.sha256])),
    );
    const shared = [...files[0].keys()].filter(
      (name) => files[1].has(name) && !name.endsWith(".svg"),
    );
    const parts = await Promise.all(
      shared.map(async (name) => {
        const texts = await Promise.all(
          sources.map((source, i) => source.text(files[i].get(name))),
        );
        return el(
          "section",
          {},
          el("h3", {}, name),
          diffView(this.ids[0], texts[0], this.ids[1], texts[1]),
        );
      }),
    );
    fill(
      this.root,
      el("h1", {}, "Two runs"),
      el(
        "div",
        { class: "wide" },
        el(
          "table",
          {},
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              el("th"),
              this.ids.map((id) => el("th", {}, el("a", { href: `#/runs/${id}` }, id))),
            ),
          ),
          el(
            "tbody",
            {},
            rows.map(([name, a, b]) =>
              el(
                "tr",
                { class: a === b ? "same" : "differs" },
                el("th", { scope: "row" }, name),
                el("td", {}, a),
                el("td", {}, b),
              ),
            ),
          ),
        ),
      ),
      await this.parting(sources),
      parts,
      !shared.length && el("p", { class: "remark" }, "They have no result file of the same name."),
    );
  }

  async parting(sources) {
    const [a, b] = await Promise.all(
      sources.map((source) => source.rows({ groups: [], q: "" }, 1, 1000)),
    );
    const told = (row) => row && [row.group, row.actor, row.text].join(" ");
    const at = a.rows.findIndex((row, i) => told(row) !== told(b.rows[i]));
    if (at < 0) return el("p", { class: "remark" }, "They tell the same story, event by event.");
    return table(
      "Where they part",
      [a, b].map((side, i) => [
        this.ids[i],
        side.rows[at]
          ? `event ${side.rows[at].seq}: ${side.rows[at].actor} ${side.rows[at].text}`
          : "it has ended",
      ]),
    );
  }

  end() {}

  key() {
    return false;
  }
}

function factsOf(side) {
  const { summary, candidates } = side;
  const metrics = Object.entries(summary.result.metrics || {}).map(([n, m]) => [
    n,
    `${amount(m.value)} ${m.unit}`,
  ]);
  const failed = candidates.filter((c) => c.verdicts.at(-1)?.outcome === "fail").length;
  return {
    goal: summary.goal,
    status: summary.status,
    evidence: summary.result.evidence || "none",
    ...Object.fromEntries(Object.entries(summary.settings).map(([n, v]) => [n, String(v)])),
    tokens: count(summary.spend.tokens_in + summary.spend.tokens_out),
    time: seconds(summary.spend.seconds),
    cost: `$${summary.spend.usd.toFixed(4)}`,
    candidates: `${candidates.length}, ${failed} rejected`,
    ...Object.fromEntries(metrics),
  };
}
