// Pictures: what each agent did over time, and measurements as bars.
import { amount, el } from "./dom.js";

const LANE = 20;
const GROUP_COLOURS = ["model", "tool", "candidate", "verdict", "measured", "note", "plan", "run"];

export function lanesPicture(onPick) {
  const canvas = el("canvas", {
    class: "lanes",
    role: "img",
    "aria-label": "What each agent did over time",
  });
  let lanes = [],
    end = 1,
    cursor = null;

  function left() {
    return Math.min(96, canvas.clientWidth * 0.25);
  }

  function draw() {
    const width = canvas.clientWidth,
      height = Math.max(1, lanes.length) * LANE + 16;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d"),
      colours = palette(canvas);
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    const x = (t) => left() + (t / end) * (width - left() - 8);
    lanes.forEach((lane, i) => {
      const top = i * LANE;
      pen.fillStyle = colours.soft;
      pen.fillText(lane.actor.slice(0, 12), 0, top + 14);
      pen.fillStyle = colours.line;
      pen.fillRect(left(), top + 10, width - left() - 8, 1);
      for (const [from, to, group, spanTone] of lane.spans) {
        pen.fillStyle = spanTone === "bad" ? colours.bad : colours[group] || colours.soft;
        pen.fillRect(x(from), top + 4, Math.max(2, x(to) - x(from)), 13);
      }
    });
    axis(pen, colours, x, height);
    if (cursor !== null) {
      pen.fillStyle = colours.accent;
      pen.fillRect(x(cursor) - 1, 0, 2, height - 14);
    }
  }

  function axis(pen, colours, x, height) {
    pen.fillStyle = colours.soft;
    pen.font = "11px system-ui, sans-serif";
    for (let i = 0; i <= 4; i++) {
      const label = `${amount(Number(((end * i) / 4).toFixed(end < 2 ? 2 : end < 20 ? 1 : 0)))} s`;
      const shift =
        i === 4 ? pen.measureText(label).width : i ? pen.measureText(label).width / 2 : 0;
      pen.fillText(label, x((end * i) / 4) - shift, height - 2);
    }
  }

  canvas.addEventListener("click", (event) => {
    const across = (event.offsetX - left()) / (canvas.clientWidth - left() - 8);
    if (across >= 0) onPick(Math.min(1, across) * end);
  });
  new ResizeObserver(draw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return {
    canvas,
    show(newLanes, newEnd) {
      [lanes, end] = [newLanes, newEnd || 1];
      draw();
    },
    point(t) {
      cursor = t;
      draw();
    },
  };
}

function palette(element) {
  const style = getComputedStyle(element);
  const names = ["soft", "line", "bad", "accent", ...GROUP_COLOURS];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

export function metricBars(candidates) {
  const metrics = new Map();
  for (const candidate of candidates) {
    for (const measurement of candidate.measurements.slice(-1)) {
      for (const [name, metric] of Object.entries(measurement.metrics)) {
        if (!metrics.has(name)) metrics.set(name, { unit: metric.unit, bars: [] });
        metrics.get(name).bars.push([candidate.id, metric.value]);
      }
    }
  }
  return [...metrics].map(([name, { unit, bars }]) => {
    const top = Math.max(...bars.map(([, value]) => Math.abs(value)), 1e-12);
    return el(
      "figure",
      { class: "bars" },
      el("figcaption", {}, `${name}${unit ? `, ${unit}` : ""}`),
      bars.slice(0, 60).map(([id, value]) => bar(id, value, Math.abs(value) / top)),
    );
  });
}

function bar(id, value, share) {
  const filled = el("span", { class: "filled" });
  filled.style.width = `${Math.max(0.5, share * 100)}%`;
  return el(
    "div",
    { class: "bar-row" },
    el("span", { class: "bar-name", title: id }, id),
    el("span", { class: "track" }, filled),
    el("span", { class: "bar-value" }, amount(value)),
  );
}
