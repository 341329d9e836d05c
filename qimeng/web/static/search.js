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
      const { hits } = await ask(`/api/search?q=${encodeURIComponent(this.query)}`);
      fill(
        this.root,
        el(
          "h1",
          {},
          hits.length
            ? `${hits.length} found for “${this.query}”`
            : `Nothing found for “${this.query}”`,
        ),
        hits.map((hit) =>
          el(
            "a",
            { class: "card hit", href: `#/runs/${hit.run}/${hit.seq}` },
            el("span", { class: "soft" }, `${hit.run} · ${WORDS[hit.kind] || hit.kind}`),
            el("span", { class: "snippet" }, marked(hit.snippet)),
          ),
        ),
      );
    } catch (error) {
      fill(this.root, complain(error));
    }
  }

  end() {}

  key() {
    return false;
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
