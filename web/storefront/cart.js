// The cart: what is held, each hold's clock, and the way to the checkout.

import { ask } from "/static/lib/api.js";
import { announce, el } from "/static/lib/dom.js";
import { REMOVE, SET_QUANTITY } from "./documents.js";
import { deadline, picture, priceText } from "./pieces.js";
import { answerPlace, press } from "./refusals.js";
import { setCart, shop, watch } from "./shop.js";

export function showCart(place) {
  const answer = answerPlace();
  const rows = new Map();
  const list = el("ul", { class: "rows", role: "list" });
  const total = el("strong", { class: "number" });
  const full = el(
    "div",
    { hidden: true },
    list,
    el("div", { class: "card panel sum" }, el("p", { class: "total" }, "Total ", total), el("a", { class: "button", href: "#/checkout" }, "Check out")),
    el("p", { class: "muted" }, "Each hold ends by its own clock; nothing in the cart makes it longer. Checking out freezes the units for you while you decide."),
  );
  const empty = el(
    "div",
    { class: "empty", hidden: true },
    el("p", {}, "Nothing is held for you."),
    el("p", {}, el("a", { class: "button", href: "#/" }, "See the deals")),
  );
  const waiting = el("p", { class: "loading" }, "Looking into your cart …");
  place.append(el("h1", { tabindex: -1 }, "Your cart"), waiting, answer.element, full, empty);

  function update(cart) {
    if (!cart) return;
    waiting.hidden = true;
    const held = new Map(cart.items.map((item) => [item.deal.id, item]));
    for (const [dealId, row] of rows) {
      if (!held.has(dealId)) drop(dealId, row);
    }
    for (const [dealId, item] of held) {
      if (!rows.has(dealId)) {
        const row = cartRow(item, answer);
        rows.set(dealId, row);
        list.append(row.element);
      }
      rows.get(dealId).update(item);
    }
    total.textContent = priceText(cart.total);
    full.hidden = cart.items.length === 0;
    empty.hidden = cart.items.length > 0;
  }

  function drop(dealId, row) {
    const focused = row.element.contains(document.activeElement);
    row.stop();
    row.element.remove();
    rows.delete(dealId);
    if (!row.removed()) answer.warn(`The hold on ${row.title} has lapsed. Its units are on sale again.`);
    if (focused) (list.querySelector("button") ?? place.querySelector("h1")).focus();
  }

  const stop = watch("cart", update);
  return () => {
    stop();
    for (const row of rows.values()) row.stop();
  };
}

function cartRow(item, answer) {
  const { deal } = item;
  const price = el("strong", { class: "number line-total" });
  const each = el("span", { class: "muted number" });
  const count = el("output", { class: "number", "aria-label": `Quantity of ${deal.title}` });
  const less = el("button", { class: "quiet step", "aria-label": `One less of ${deal.title}` }, "−");
  const more = el("button", { class: "quiet step", "aria-label": `One more of ${deal.title}` }, "+");
  const remove = el("button", { class: "plain", "aria-label": `Remove ${deal.title}` }, "Remove");
  const clock = el("div");
  const own = answerPlace();
  let quantity = item.quantity;
  let expiresAt = null;
  let stopClock = () => {};
  let leaving = false;

  const change = (button, to) =>
    press(button, own, async () => {
      leaving = to === 0;
      const { answer: result } = await ask(SET_QUANTITY, { input: { dealId: deal.id, quantity: to } });
      took(result);
    });
  function took(result) {
    if (result.__typename === "CartUpdated") {
      setCart(result.cart);
      if (!leaving) announce(`${quantity} of ${deal.title} in your cart.`);
      else answer.tell(`${deal.title} is out of your cart.`);
      return;
    }
    leaving = false;
    own.refuse(result);
  }
  less.addEventListener("click", () => change(less, quantity - 1));
  more.addEventListener("click", () => change(more, quantity + 1));
  remove.addEventListener("click", () =>
    press(remove, own, async () => {
      leaving = true;
      const { answer: result } = await ask(REMOVE, { input: { dealId: deal.id } });
      took(result);
    }),
  );

  const element = el(
    "li",
    { class: "card row" },
    el("div", { class: "picture", "aria-hidden": "true" }, picture(deal.product, { alt: "", size: 96 })),
    el(
      "div",
      { class: "words" },
      el("h2", {}, el("a", { href: `#/deal/${deal.id}` }, deal.title)),
      clock,
      el("div", { class: "row-controls" }, el("div", { class: "stepper" }, less, count, more), each, remove),
      own.element,
    ),
    price,
  );
  return {
    element,
    title: deal.title,
    removed: () => leaving,
    update(now) {
      quantity = now.quantity;
      count.textContent = quantity;
      each.textContent = `${priceText(now.unitPrice)} each`;
      price.textContent = priceText(now.lineTotal);
      if (now.hold.expiresAt !== expiresAt) {
        expiresAt = now.hold.expiresAt;
        stopClock();
        const [timer, stop] = deadline(now.hold.state === "FROZEN" ? "Frozen for your checkout for" : "Held for you for", expiresAt, {
          closing: () => announce(`One minute left for ${deal.title}.`),
        });
        stopClock = stop;
        clock.replaceChildren(timer);
      }
    },
    stop: () => stopClock(),
  };
}
