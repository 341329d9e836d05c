// What a run handed over: headline, files, pictures, figures; what it was made with.
import { amount, badge, el, fill } from "./dom.js";
import { fileView } from "./timeline.js";

export class ResultView {
  constructor(source) {
    this.source = source;
    this.root = el("div", { class: "result" });
  }

  show(summary) {
    const result = summary.result || {};
    const state = JSON.stringify([summary.status, result, summary.budget]);
    if (state === this.shown) return; // what is open stays open
    this.shown = state;
    const files = (result.artifacts || []).map((a) => ({ name: a.name, digest: a.sha256 }));
    const metrics = Object.entries(result.metrics || {}).map(([n, m]) => [
      n,
      `${amount(m.value)} ${m.unit}`,
    ]);
    fill(
      this.root,
      el("p", {}, badge(summary.status, result.evidence), ` ${result.detail || ""}`),
      (result.reasons || []).map((reason) => el("p", { class: "remark" }, reason)),
      files.map((file) => fileView(file, this.source, /^design\.|\.svg$/.test(file.name))),
      !files.length && el("p", { class: "empty" }, "No file was handed over."),
      table("Measured", metrics),
      table(result.workflow === "rtl" ? "The same model alone" : "Baseline", Object.entries(result.baseline || {})),
      table(
        "Made with",
        Object.entries(summary.settings).filter(([, value]) => value !== ""),
      ),
    );
  }
}

export function table(title, rows) {
  if (!rows.length) return null;
  return el(
    "section",
    {},
    el("h3", {}, title),
    el(
      "table",
      {},
      el(
        "tbody",
        {},
        rows.map(([name, value]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, name.replaceAll("_", " ")),
            el("td", {}, String(value)),
          ),
        ),
      ),
    ),
  );
}
