// The application: which page an address names, the search field, the keys.
import { ChatPage } from "./chat.js";
import { ComparePage } from "./compare.js";
import { complain, fill } from "./dom.js";
import { listen, showHelp } from "./keys.js";
import { runPage } from "./run.js";
import { RunsPage } from "./runs.js";
import { SearchPage } from "./search.js";

const place = document.getElementById("page"),
  search = document.getElementById("search");
let page = null;

function pageFor(hash) {
  const [first, ...rest] = hash.replace(/^#?\//, "").split("/").map(decodeURIComponent);
  if (first === "runs" && rest[0])
    return [runPage(rest[0]), rest[1] === undefined ? undefined : Number(rest[1])];
  if (first === "compare" && rest.length === 2) return [new ComparePage(...rest)];
  if (first === "search") return [new SearchPage(rest.join("/"))];
  if (first === "chat") return [new ChatPage(rest[0])];
  return [new RunsPage()];
}

function show() {
  if (page) page.end();
  let more;
  [page, ...more] = pageFor(window.location.hash);
  fill(place, page.root);
  window.scrollTo(0, 0);
  const current = window.location.hash.startsWith("#/chat") ? 1 : 0;
  document
    .querySelectorAll("nav a")
    .forEach((link, i) => link.toggleAttribute("aria-current", i === current));
  Promise.resolve(page.begin(...more)).catch((error) => fill(place, complain(error)));
}

search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && search.value.trim())
    window.location.hash = `#/search/${encodeURIComponent(search.value.trim())}`;
});
document.getElementById("help").addEventListener("click", showHelp);
window.addEventListener("hashchange", show);
listen(() => page);
show();
