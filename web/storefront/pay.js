// Paying at the payment sandbox with its test cards, in the shape of Stripe's API.

import { el } from "/static/lib/dom.js";
import { priceText } from "./pieces.js";
import { answerPlace, press } from "./refusals.js";
import { shop } from "./shop.js";

const CARDS = [
  ["pm_card_visa", "Card that succeeds", "4242 4242 4242 4242"],
  ["pm_card_chargeDeclined", "Card that is declined", "4000 0000 0000 0002"],
  ["pm_card_chargeDeclinedInsufficientFunds", "Card without funds", "4000 0000 0000 9995"],
  ["pm_card_authenticationRequired", "Card that asks for 3-D Secure", "4000 0025 0000 3155"],
];
const ANSWER_WITHIN_MS = 20_000;

/** The payment of an order, for as long as there is something to pay. */
export function payPanel(orderId) {
  const answer = answerPlace();
  const said = el("p", { class: "pay-state" });
  const button = el("button", { type: "submit", class: "big" }, "Pay");
  const form = el(
    "form",
    { class: "pay-form" },
    el(
      "fieldset",
      {},
      el("legend", {}, "Test card"),
      ...CARDS.map(([value, name, number], index) =>
        el(
          "label",
          { class: "choice" },
          el("input", { type: "radio", name: "card", value, checked: index === 0 }),
          el("span", {}, name),
          el("small", { class: "muted number", "aria-hidden": "true" }, number),
        ),
      ),
    ),
    el("p", { class: "muted" }, "No money moves: this is the payment sandbox."),
    button,
  );
  const element = el(
    "section",
    { class: "card panel pay", "aria-labelledby": "pay-title", hidden: true },
    el("h2", { id: "pay-title" }, "Payment"),
    said,
    form,
    answer.element,
  );
  let order = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    press(button, answer, () => confirm(orderId, order, new FormData(form).get("card"), answer));
  });
  return {
    element,
    update(now) {
      const before = order;
      order = now;
      element.hidden = now.status !== "PENDING_PAYMENT";
      const { status, failureMessage } = now.payment;
      const open = status === "REQUIRES_PAYMENT" || status === "FAILED";
      form.hidden = !open || !shop.config.paymentBase;
      button.textContent = `Pay ${priceText(now.total)}`;
      said.textContent = sayState(status);
      if (status === "FAILED" && before?.payment.failureMessage !== failureMessage) tellDecline(answer, failureMessage);
      if (status !== "FAILED" && before?.payment.status === "FAILED") answer.clear();
    },
  };
}

function sayState(status) {
  if (status === "OPENING") return "Opening the payment …";
  if (status === "PROCESSING") return "The payment provider is at work …";
  if (status === "SUCCEEDED") return "The money has arrived; the order follows in a moment.";
  if (shop.config.paymentBase) return "Choose a card of the sandbox and see what it does.";
  return "This shop takes real payments with Stripe. The page you are looking at pays at the payment sandbox only: pay in the merchant’s own checkout.";
}

function tellDecline(answer, message) {
  // What Stripe's API says to a merchant's programmer here is no sentence for a buyer.
  const words = /failed authentication/.test(message) ? "Your bank did not confirm the payment." : message;
  answer.warn(`${words || "The payment was declined."} Nothing was taken. You can try again until the time is over.`);
}

/** Confirm the intent. The order itself tells what became of it: here only what the buyer must do. */
async function confirm(orderId, order, card, answer) {
  const { intentId, clientSecret, publishableKey } = order.payment;
  let body;
  try {
    const response = await fetch(`${shop.config.paymentBase}/v1/payment_intents/${encodeURIComponent(intentId)}/confirm`, {
      method: "POST",
      credentials: "omit",
      body: new URLSearchParams({
        key: publishableKey,
        client_secret: clientSecret,
        payment_method: card,
        return_url: `${location.origin}/#/order/${orderId}`,
      }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    body = await response.json();
  } catch {
    answer.warn("The payment provider does not answer. Your units stay yours: try again in a moment.");
    return;
  }
  const action = body.next_action?.redirect_to_url?.url;
  if (body.error) tellDecline(answer, body.error.message);
  else if (action) location.assign(action);
  else answer.tell("The payment is made. The order follows in a moment.");
}
