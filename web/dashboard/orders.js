// The newest orders, by status, and sending their money back.

import { ask } from "../lib/api.js";
import { announce, el, money } from "../lib/dom.js";
import { refund } from "./actions.js";
import { ORDERS } from "./documents.js";
import { failureInWords } from "./refusals.js";
import { ORDER_STATUSES, count, dayAndTime, units, word } from "./words.js";

const PAGE = 20;
const REFUNDABLE = ["PAID", "UNDER_REVIEW"];
const LOOKS_AFTER_REFUND_MS = [2_000, 5_000, 10_000, 20_000];

export class Orders {
  constructor() {
    this._cursor = null;
    this._asked = 0;
    this._seen = null;
    this.refresh = el(
      "button",
      { type: "button", class: "quiet", onclick: () => this.read() },
      "Refresh",
    );
    this.filter = el(
      "select",
      { id: "order-status", onchange: () => this.read() },
      el("option", { value: "" }, "All"),
      Object.entries(ORDER_STATUSES).map(([status, text]) => el("option", { value: status }, text)),
    );
    this.rows = el("tbody");
    this.more = el(
      "button",
      { type: "button", class: "quiet", hidden: true, onclick: () => this.read({ more: true }) },
      "Show more",
    );
    this.note = el("p", { class: "orders-note", role: "status" });
    this.heading = el("h2", { id: "orders-heading", tabindex: "-1" }, "Recent orders");
    this.element = el(
      "section",
      { class: "orders", id: "orders", "aria-labelledby": "orders-heading" },
      el(
        "div",
        { class: "section-head" },
        this.heading,
        el("div", { class: "filter" }, el("label", { for: "order-status" }, "Status"), this.filter),
        this.refresh,
      ),
      this.note,
      el(
        "table",
        {},
        el("caption", { class: "visually-hidden" }, "Recent orders, newest first"),
        el(
          "thead",
          {},
          el("tr", {}, ["Order", "Placed", "What", "Total", "Status", "Action"].map(column)),
        ),
        this.rows,
      ),
      this.more,
    );
  }

  /** Read the newest orders, or those after them; only the answer to the last question counts. */
  async read({ more = false } = {}) {
    this._asked += 1;
    const asked = this._asked;
    const variables = {
      status: this.filter.value || null,
      first: PAGE,
      after: more ? this._cursor : null,
    };
    try {
      const { allOrders } = await ask(ORDERS, variables);
      if (asked !== this._asked) return;
      this._show(allOrders, more);
    } catch (error) {
      this.note.textContent = failureInWords(error);
    }
  }

  /** Tell how many orders came since the list was read; it moves under nobody's hand by itself. */
  update({ orders }) {
    const total = orders.reduce((sum, each) => sum + each.count, 0);
    this._seen ??= total;
    const fresh = total - this._seen;
    const text = fresh > 0 ? `Refresh: ${count(fresh)} new` : "Refresh";
    if (this.refresh.textContent !== text) this.refresh.textContent = text;
  }

  /** Choose a status, as the overview's counts do. */
  async choose(status) {
    this.filter.value = status;
    await this.read();
    this.heading.focus();
  }

  _show({ nodes, pageInfo }, more) {
    if (!more) {
      this.rows.replaceChildren();
      this._seen = null;
    }
    this.rows.append(...nodes.map((order) => this._row(order)));
    this._cursor = pageInfo.endCursor;
    this.more.hidden = !pageInfo.hasNextPage;
    this.note.textContent = this.rows.childElementCount === 0 ? "No orders of this kind." : "";
  }

  _row(order) {
    const button = el(
      "button",
      {
        type: "button",
        class: "quiet small",
        "aria-label": `Refund order ${order.number}`,
        onclick: (event) => this._refund(order, event.currentTarget),
      },
      "Refund",
    );
    return el(
      "tr",
      { data: { order: order.id } },
      el("th", { scope: "row" }, order.number),
      cell("Placed", dayAndTime(Date.parse(order.placedAt))),
      cell("What", order.lines.map((line) => `${line.quantity} × ${line.title}`).join(", ")),
      cell("Total", money(order.total.amountMinor, order.total.currency)),
      cell(
        "Status",
        el("span", { class: `tag ${tone(order.status)}` }, word(ORDER_STATUSES, order.status)),
      ),
      cell("Action", REFUNDABLE.includes(order.status) ? button : "–"),
    );
  }

  async _refund(order, opener) {
    const refunded = await refund(order);
    opener.focus();
    if (refunded === null) return;
    const bought = units(order.lines.reduce((sum, line) => sum + line.quantity, 0));
    const said = `Order ${order.number}, ${bought}: ${word(ORDER_STATUSES, refunded.status).toLowerCase()}.`;
    await this.read();
    this.note.textContent = said;
    this.heading.focus();
    if (refunded.status === "REFUND_PENDING") this._lookAfter(order, 0);
  }

  /** The provider confirms within seconds; after some looks the operator may refresh. */
  _lookAfter(order, looks) {
    if (looks === LOOKS_AFTER_REFUND_MS.length) return;
    setTimeout(async () => {
      if (this.rows.contains(document.activeElement)) {
        this._lookAfter(order, looks + 1);
        return;
      }
      await this.read();
      const row = this.rows.querySelector(`[data-order="${CSS.escape(order.id)}"] .tag`);
      if (row?.textContent === ORDER_STATUSES.REFUNDED)
        announce(`Order ${order.number} is refunded.`);
      else this._lookAfter(order, looks + 1);
    }, LOOKS_AFTER_REFUND_MS[looks]);
  }
}

function tone(status) {
  if (status === "PAID") return "good";
  if (status === "UNDER_REVIEW") return "bad";
  return ["PENDING_PAYMENT", "REFUND_PENDING", "CANCELLING", "EXPIRING"].includes(status)
    ? "warn"
    : "";
}

function cell(name, content) {
  return el("td", { data: { name } }, content);
}

function column(text) {
  return el("th", { scope: "col" }, text);
}
