// Small helpers: elements (text is always text, never markup), numbers and times in words.

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") made[name] = value;
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child != null && child !== false));
}

export function seconds(s) {
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export function ago(at) {
  const passed = Date.now() / 1000 - at;
  return passed < 5 ? "just now" : `${seconds(Math.max(0, passed)).replace(/\.\d/, "")} ago`;
}

export function count(n) {
  return n >= 10000
    ? `${(n / 1000).toFixed(n >= 1e5 ? 0 : 1)}k`
    : Math.round(n).toLocaleString("en");
}

export function amount(n) {
  return Math.abs(n) >= 1000
    ? Math.round(n).toLocaleString("en")
    : String(Number(n.toPrecision(4)));
}

const TONES = {
  done: "good",
  pass: "good",
  fail: "bad",
  running: "live",
  working: "live",
  starting: "live",
};
const WARNING = ["paused", "interrupted", "inconclusive", "created"];

export function tone(status) {
  return TONES[status] || (WARNING.includes(status) ? "warn" : "bad");
}

export function badge(status, more = "") {
  const words = String(status).replace("_", " ");
  return el(
    "span",
    { class: `badge ${tone(status)}` },
    more && more !== "none" ? `${words} · ${more}` : words,
  );
}

// A counterexample ends with the difference: its picture is scrolled to the end.
export function svgPicture(svg, words) {
  const toEnd = (event) => {
    if (event.target.parentElement?.matches(".wave")) event.target.parentElement.scrollLeft = 1e6;
  };
  return el("img", {
    class: "picture",
    alt: words,
    onload: toEnd,
    src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`,
  });
}

export function complain(error) {
  return el("p", { class: "remark bad", role: "alert" }, String(error.message || error));
}
