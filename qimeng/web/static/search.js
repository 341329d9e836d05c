// The search over all runs.
import { complain, el, fill } from "./dom.js";
import { ask } from "./source.js";

export class SearchPage {
  constructor(query) {
    this.query = query;
    this.root = el("div", { class: "runs" }, el("p", { class: "soft" }, "Searching…"));
  }

  async begin() {
    try {
      const [{ hits }, { runs }] = await Promise.all([
        ask(`/api/search?q=${encodeURIComponent(this.query)}`),
        ask("/api/runs"),
      ]);
      const goals = new Map(runs.map((run) => [run.id, run.goal]));
      const found = new Map();
      for (const hit of hits) found.set(hit.run, [...(found.get(hit.run) || []), hit]);
      fill(
        this.root,
        el(
          "h1",
          {},
          hits.length
            ? `${hits.length} found for “${this.query}”`
            : `Nothing found for “${this.query}”`,
        ),
        [...found].map(([run, some]) =>
          el(
            "section",
            { class: "hits" },
            el("h2", { class: "goal" }, el("a", { href: `#/runs/${run}` }, goals.get(run) || run)),
            some.map((hit) =>
              el(
                "a",
                { class: "card hit", href: `#/runs/${hit.run}/${hit.seq}` },
                el("span", { class: "soft" }, `${WORDS[hit.kind] || hit.kind} · event ${hit.seq}`),
                el("span", { class: "snippet" }, marked(hit.snippet)),
              ),
            ),
          ),
        ),
      );
    } catch (error) {
      fill(this.root, complain(error));
    }
  }

  end() {}

  key(key) {
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
    const hits = [...this.root.querySelectorAll(".hit")];
    if (!by || !hits.length) return false;
    const at = hits.indexOf(document.activeElement) + by;
    hits[Math.max(0, Math.min(hits.length - 1, at))].focus();
    return true;
  }
}

const WORDS = {
  "run.created": "goal",
  "call.started": "prompt",
  "call.finished": "answer",
  "verdict.given": "verdict",
  "candidate.made": "candidate",
  "run.paused": "pause",
};

function marked(snippet) {
  return snippet.split("\x02").flatMap((part, i) => {
    if (i === 0) return [part];
    const [found, rest] = part.split("\x03");
    return [el("mark", {}, found), rest || ""];
  });
}
