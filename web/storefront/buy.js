// Adding a deal to the cart: one button, whose words follow the stock and the clock.

import { ask } from "/static/lib/api.js";
import { now } from "/static/lib/clock.js";
import { announce, clockText, el } from "/static/lib/dom.js";
import { ADD_TO_CART } from "./documents.js";
import { answerPlace, press } from "./refusals.js";
import { freshKey, phaseOf, setCart, shop, watchStock } from "./shop.js";

const MOST_CHOICES = 10;
const PHASE_WORDS = { SCHEDULED: "Not open yet", PAUSED: "Paused", ENDED: "Ended" };

/** Button, quantity and answer for one deal. `refresh` is for whoever hears that the phase changed. */
export function buyControls(deal, { quantities = false } = {}) {
  const answer = answerPlace();
  const button = el("button", { class: "buy", onclick: () => add() });
  const chosen = quantities && deal.purchaseLimit > 1 ? quantityField(deal) : null;
  const unsettled = {};
  let soldOut = false;

  function refresh() {
    const phase = phaseOf(deal);
    const words = phase !== "LIVE" ? PHASE_WORDS[phase] : soldOut ? "Sold out" : "Add to cart";
    if (button.textContent !== words) button.textContent = words;
    if (words === "Add to cart") button.removeAttribute("aria-disabled");
    else button.setAttribute("aria-disabled", "true");
  }

  async function add() {
    const quantity = Number(chosen?.select.value ?? 1);
    if (button.getAttribute("aria-disabled") === "true") return;
    if (!shop.me) {
      location.hash = `#/signin?next=${encodeURIComponent(`#/deal/${deal.id}?add=${quantity}`)}`;
      return;
    }
    await press(button, answer, () => send(deal, quantity, unsettled, answer));
    refresh();
  }

  const stop = watchStock(deal.id, (stock) => {
    soldOut = stock.available === 0;
    refresh();
  });
  refresh();
  const row = el("div", { class: "buy-row" }, chosen?.element, button);
  return { element: el("div", { class: "buying" }, row, answer.element), button, refresh, add, choose: (n) => chosen && (chosen.select.value = n), stop };
}

async function send(deal, quantity, unsettled, answer) {
  // Until an answer is known, the next press asks for the very same thing, not for more.
  if (unsettled.quantity !== quantity) Object.assign(unsettled, { quantity, key: freshKey() });
  const input = { dealId: deal.id, quantity, idempotencyKey: unsettled.key };
  const { answer: result } = await ask(ADD_TO_CART, { input });
  if (result.code !== "TRY_LATER") unsettled.quantity = null;
  if (result.__typename !== "CartUpdated") {
    answer.refuse(result);
    return;
  }
  setCart(result.cart);
  const item = result.cart.items.find((each) => each.deal.id === deal.id);
  const held = clockText(Date.parse(item.hold.expiresAt) - now());
  answer.tell(`${item.quantity} in your cart, held for ${held}. `, el("a", { href: "#/cart" }, "Go to cart"));
}

function quantityField(deal) {
  const id = `quantity-${deal.id}`;
  const choices = Array.from({ length: Math.min(deal.purchaseLimit, MOST_CHOICES) }, (_, index) => index + 1);
  const select = el("select", { id }, ...choices.map((count) => el("option", { value: count }, String(count))));
  return { select, element: el("div", { class: "field quantity" }, el("label", { for: id }, "Quantity"), select) };
}

/** Say, once each, what a buyer who looks at one deal would not want to miss. */
export function tellCrossing(deal, phase, before) {
  if (before === null) return;
  const words = { LIVE: "is open now", PAUSED: "is paused", ENDED: "has ended", SCHEDULED: "is not open yet" }[phase];
  announce(`${deal.title} ${words}.`);
}
