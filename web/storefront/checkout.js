// The checkout: prices fixed, units frozen, one order however often the button is pressed.

import { ask } from "/static/lib/api.js";
import { announce, el, whenText } from "/static/lib/dom.js";
import { CHECKOUT, PLACE_ORDER, REMOVE } from "./documents.js";
import { deadline, picture, priceText } from "./pieces.js";
import { answerPlace, inWords, press } from "./refusals.js";
import { freshKey, setCart, shop } from "./shop.js";

// An order that was asked for and not yet answered: a reload must not lose its key.
const ASKED = "order-asked-for";

export async function showCheckout(place, { isShown }) {
  const asked = JSON.parse(sessionStorage.getItem(ASKED) ?? "null");
  if (asked) {
    const earlier = await sendOrder(asked).catch(() => null);
    if (earlier?.__typename === "OrderPlaced") {
      if (isShown()) arrive(earlier.order);
      place.append(el("h1", {}, "Your order is placed"));
      return undefined;
    }
  }
  const { answer: checkout } = await ask(CHECKOUT);
  if (checkout.__typename !== "Checkout" && sessionStorage.getItem(ASKED)) {
    place.append(
      el("h1", {}, "Checkout"),
      el("p", { class: "note warn", role: "alert" }, "The shop is very busy, so it is not certain yet that your order was placed. It counts once, however often you ask."),
      el("div", { class: "actions" }, el("button", { onclick: () => dispatchEvent(new HashChangeEvent("hashchange")) }, "Ask again"), el("a", { class: "button quiet", href: "#/orders" }, "My orders")),
    );
    return undefined;
  }
  if (checkout.__typename !== "Checkout") {
    showRefused(place, checkout);
    return undefined;
  }
  return showFrozen(place, checkout);
}

/** Which deal stands in the way, and how to go on without it. */
function showRefused(place, refusal) {
  const deal = shop.cart?.items.find((item) => item.deal.id === refusal.dealId)?.deal;
  const empty = refusal.code === "CART_EMPTY";
  const answer = answerPlace();
  const without = el("button", {}, `Take ${deal?.title} out and go on`);
  without.addEventListener("click", () =>
    press(without, answer, async () => {
      const { answer: result } = await ask(REMOVE, { input: { dealId: deal.id } });
      if (result.__typename !== "CartUpdated") {
        answer.refuse(result);
        return;
      }
      setCart(result.cart);
      dispatchEvent(new HashChangeEvent("hashchange"));
    }),
  );
  place.append(
    el("h1", {}, "Checkout"),
    el("p", { class: "note bad", role: "alert" }, deal ? `${deal.title}: ${inWords(refusal)}` : inWords(refusal)),
    el("div", { class: "actions" }, ...(deal ? [without] : []), el("a", { class: "button quiet", href: empty ? "#/" : "#/cart" }, empty ? "See the deals" : "Back to the cart")),
    answer.element,
  );
}

function showFrozen(place, checkout) {
  const answer = answerPlace();
  const total = priceText(checkout.total);
  const button = el("button", { class: "big" }, `Place order, ${total}`);
  const again = el("a", { class: "button quiet", href: "#/cart" }, "Back to the cart");
  const [clock, stop] = deadline("Frozen for you for", checkout.expiresAt, {
    closing: () => announce("One minute left to place the order."),
    over: () => answer.warn("This checkout is over: the units went back on sale."),
  });
  button.addEventListener("click", () => press(button, answer, () => order(checkout, answer)));
  place.append(
    el("h1", {}, "Checkout"),
    el(
      "section",
      { class: "card panel", "aria-label": "What you are about to order" },
      el(
        "ul",
        { class: "lines", role: "list" },
        ...checkout.items.map((item) =>
          el(
            "li",
            {},
            picture(item.deal.product, { alt: "", size: 64 }),
            el("span", { class: "line-title" }, `${item.quantity} × ${item.deal.title}`),
            el("strong", { class: "number" }, priceText(item.lineTotal)),
          ),
        ),
      ),
      el("p", { class: "total" }, "Total ", el("strong", { class: "number" }, total)),
    ),
    el("div", { class: "note frozen" }, clock, el("p", {}, `Until ${whenText(checkout.expiresAt)} these units and prices are yours to order, even if the deal ends before.`)),
    el("div", { class: "actions" }, button, again),
    answer.element,
  );
  return stop;
}

async function order(checkout, answer) {
  const before = JSON.parse(sessionStorage.getItem(ASKED) ?? "null");
  const asked =
    before?.checkoutId === checkout.id
      ? before
      : {
          checkoutId: checkout.id,
          idempotencyKey: freshKey(),
          expectedTotal: { amountMinor: checkout.total.amountMinor, currency: checkout.total.currency },
        };
  const result = await sendOrder(asked);
  if (result.__typename === "OrderPlaced") arrive(result.order);
  else answer.refuse(result);
}

/** Place the order that was asked for. The key is kept for as long as the outcome is not known. */
async function sendOrder(asked) {
  sessionStorage.setItem(ASKED, JSON.stringify(asked));
  const { answer: result } = await ask(PLACE_ORDER, { input: asked });
  if (result.code !== "TRY_LATER") sessionStorage.removeItem(ASKED);
  return result;
}

function arrive(order) {
  announce(`Order ${order.number} is placed.`);
  location.replace(`#/order/${order.id}`);
}
