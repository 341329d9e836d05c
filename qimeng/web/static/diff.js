// Line differences of two texts: the longest common subsequence, after equal ends are set aside.
import { el } from "./dom.js";

const LARGEST = 4e6;

export function lineDiff(old, fresh) {
  const a = old.replace(/\n$/, "").split("\n"),
    b = fresh.replace(/\n$/, "").split("\n");
  let head = 0,
    tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail++;
  const middle = changes(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const same = (line) => [" ", line];
  return [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
}

function changes(a, b) {
  if (a.length * b.length > LARGEST) return [...a.map((l) => ["-", l]), ...b.map((l) => ["+", l])];
  const width = b.length + 1,
    longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const found = [];
  let i = 0,
    j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) found.push([" ", a[i++], j++]);
    else if (
      j >= b.length ||
      (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])
    )
      found.push(["-", a[i++]]);
    else found.push(["+", b[j++]]);
  }
  return found;
}

export function diffView(leftName, left, rightName, right) {
  const lines = lineDiff(left, right);
  const differ = lines.some(([mark]) => mark !== " ");
  const kinds = { "-": "removed", "+": "added", " ": "same" };
  return el(
    "div",
    { class: "diff" },
    el(
      "p",
      { class: "legend" },
      el("span", { class: "removed" }, `− ${leftName}`),
      el("span", { class: "added" }, `+ ${rightName}`),
    ),
    differ
      ? el(
          "pre",
          {},
          lines.map(([mark, line]) => el("span", { class: kinds[mark] }, `${mark} ${line}\n`)),
        )
      : el("p", { class: "remark" }, "They are the same."),
  );
}
