// The timeline: agents over time, the list of events with filters, one event in full, replay.
import { amount, complain, el, fill, seconds, svgPicture } from "./dom.js";
import { lanesPicture } from "./draw.js";
import { VirtualList } from "./list.js";

const GROUPS = [
  ["model", "models"],
  ["tool", "tools"],
  ["candidate", "candidates"],
  ["verdict", "verdicts"],
  ["measured", "measured"],
  ["note", "notes"],
  ["plan", "plan"],
  ["run", "run"],
];
const STEP = 350;
const LONG = 1600;

export class Timeline {
  constructor(source, onCursor) {
    this.source = source;
    this.onCursor = onCursor;
    this.filter = { groups: [], q: "" };
    this.playing = null;
    this.replaying = false;
    this.list = new VirtualList({
      load: (from, size) => source.rows(this.filter, from, size),
      draw: (row) => this.cells(row),
      pick: (row, position) => this.picked(row, position),
      label: "Events",
    });
    this.lanes = lanesPicture((t) => this.jumpTo(t));
    this.detail = el("section", { class: "detail", "aria-live": "polite" });
    this.root = el(
      "div",
      { class: "timeline" },
      this.lanes.canvas,
      this.filters(),
      el("div", { class: "split" }, this.list.root, this.detail),
      this.player(),
    );
    this.welcome();
  }

  filters() {
    this.find = el("input", {
      type: "search",
      placeholder: "Filter events",
      "aria-label": "Filter events",
    });
    let waiting = 0;
    this.find.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.refilter({ q: this.find.value }), 150);
    });
    this.chips = GROUPS.map(([group, words]) =>
      el(
        "button",
        {
          type: "button",
          class: `chip ${group}`,
          "aria-pressed": "false",
          onclick: () => this.toggle(group),
        },
        words,
      ),
    );
    this.total = el("span", { class: "soft" });
    return el("div", { class: "filters" }, this.chips, this.find, this.total);
  }

  toggle(group) {
    const groups = this.filter.groups.includes(group)
      ? this.filter.groups.filter((g) => g !== group)
      : [...this.filter.groups, group];
    this.chips.forEach((chip, i) =>
      chip.setAttribute("aria-pressed", String(groups.includes(GROUPS[i][0]))),
    );
    this.refilter({ groups });
  }

  async refilter(change) {
    Object.assign(this.filter, change);
    this.list.forget();
    this.list.root.scrollTop = 0;
    await this.more();
  }

  player() {
    this.play = el(
      "button",
      { type: "button", class: "play", "aria-label": "Play", onclick: () => this.playOrPause() },
      "▶",
    );
    this.slider = el("input", {
      type: "range",
      min: "0",
      max: "0",
      value: "0",
      "aria-label": "Step through the events",
    });
    this.slider.addEventListener("input", () =>
      this.step(Number(this.slider.value) - this.list.chosen),
    );
    this.where = el("span", { class: "where" }, "");
    this.latest = el(
      "button",
      { type: "button", class: "quiet", hidden: true, onclick: () => this.leaveReplay() },
      "show all",
    );
    return el("div", { class: "player" }, this.play, this.slider, this.where, this.latest);
  }

  cells(row) {
    const done = row.end !== undefined && !(this.replaying && row.end > this.cursor);
    const told = done ? ` → ${row.outcome.replace(/^\S+ /, "")}` : "";
    const rowTone = done && row.outcome_tone === "bad" ? "bad" : row.tone;
    return [
      el("span", { class: "when" }, `${row.t.toFixed(1)}`),
      el("span", { class: `kind ${row.group}` }, row.group),
      el("span", { class: "actor" }, row.actor),
      el("span", { class: `words ${rowTone}` }, row.text, el("span", { class: "soft" }, told)),
    ];
  }

  welcome() {
    fill(
      this.detail,
      el(
        "p",
        { class: "empty" },
        "Choose an event to read the prompt, the answer, the command and its output. ",
        el("kbd", {}, "j"),
        " and ",
        el("kbd", {}, "k"),
        " step through them.",
      ),
    );
  }

  async more(overview) {
    if (overview) this.lanes.show(overview.lanes, overview.summary.elapsed);
    await this.list.refresh();
    this.slider.max = String(Math.max(0, this.list.total - 1));
    fill(this.total, `${this.list.total.toLocaleString("en")} events`);
  }

  // -- stepping ---------------------------------------------------------------------------

  step(by, replay = true) {
    if (replay) this.replaying = true;
    return this.list.choose(this.list.chosen + by);
  }

  playOrPause() {
    if (this.playing) return this.halt();
    this.replaying = true;
    this.play.textContent = "❚❚";
    this.play.setAttribute("aria-label", "Pause");
    if (this.list.chosen >= this.list.total - 1) this.list.chosen = -1;
    this.playing = setInterval(() => {
      if (this.list.chosen >= this.list.total - 1) this.halt();
      else this.step(1);
    }, STEP);
  }

  halt() {
    clearInterval(this.playing);
    this.playing = null;
    this.play.textContent = "▶";
    this.play.setAttribute("aria-label", "Play");
  }

  leaveReplay() {
    this.halt();
    this.replaying = false;
    this.list.dimAfter = Infinity;
    this.latest.hidden = true;
    this.list.show();
    this.onCursor(Infinity);
  }

  async jumpTo(t) {
    let low = 0,
      high = this.list.total - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { rows } = await this.source.rows(this.filter, middle, 1);
      if (rows.length && rows[0].t < t) low = middle + 1;
      else high = middle;
    }
    await this.list.choose(low);
  }

  async goTo(seq) {
    const { place, total } = await this.source.rows(this.filter, 0, 1, seq);
    this.list.total = Math.max(total, this.list.total);
    await this.list.choose(place);
  }

  picked(row, position) {
    this.cursor = row.seq;
    this.slider.value = String(position);
    fill(
      this.where,
      `${position + 1} / ${this.list.total} · ${seconds(row.t)} · ${row.tokens.toLocaleString("en")} tokens`,
    );
    this.lanes.point(row.t);
    this.latest.hidden = !this.replaying;
    this.list.dimAfter = this.replaying ? row.seq : Infinity;
    if (this.replaying) this.onCursor(row.seq);
    clearTimeout(this.reading);
    this.reading = setTimeout(() => this.read(row.seq), this.playing ? 120 : 0);
  }

  async read(seq) {
    try {
      const found = await this.source.event(seq);
      if (this.cursor !== seq) return;
      fill(this.detail, detailView(found, this.source));
      this.detail.scrollTop = 0;
      this.root.classList.add("reading");
    } catch (error) {
      fill(this.detail, complain(error));
    }
  }

  back() {
    this.root.classList.remove("reading");
    this.list.root.focus();
  }
}

