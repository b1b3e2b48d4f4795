// The whole at a glance: is anything wrong, does anything move, and how much of it there is.

import { el, svg } from "../lib/dom.js";
import { filled } from "./fills.js";
import { DRIFT_CLASSES, ORDER_STATUSES, count, shortCount, word } from "./words.js";

const MINUTE_MS = 60_000;
const BEATS = 60;
const BEAT_MS = 2_000;

export class Overview {
  /** `choose(status)` is called when the count of a status is pressed. */
  constructor(choose) {
    this.numbers = {};
    this.pulse = svg("svg", {
      class: "pulse",
      viewBox: `0 0 ${BEATS * 4} 40`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    this.orders = new Map();
    this.orderList = el("ul", { class: "counts" });
    this.driftRows = el("tbody");
    this._choose = choose;
    this._drift = "";
    this.element = el(
      "section",
      { class: "overview", "aria-labelledby": "overview-heading" },
      el("h2", { id: "overview-heading", class: "visually-hidden" }, "Overview"),
      el(
        "div",
        { class: "tile movement" },
        el("h3", {}, "In the last minute"),
        el("dl", {}, this._number("sold", "sold"), this._number("refused", "refused")),
        this.pulse,
      ),
      el(
        "div",
        { class: "tile" },
        el("h3", {}, "Serving"),
        el(
          "dl",
          {},
          this._number("sockets", "sockets"),
          this._number("processes", "API processes"),
        ),
      ),
      el("div", { class: "tile wide" }, el("h3", {}, "Orders by status"), this.orderList),
      el(
        "div",
        { class: "tile", id: "drift" },
        el("h3", {}, "Drift between the stores"),
        el(
          "table",
          {},
          el("caption", { class: "visually-hidden" }, "Differences between the stores, by class"),
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              ["Class", "Found", "Open"].map((text) => el("th", { scope: "col" }, text)),
            ),
          ),
          this.driftRows,
        ),
      ),
    );
  }

  update(floor, now) {
    const deals = [...floor.deals.values()];
    const grown = (figure) =>
      deals.reduce(
        (sum, deal) => sum + Math.max(0, deal.history.growth(figure, now - MINUTE_MS, now)),
        0,
      );
    this._write("sold", grown("sold"));
    this._write("refused", grown("refused"));
    this._beat(deals, now);
    if (!floor.room) return;
    this._write("sockets", floor.room.sockets);
    this._write("processes", floor.room.processes);
    this._writeOrders(floor.room.orders);
    this._writeDrift(floor.room.drift);
  }

  _number(name, text) {
    this.numbers[name] = el("dd", { class: "number" }, "–");
    return el("div", { class: `figure ${name}` }, el("dt", {}, text), this.numbers[name]);
  }

  _write(name, value) {
    const text = shortCount(value);
    if (this.numbers[name].textContent !== text) this.numbers[name].textContent = text;
  }

  /** Two minutes of all deals together, sold above and refused below. */
  _beat(deals, now) {
    const sums = new Map();
    for (const deal of deals) {
      for (const move of deal.history.moves(now - BEATS * BEAT_MS, now, BEAT_MS)) {
        const sum = sums.get(move.from) ?? { sold: 0, refused: 0 };
        sums.set(move.from, { sold: sum.sold + move.sold, refused: sum.refused + move.refused });
      }
    }
    const beats = [...sums.values()];
    const most = {
      sold: Math.max(4, ...beats.map((beat) => beat.sold)),
      refused: Math.max(4, ...beats.map((beat) => beat.refused)),
    };
    const bars = beats.flatMap((beat, index) => [
      bar(index, beat.sold, most.sold, "sold"),
      bar(index, beat.refused, most.refused, "refused"),
    ]);
    this.pulse.replaceChildren(
      svg("line", { x1: 0, x2: BEATS * 4, y1: 20, y2: 20, class: "base" }),
      ...bars.filter(Boolean),
    );
  }

  _writeOrders(orders) {
    const counts = new Map(orders.map((order) => [order.status, order.count]));
    for (const status of new Set([...Object.keys(ORDER_STATUSES), ...counts.keys()])) {
      if (!this.orders.has(status)) this._addStatus(status);
      const number = counts.get(status) ?? 0;
      const { item, value } = this.orders.get(status);
      const text = count(number);
      if (value.textContent !== text) value.textContent = text;
      item.dataset.none = String(number === 0);
    }
  }

  _addStatus(status) {
    const value = el("span", { class: "number" });
    const name = el("span", {}, word(ORDER_STATUSES, status));
    const item = el(
      "li",
      { data: { status } },
      el(
        "button",
        { type: "button", class: "plain", onclick: () => this._choose(status) },
        value,
        name,
      ),
    );
    this.orders.set(status, { item, value });
    this.orderList.append(item);
  }

  _writeDrift(drift) {
    const said = JSON.stringify(drift);
    if (said === this._drift) return;
    this._drift = said;
    this.driftRows.replaceChildren(
      ...drift.map(({ class: kind, found, open }) =>
        el(
          "tr",
          { class: open > 0 ? "open" : "" },
          el("th", { scope: "row" }, word(DRIFT_CLASSES, kind)),
          el("td", { class: "number" }, count(found)),
          el("td", { class: "number" }, count(open)),
        ),
      ),
    );
  }
}

function bar(index, value, most, series) {
  if (value === 0) return null;
  const height = Math.max(2, (value / most) * 19);
  return svg("rect", {
    x: index * 4,
    y: series === "sold" ? 20 - height : 20,
    width: 3,
    height,
    ...filled(series),
  });
}
