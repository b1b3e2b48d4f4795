// My orders, newest first.

import { ask } from "/static/lib/api.js";
import { el, whenText } from "/static/lib/dom.js";
import { ORDERS } from "./documents.js";
import { priceText } from "./pieces.js";
import { answerPlace, press, statusTag } from "./refusals.js";

export async function showOrders(place) {
  const answer = answerPlace();
  const list = el("ul", { class: "rows", role: "list" });
  const more = el("button", { class: "quiet more", hidden: true, onclick: () => press(more, answer, load) }, "Show older orders");
  let after = null;

  async function load() {
    const { orders } = await ask(ORDERS, { after });
    const first = after !== null;
    after = orders.pageInfo.endCursor;
    const rows = orders.nodes.map(orderRow);
    list.append(...rows);
    more.hidden = !orders.pageInfo.hasNextPage;
    if (first) rows[0]?.querySelector("a").focus();
  }

  place.append(el("h1", {}, "My orders"));
  await load();
  if (list.children.length === 0) {
    place.append(
      el("div", { class: "empty" }, el("p", {}, "You have not ordered anything yet."), el("p", {}, el("a", { class: "button", href: "#/" }, "See the deals"))),
    );
    return;
  }
  place.append(list, more, answer.element);
}

function orderRow(order) {
  const what = order.lines.map((line) => `${line.quantity} × ${line.title}`).join(", ");
  return el(
    "li",
    { class: "card row order-row" },
    el(
      "div",
      { class: "words" },
      el("h2", {}, el("a", { href: `#/order/${order.id}` }, `Order ${order.number}`)),
      el("p", {}, what),
      el("p", { class: "muted" }, whenText(order.placedAt)),
    ),
    el("div", { class: "order-end" }, statusTag(order.status), el("strong", { class: "number" }, priceText(order.total))),
  );
}
