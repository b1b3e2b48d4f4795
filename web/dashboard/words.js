// The words of this page: for the server's names, for counts and for times.

export const PHASES = {
  SCHEDULED: "Opens later",
  LIVE: "On sale",
  PAUSED: "Paused",
  ENDED: "Over",
};

export const ORDER_STATUSES = {
  PENDING_PAYMENT: "Unpaid",
  PAID: "Paid",
  UNDER_REVIEW: "Under review",
  REFUND_PENDING: "Being refunded",
  REFUNDED: "Refunded",
  CANCELLING: "Being cancelled",
  CANCELLED: "Cancelled",
  EXPIRING: "Expiring",
  EXPIRED: "Expired",
};

export const DRIFT_CLASSES = {
  LOST_HOLD: "Lost hold",
  PHANTOM_STOCK: "Phantom stock",
  COUNTER_DRIFT: "Counter drift",
  ORPHAN_INTENT: "Orphan intent",
  PAID_WITHOUT_ORDER: "Paid without order",
  STUCK_ORDER: "Stuck order",
};

export const REFUSALS = {
  SOLD_OUT: "sold out",
  PURCHASE_LIMIT_REACHED: "purchase limit",
  DEAL_NOT_LIVE: "deal not live",
  NOT_FOUND: "not found",
  INVALID_INPUT: "invalid input",
  CART_EMPTY: "empty cart",
  HOLD_LAPSED: "hold lapsed",
  PRICE_CHANGED: "price changed",
  IDEMPOTENCY_KEY_REUSED: "key reused",
  ORDER_NOT_CANCELLABLE: "not cancellable",
  TRY_LATER: "try later",
};

/** The word for a name of the server's; of one that came later, the name itself. */
export function word(words, name) {
  return words[name] ?? name.toLowerCase().replaceAll("_", " ");
}

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => WHOLE.format(number);

export const shortCount = (number) =>
  Math.abs(number) < 10_000 ? count(number) : SHORT.format(number);

export const units = (number) => `${count(number)} ${number === 1 ? "unit" : "units"}`;

const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const SHORT_TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const DAY_AND_TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const timeOfDay = (ms) => TIME.format(ms);

export const hourAndMinute = (ms) => SHORT_TIME.format(ms);

export const dayAndTime = (ms) => DAY_AND_TIME.format(ms);
