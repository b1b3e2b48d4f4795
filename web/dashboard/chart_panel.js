// A deal's chart on the page, with a table of the same figures for those who cannot see it.

import { el, svg } from "../lib/dom.js";
import { chartInWords, drawChart, pointedAt } from "./chart.js";
import { count, timeOfDay } from "./words.js";

const ROWS = 12;
const DRAWN_EVERY_MS = 900; // a chart of minutes moves by a few pixels in a second

export class ChartPanel {
  constructor(title) {
    this.picture = svg("svg", {
      class: "chart",
      role: "img",
      preserveAspectRatio: "none",
      onpointermove: (event) => this._pointAt(event.offsetX),
      onpointerleave: () => this._pointAt(null),
    });
    // The table says the same to those who cannot point.
    this.pointed = el("figcaption", { class: "pointed-figures", "aria-hidden": "true" });
    this.rows = el("tbody");
    this.table = el(
      "details",
      { class: "as-table", ontoggle: () => this._again() },
      el("summary", {}, "Figures as a table"),
      el(
        "div",
        { class: "scrolling", tabindex: "0", role: "region", "aria-label": `Figures of ${title}` },
        el(
          "table",
          {},
          el("caption", { class: "visually-hidden" }, `Stock of ${title} over time, newest first`),
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              ...["Time", "Sold", "Held", "Available", "Allotment", "Refused"].map(heading),
            ),
          ),
          this.rows,
        ),
      ),
    );
    this.element = el("figure", { class: "chart-panel" }, this.picture, this.pointed, this.table);
    this._place = null;
    this._momentAt = () => null;
    this._drawnAt = -Infinity;
    this._watchPicture();
  }

  /** Show what is known at `now`, unless that was done a moment ago. */
  update(history, { now, windowMs, refused }) {
    if (performance.now() - this._drawnAt < DRAWN_EVERY_MS) return;
    this._drawnAt = performance.now();
    // Words and table can be read without being in sight; only a picture has to be seen.
    this.picture.setAttribute("aria-label", chartInWords(history, now, refused));
    if (this.table.open) this._fill(history, now, windowMs);
    const { visible, width, height } = this._view;
    if (!visible || width === 0) return;
    this._momentAt = drawChart(this.picture, history, { now, windowMs, width, height });
    this._history = history;
    this._showPointed();
  }

  remove() {
    for (const watcher of this._watchers) watcher.disconnect();
  }

  /** Asking the picture for its size at each drawing would lay the whole page out each time. */
  _watchPicture() {
    this._view = { visible: false, width: 0, height: 0 };
    const moved = (view) => {
      Object.assign(this._view, view);
      this._again();
    };
    const size = new ResizeObserver(([{ contentRect }]) =>
      moved({ width: contentRect.width, height: contentRect.height }),
    );
    const sight = new IntersectionObserver(([{ isIntersecting }]) =>
      moved({ visible: isIntersecting }),
    );
    this._watchers = [size, sight];
    for (const watcher of this._watchers) watcher.observe(this.picture);
  }

  _again() {
    this._drawnAt = -Infinity;
  }

  _pointAt(place) {
    this._place = place;
    this._showPointed();
  }

  /** The figures of the moment that is pointed at. */
  _showPointed() {
    this.picture.querySelector(".pointed")?.remove();
    const moment = this._place === null ? null : this._momentAt(this._place);
    const { level, refused } = moment === null ? {} : this._history.at(moment);
    this.pointed.textContent = level ? pointedInWords(moment, level, refused) : "";
    if (level) this.picture.append(pointedAt(this._place, this._view.height));
  }

  _fill(history, now, windowMs) {
    const every = Math.max(5_000, windowMs / ROWS);
    const rows = [];
    for (
      let at = now;
      rows.length < ROWS && at >= (history.since ?? Infinity);
      at = previous(at, every)
    ) {
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

function pointedInWords(moment, { sold, held, available }, refused) {
  const counts = `${count(sold)} sold, ${count(held)} held, ${count(available)} available`;
  return `${timeOfDay(moment)}: ${counts}${refused === null ? "" : `, ${count(refused)} refused`}`;
}

function heading(text) {
  return el("th", { scope: "col" }, text);
}