function detailView(found, source) {
  const row = found.row;
  return [
    el(
      "button",
      {
        type: "button",
        class: "quiet back",
        onclick: (event) => event.target.closest(".timeline").classList.remove("reading"),
      },
      "← events",
    ),
    el("h2", {}, el("span", { class: `kind ${row.group}` }, row.group), ` ${row.actor}`),
    el("p", { class: `told ${row.tone}` }, row.text),
    facts(found),
    found.picture &&
      el("figure", { class: "wave" }, svgPicture(found.picture, "Waveform of the counterexample")),
    found.sections.map((part) => sectionView(part)),
    filesView(found.files, source),
    el(
      "details",
      { class: "raw" },
      el("summary", {}, `event ${row.seq} as recorded`),
      el("pre", {}, JSON.stringify(found.data, null, 2)),
    ),
  ].flat();
}

function facts(found) {
  const { row, data } = found;
  const end = data[1] || {};
  const pairs = [
    ["at", `${row.t.toFixed(1)} s, ${new Date(found.at * 1000).toLocaleString()}`],
    ["took", row.seconds !== undefined && seconds(row.seconds)],
    [
      "ended",
      row.end !== undefined ? row.outcome : row.kind === "call.started" && "not yet, or cut short",
    ],
    [
      "tokens",
      end.tokens_in !== undefined && `${amount(end.tokens_in)} in, ${amount(end.tokens_out)} out`,
    ],
    ["cost", end.usd ? `$${end.usd.toFixed(4)}` : false],
    ["cached", row.end !== undefined && row.group === "model" && (row.cached ? "yes" : "no")],
  ];
  return el(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value)
      .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])
      .flat(),
  );
}

export function sectionView(part) {
  const body = el("pre", { tabindex: "0" }, part.text);
  const long = part.text.length > LONG;
  if (!long) return el("section", { class: "part" }, el("h3", {}, part.label), body);
  return el(
    "details",
    { class: "part", open: part.label === "answer" || part.label === "differs" },
    el(
      "summary",
      {},
      `${part.label} · ${(part.text.length + part.left_out).toLocaleString("en")} characters`,
    ),
    body,
  );
}

export function filesView(files, source) {
  if (!files.length) return null;
  return el(
    "section",
    { class: "files" },
    el("h3", {}, "files"),
    files.map((file) => fileView(file, source)),
  );
}

export function fileView(file, source, open = false) {
  const body = el("div", {}, "…");
  const link = source.link(file.digest, file.name);
  const save =
    link && el("a", { class: "quiet", href: link, download: file.name.split("/").pop() }, "save");
  let loaded = false;
  const load = async () => {
    if (loaded) return;
    loaded = true;
    try {
      const text = await source.text(file.digest);
      const picture = /\.svg$/i.test(file.name) && svgPicture(text, file.name);
      fill(body, picture || el("pre", { tabindex: "0" }, text.slice(0, 200000)), save);
    } catch (error) {
      fill(body, complain(error));
    }
  };
  const view = el(
    "details",
    { class: "file", ontoggle: (event) => event.target.open && load() },
    el("summary", {}, file.name),
    body,
  );
  if (open) {
    view.open = true;
    load();
  }
  return view;
}
