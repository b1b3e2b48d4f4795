// A deal's chart on the page, with a table of the same figures for those who cannot see it.

import { el, svg } from "../lib/dom.js";
import { chartInWords, drawChart } from "./chart.js";
import { count, timeOfDay } from "./words.js";

const ROWS = 12;

export class ChartPanel {
  constructor(title) {
    this.picture = svg("svg", { class: "chart", role: "img", preserveAspectRatio: "none" });
    this.rows = el("tbody");
    this.table = el(
      "details",
      { class: "as-table" },
      el("summary", {}, "Figures as a table"),
      el(
        "div",
        { class: "scrolling", tabindex: "0", role: "region", "aria-label": `Figures of ${title}` },
        el(
          "table",
          {},
          el("caption", { class: "visually-hidden" }, `Stock of ${title} over time, newest first`),
          el("thead", {}, el("tr", {}, ...["Time", "Sold", "Held", "Available", "Allotment", "Refused"].map(heading))),
          this.rows,
        ),
      ),
    );
    this.element = el("figure", { class: "chart-panel" }, this.picture, this.table);
    this._visible = true;
    this._watchVisibility();
  }

  /** Draw what is known at `now`; does nothing while nobody can see it. */
  update(history, { now, windowMs, refused }) {
    if (!this._visible) return;
    const { clientWidth: width, clientHeight: height } = this.picture;
    if (width === 0 || height === 0) return;
    drawChart(this.picture, history, { now, windowMs, width, height });
    this.picture.setAttribute("aria-label", chartInWords(history, now, refused));
    if (this.table.open) this._fill(history, now, windowMs);
  }

  remove() {
    this._watcher.disconnect();
  }

  _watchVisibility() {
    this._watcher = new IntersectionObserver(([entry]) => {
      this._visible = entry.isIntersecting;
    });
    this._watcher.observe(this.element);
  }

  _fill(history, now, windowMs) {
    const every = Math.max(5_000, windowMs / ROWS);
    const rows = [];
    for (let at = now; rows.length < ROWS && at >= (history.since ?? Infinity); at = previous(at, every)) {
      rows.push(row(at, history));
    }
    this.rows.replaceChildren(...rows);
  }
}

/** The round moment before `at`, so that rows keep their times from one drawing to the next. */
function previous(at, every) {
  return Math.ceil(at / every) * every - every;
}

function row(at, history) {
  const { level, refused } = history.at(at);
  const figures = [level.sold, level.held, level.available, level.allotment, refused];
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, timeOfDay(at)),
    figures.map((figure) => el("td", {}, figure === null ? "unknown" : count(figure))),
  );
}

function heading(text) {
  return el("th", { scope: "col" }, text);
}
