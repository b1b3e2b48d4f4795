// Refusals in plain words, shown beside what was pressed.

import { el, money, spokenTime, whenText } from "/static/lib/dom.js";
import { changeViewer } from "./shop.js";

const STATUS_WORDS = {
  PENDING_PAYMENT: "Waiting for payment",
  CANCELLING: "Being cancelled",
  CANCELLED: "Cancelled",
  EXPIRING: "Payment time is over",
  EXPIRED: "Expired",
  PAID: "Paid",
  REFUND_PENDING: "Refund on its way",
  REFUNDED: "Refunded",
  UNDER_REVIEW: "Being looked at",
};
const STATUS_TONES = { PAID: "good", PENDING_PAYMENT: "warn", EXPIRED: "bad", CANCELLED: "bad", EXPIRING: "bad" };

/** What an order's status is called on the page. */
export const statusText = (status) => STATUS_WORDS[status] ?? status;
/** Its label, as an element. */
export const statusTag = (status) => el("span", { class: `tag ${STATUS_TONES[status] ?? ""}` }, statusText(status));

const inAWhile = (ms) => (ms ? `Try again in ${spokenTime(ms)}.` : "Try again in a moment.");

const NOT_LIVE = {
  SCHEDULED: (refusal) => `This deal is not open yet. It opens ${whenText(refusal.startsAt)}.`,
  LIVE: () => "This deal is opening this very moment. Press again.",
  PAUSED: () => "This deal is paused for the moment. What is in your cart stays held for you.",
  ENDED: () => "This deal has ended.",
};

/** Members of the result unions, by their code. */
const REFUSALS = {
  SOLD_OUT: ({ available }) =>
    available > 0
      ? `Only ${available} left. Choose fewer.`
      : "Sold out just now. Units in other carts may come back: the stock bar shows it at once.",
  PURCHASE_LIMIT_REACHED: ({ limit, alreadyYours }) =>
    `At most ${limit} for each buyer. You hold or have bought ${alreadyYours} already.`,
  DEAL_NOT_LIVE: (refusal) => (NOT_LIVE[refusal.phase] ?? (() => refusal.message))(refusal),
  NOT_FOUND: () => "This is not there any more.",
  INVALID_INPUT: ({ message }) => message,
  CART_EMPTY: () => "Your cart is empty: nothing is held for you any more.",
  HOLD_LAPSED: () => "A hold has lapsed, and its units went back on sale. Add the deal again.",
  PRICE_CHANGED: ({ total }) =>
    `The total is ${money(total.amountMinor, total.currency)} now. Nothing was ordered: look at it, then place the order again.`,
  IDEMPOTENCY_KEY_REUSED: () => "This was sent before as something else. Reload the page and try once more.",
  INVALID_CREDENTIALS: () => "E-mail and password do not belong together.",
  EMAIL_TAKEN: () => "An account with this e-mail address exists. Sign in instead.",
  ORDER_NOT_CANCELLABLE: ({ status }) => `This order cannot be cancelled any more. It is: ${statusText(status).toLowerCase()}.`,
  TRY_LATER: ({ retryAfterMs }) =>
    `The shop is very busy, so it is not certain that this was done. ${inAWhile(retryAfterMs)} It counts once, however often you press.`,
};

/** Errors of a whole request, by their code. */
const ERRORS = {
  RATE_LIMITED: (error) => `That was too often. ${inAWhile(error.extensions.retryAfterMs)}`,
  OVERLOADED: (error) => `The shop is very busy right now. ${inAWhile(error.extensions.retryAfterMs)}`,
  UNAUTHENTICATED: () => "You are not signed in, or your sign-in is over.",
  FORBIDDEN: () => "This is for operators only.",
  BAD_USER_INPUT: (error) => error.message,
  NOT_FOUND: () => "This is not there, or it belongs to somebody else.",
  DOCUMENT_NOT_TRUSTED: () => "This page is older than the shop. Please load it again.",
  UNREACHABLE: () => "The shop did not answer, so it is not certain that this was done. Press again: it counts once.",
};

/** What a refusal (a union's member) or an error (Refused) says to a person. */
export function inWords(refusal) {
  if (refusal instanceof Error) {
    const words = ERRORS[refusal.code];
    if (words) return words(refusal);
    const name = refusal.extensions?.requestId;
    return `Something went wrong on our side. Please try again.${name ? ` (For support: ${name})` : ""}`;
  }
  return (REFUSALS[refusal.code] ?? (() => refusal.message))(refusal);
}

/** A place beside a control for what came of pressing it; screen readers hear it as it is filled. */
export function answerPlace() {
  const element = el("div", { class: "answer" });
  const show = (tone, role, ...content) => {
    element.replaceChildren(el("div", { class: `note ${tone}`, role }, ...content));
  };
  return {
    element,
    tell: (...content) => show("good", "status", ...content),
    warn: (...content) => show("warn", "status", ...content),
    refuse(refusal) {
      const signIn = refusal.code === "UNAUTHENTICATED" ? [" ", el("a", { href: `#/signin?next=${encodeURIComponent(location.hash || "#/")}` }, "Sign in")] : [];
      show("bad", "alert", inWords(refusal), ...signIn);
    },
    clear: () => element.replaceChildren(),
  };
}

/** Do something once while a button shows that it is being done; refusals go to the answer place. */
export async function press(button, answer, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  button.setAttribute("aria-busy", "true");
  button.classList.add("busy");
  answer.clear();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) console.error(error);
    if (error.code === "UNAUTHENTICATED") changeViewer(null);
    answer.refuse(error);
  } finally {
    button.removeAttribute("aria-disabled");
    button.removeAttribute("aria-busy");
    button.classList.remove("busy");
  }
}
