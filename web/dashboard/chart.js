// The chart of one deal: whose the units are, above; what moves, below.

import { svg } from "../lib/dom.js";
import { filled } from "./fills.js";
import { countTicks, scale, timeTicks } from "./scale.js";
import { count, hourAndMinute, shortCount, timeOfDay } from "./words.js";

const LEFT = 44;
const RIGHT = 10;
const TOP = 12;
const TIMES = 18;
const MOVES_SHARE = 0.34;
const STACK = ["sold", "held", "available"];

/** Shortest and longest stretch of time that is shown, and the width of a bar. */
const SHORTEST_MS = 60_000;
const BARS = 60;

/**
 * Draw `history` as it was in the `windowMs` before `now`, into an svg of this size.
 * Returns which moment is at a place, null for none.
 */
export function drawChart(target, history, { now, windowMs, width, height }) {
  const known = history.since === null ? 0 : now - history.since;
  const shownMs = Math.min(windowMs, Math.max(SHORTEST_MS, known));
  const from = now - shownMs;
  const x = scale(from, now, LEFT, width - RIGHT);
  const movesHeight = Math.round((height - TOP - TIMES) * MOVES_SHARE);
  const floor = height - TIMES - movesHeight - 12;
  const area = { x, from, now, width, top: TOP, floor };
  target.setAttribute("viewBox", `0 0 ${width} ${height}`);
  target.replaceChildren(
    ...levels(history.levelsFrom(from), area),
    ...moves(history, {
      ...area,
      top: floor + 12,
      floor: height - TIMES,
      barMs: barWidth(shownMs),
    }),
    ...unknowns(history.breaks, { ...area, floor: height - TIMES }),
    ...times({ ...area, floor: height - TIMES }),
  );
  const moment = scale(LEFT, width - RIGHT, from, now);
  return (place) => (place < LEFT || place > width - RIGHT ? null : moment(place));
}

/** A line at the moment that somebody points at. */
export function pointedAt(place, height) {
  return svg("line", { x1: place, x2: place, y1: TOP, y2: height - TIMES, class: "pointed" });
}

/** What the chart shows, for those who cannot see it. */
export function chartInWords(history, now, refused) {
  const last = history.levels.at(-1);
  if (!last) return "No figures yet.";
  const ago = Math.min(now - history.since, 60_000);
  const sold = history.growth("sold", now - ago, now);
  return (
    `Stock over time. Of ${count(last.allotment)}: ${count(last.sold)} sold, ${count(last.held)} held, ` +
    `${count(last.available)} available. ${count(Math.max(0, sold))} sold and ` +
    `${count(Math.max(0, history.growth("refused", now - ago, now)))} refused in the last minute; ` +
    `${count(refused)} refused in all. The same figures are in the table below.`
  );
}

/** The width of a bar: whole seconds that a person would choose. */
export function barWidth(shownMs) {
  return ([1, 2, 5, 10, 15, 30].find((seconds) => shownMs / BARS <= seconds * 1_000) ?? 60) * 1_000;
}

function levels(points, { x, from, now, width, top, floor }) {
  const most = Math.max(1, ...points.map((point) => point.allotment));
  const y = scale(0, most, floor, top);
  const drawn = countTicks(most, 4).flatMap((tick) => gridline(tick, y(tick), width));
  const below = new Map(points.map((point) => [point, 0]));
  for (const series of STACK) {
    const lower = steps(points, (point) => below.get(point), { x, y, from, now });
    for (const point of points) below.set(point, below.get(point) + point[series]);
    const upper = steps(points, (point) => below.get(point), { x, y, from, now });
    if (upper.length > 0) {
      const outline = [...upper, ...lower.reverse()].join(" L");
      drawn.push(svg("path", { d: `M${outline} Z`, ...filled(series) }));
      drawn.push(svg("path", { d: `M${upper.join(" L")}`, class: `edge ${series}-edge` }));
    }
  }
  return drawn;
}

/** A level stays what it is until the next point: corners, not slopes. */
function steps(points, level, { x, y, from, now }) {
  const corners = [];
  points.forEach((point, index) => {
    const height = y(level(point)).toFixed(1);
    for (const at of [point.at, points[index + 1]?.at ?? now]) {
      corners.push(`${x(Math.min(now, Math.max(from, at))).toFixed(1)} ${height}`);
    }
  });
  return corners;
}

/** Sold upwards, refused downwards, each half by a scale of its own. */
function moves(history, { x, from, now, width, top, floor, barMs }) {
  const bars = history.moves(from, now, barMs);
  const middle = (top + floor) / 2;
  const mostSold = Math.max(4, ...bars.map((bar) => bar.sold));
  const mostRefused = Math.max(4, ...bars.map((bar) => bar.refused));
  const up = scale(0, mostSold, middle, top);
  const down = scale(0, mostRefused, middle, floor);
  const drawn = [
    ...gridline(0, middle, width),
    axisLabel(shortCount(mostSold), top + 8),
    axisLabel(shortCount(mostRefused), floor - 1),
  ];
  const stretch = barMs === 1_000 ? "second" : `${barMs / 1_000} s`;
  const words = [
    svg("text", { x: LEFT + 3, y: top + 8, class: "note" }, `sold per ${stretch}`),
    svg("text", { x: LEFT + 3, y: floor - 1, class: "note" }, `refused per ${stretch}`),
  ];
  for (const bar of bars) {
    const left = Math.max(LEFT, x(bar.from) + 0.5);
    const wide = Math.min(width - RIGHT, x(bar.to)) - left - 0.5;
    if (wide <= 0) continue;
    if (bar.sold > 0) drawn.push(column(left, wide, up(bar.sold), middle, "sold"));
    if (bar.refused > 0) drawn.push(column(left, wide, middle, down(bar.refused), "refused"));
  }
  return [...drawn, ...words];
}

function column(x, width, from, to, series) {
  return svg("rect", { x, y: from, width, height: Math.max(1.5, to - from), ...filled(series) });
}

function unknowns(breaks, { x, from, now, top, floor }) {
  return breaks
    .map((gap) => ({ from: Math.max(from, gap.from), to: gap.to ?? now }))
    .filter((gap) => gap.to > gap.from)
    .flatMap((gap) => {
      const width = x(gap.to) - x(gap.from);
      const hatched = svg("rect", {
        x: x(gap.from),
        y: top,
        width,
        height: floor - top,
        ...filled("unknown"),
      });
      const text = svg(
        "text",
        { x: x(gap.from) + width / 2, y: top + 14, class: "note middle" },
        "no link",
      );
      return width < 50 ? [hatched] : [hatched, text];
    });
}

function times({ x, from, now, width, floor }) {
  const ticks = timeTicks(from, now, Math.max(2, Math.floor(width / 84)));
  const words = ticks.some((tick) => tick % 60_000 !== 0) ? timeOfDay : hourAndMinute;
  return ticks
    .filter((tick) => x(tick) > LEFT + 16 && x(tick) < width - RIGHT - 16)
    .flatMap((tick) => [
      svg("line", { x1: x(tick), x2: x(tick), y1: floor, y2: floor + 4, class: "tick" }),
      svg("text", { x: x(tick), y: floor + 15, class: "time" }, words(tick)),
    ]);
}

function gridline(value, y, width) {
  return [
    svg("line", {
      x1: LEFT,
      x2: width - RIGHT,
      y1: y,
      y2: y,
      class: value === 0 ? "base" : "grid",
    }),
    axisLabel(shortCount(value), y + 4),
  ];
}

function axisLabel(text, y) {
  return svg("text", { x: LEFT - 6, y, class: "value" }, text);
}
