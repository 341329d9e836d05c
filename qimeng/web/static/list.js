// A list of any length: only the rows in view exist, and their pages are loaded when they come up.
import { el } from "./dom.js";

const PAGE = 100;
const MARGIN = 12;

export class VirtualList {
  // load(from, count) promises {total, rows}; draw(row) gives the cells of one row; pick(row,
  // position) is called when one is chosen.
  constructor({ load, draw, pick, label }) {
    Object.assign(this, { load, draw, pick });
    this.space = el("div", { class: "space" });
    this.root = el(
      "div",
      { class: "rows", tabindex: "0", role: "listbox", "aria-label": label },
      this.space,
    );
    this.root.addEventListener("scroll", () => this.show(), { passive: true });
    new ResizeObserver(() => this.show()).observe(this.root);
    this.forget();
  }

  get height() {
    return parseFloat(getComputedStyle(this.root).getPropertyValue("--row")) || 34;
  }

  forget() {
    this.pages = new Map();
    this.total = 0;
    this.chosen = -1;
    this.dimAfter = Infinity;
    this.age = (this.age || 0) + 1;
  }

  // What was loaded may have changed: pages are loaded again when they are next in view.
  async refresh() {
    const age = ++this.age;
    const first = Math.floor(this.root.scrollTop / this.height / PAGE);
    const found = await this.load(first * PAGE, PAGE * 2);
    if (age !== this.age) return;
    this.total = found.total;
    this.pages = new Map();
    this.keep(first * PAGE, found.rows);
    this.show();
  }

  keep(from, rows) {
    for (let i = 0; i < rows.length; i += PAGE)
      this.pages.set((from + i) / PAGE, rows.slice(i, i + PAGE));
  }

  async fetchPage(number) {
    if (this.pages.has(number)) return this.pages.get(number);
    const age = this.age;
    this.pages.set(number, null);
    const found = await this.load(number * PAGE, PAGE).catch(() => null);
    if (age !== this.age) return null;
    if (!found) {
      this.pages.delete(number);
      return null;
    }
    this.total = Math.max(this.total, found.total);
    this.pages.set(number, found.rows);
    this.show();
    return found.rows;
  }

  show() {
    const height = this.height;
    this.space.style.height = `${this.total * height}px`;
    const first = Math.max(0, Math.floor(this.root.scrollTop / height) - MARGIN);
    const last = Math.min(
      this.total,
      Math.ceil((this.root.scrollTop + this.root.clientHeight) / height) + MARGIN,
    );
    const made = [];
    for (let i = first; i < last; i++) made.push(this.line(i, height));
    this.space.replaceChildren(...made);
  }

  line(position, height) {
    const page = Math.floor(position / PAGE);
    const row = this.pages.get(page)?.[position % PAGE];
    if (!row && !this.pages.has(page)) this.fetchPage(page);
    const kind = `row ${row ? row.group : "waiting"}${row && row.seq > this.dimAfter ? " future" : ""}`;
    const line = el(
      "div",
      { class: kind, role: "option", "aria-selected": String(position === this.chosen) },
      row ? this.draw(row) : "…",
    );
    line.style.transform = `translateY(${position * height}px)`;
    if (row) line.addEventListener("click", () => this.choose(position));
    return line;
  }

  async choose(position, tell = true) {
    position = Math.max(0, Math.min(this.total - 1, position));
    if (this.total === 0) return;
    this.chosen = position;
    this.reveal(position);
    const page = Math.floor(position / PAGE);
    const rows = this.pages.get(page) || (this.pages.delete(page), await this.fetchPage(page));
    if (rows && tell && this.chosen === position) this.pick(rows[position % PAGE], position);
    this.show();
  }

  reveal(position) {
    const top = position * this.height,
      view = this.root.clientHeight;
    this.space.style.height = `${this.total * this.height}px`;
    if (top < this.root.scrollTop) this.root.scrollTop = Math.max(0, top - this.height);
    else if (top + this.height > this.root.scrollTop + view)
      this.root.scrollTop = top + 2 * this.height - view;
  }
}
