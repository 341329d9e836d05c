// The keyboard: what every page knows, the help, and the page's own keys.
import { el } from "./dom.js";

const KEYS = [
  ["/", "search all runs"],
  ["j k", "next and previous, in lists and timelines"],
  ["Enter", "open"],
  ["n", "new run"],
  ["1 2 3", "timeline, candidates, result"],
  ["→ ←", "replay: one step on, one step back"],
  ["Space", "replay: play, pause"],
  ["f", "filter the events"],
  ["Shift Enter", "chat: a new line"],
  ["Esc", "leave a field, close, back"],
  ["g", "all runs"],
  ["?", "this help"],
];

const dialog = el(
  "dialog",
  { class: "keys" },
  el("h2", {}, "Keys"),
  el(
    "dl",
    {},
    KEYS.flatMap(([keys, words]) => [
      el(
        "dt",
        {},
        keys.split(" ").map((k) => el("kbd", {}, k)),
      ),
      el("dd", {}, words),
    ]),
  ),
  el("form", { method: "dialog" }, el("button", { class: "main" }, "Close")),
);

export function showHelp() {
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.showModal();
}

export function listen(page) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.target.matches("input:not([type=range]):not([type=checkbox]), textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const press = event.target.matches("button, summary, a") && [" ", "Enter"].includes(event.key);
    if (!press && (common(event.key) || page().key(event.key))) event.preventDefault();
  });
}

function common(key) {
  if (key === "/") document.getElementById("search").focus();
  else if (key === "?") showHelp();
  else if (key === "g") window.location.hash = "#/";
  else return false;
  return true;
}
