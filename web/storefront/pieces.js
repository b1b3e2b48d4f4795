// Pieces that several views show: pictures, prices, stock bars, clocks.

import { now, until } from "/static/lib/clock.js";
import { clockText, el, money, svg, whenText } from "/static/lib/dom.js";
import { everySecond, phaseOf, watchStock } from "./shop.js";

const PARCEL = "/static/pictures/parcel.svg";

const ICONS = {
  bolt: "M13.5 2 4 14h6l-1.5 8L19 10h-6.5z",
  cart: "M3 4h2.4l2.3 11h10.1l2.2-8H6.2M9 19.5h.01M17 19.5h.01",
};

export function icon(name) {
  return svg(
    "svg",
    { class: `icon ${name}`, viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }),
  );
}

/** A product's picture; a parcel where there is none that this page may load. */
export function picture(product, { alt = product?.name ?? "", size = 320, lazy = true } = {}) {
  const local = product?.imageUrl?.startsWith("/") && !product.imageUrl.startsWith("//");
  const image = el("img", {
    src: local ? product.imageUrl : PARCEL,
    alt,
    width: size,
    height: size,
    loading: lazy ? "lazy" : null,
    decoding: "async",
  });
  image.addEventListener("error", () => image.setAttribute("src", PARCEL), { once: true });
  return image;
}

export function priceText(price) {
  return money(price.amountMinor, price.currency);
}

/** What a unit costs, and what it costs otherwise. */
export function priceLine(deal) {
  const reduced = deal.listPrice.amountMinor > deal.price.amountMinor;
  return el(
    "p",
    { class: "price number" },
    el("strong", {}, priceText(deal.price)),
    reduced && [
      " ",
      el("span", { class: "visually-hidden" }, "instead of "),
      el("s", {}, priceText(deal.listPrice)),
      " ",
      el("span", { class: "tag accent" }, el("span", { class: "visually-hidden" }, "reduced by "), `−${deal.discountPercent}%`),
    ],
  );
}

/** The live stock of a deal as a bar with words; [element, stop]. */
export function stockBar(deal) {
  const sold = el("span", { class: "sold" });
  const held = el("span", { class: "held" });
  const bar = el(
    "div",
    { class: "stock-bar", role: "meter", "aria-label": `Stock of ${deal.title}`, "aria-valuemin": 0 },
    sold,
    held,
  );
  const left = el("strong");
  const carts = el("span", { class: "muted" });
  const element = el("div", { class: "stock number" }, bar, el("p", { class: "stock-words" }, left, carts));
  const stop = watchStock(deal.id, (stock, before) => {
    const share = (units) => (stock.allotment > 0 ? units / stock.allotment : 0);
    // A few units of thousands would be no wider than a hair.
    const seen = (units) => (units > 0 ? Math.max(0.012, share(units)) : 0);
    sold.style.setProperty("--share", seen(stock.sold).toFixed(4));
    held.style.setProperty("--share", seen(stock.held).toFixed(4));
    const words = stock.level === "SOLD_OUT" ? "Sold out" : `${stock.available} of ${stock.allotment} left`;
    left.textContent = words;
    carts.textContent = stock.held > 0 ? `${stock.held} held in carts and orders` : "";
    bar.setAttribute("aria-valuemax", stock.allotment);
    bar.setAttribute("aria-valuenow", stock.available);
    bar.setAttribute("aria-valuetext", words);
    element.dataset.level = stock.level;
    if (before && before.available !== stock.available) flash(left);
  });
  return [element, stop];
}

function flash(element) {
  element.classList.remove("changed");
  void element.offsetWidth; // the animation starts over
  element.classList.add("changed");
}

/** A deal's clock by the server's time; [element, stop, refresh]. `phaseChanged` hears of each crossing. */
export function dealClock(deal, phaseChanged = () => {}) {
  const label = el("span");
  const time = el("time", { class: "number" });
  const element = el("p", { class: "deal-clock", role: "timer", "aria-live": "off" }, label, " ", time);
  let phase = null;
  function refresh() {
    const current = phaseOf(deal);
    const soon = { SCHEDULED: ["Opens in", deal.startsAt], LIVE: ["Ends in", deal.endsAt], PAUSED: ["Paused, ends in", deal.endsAt] }[current];
    if (soon) {
      const left = until(soon[1]);
      put(label, soon[0]);
      put(time, clockText(left));
      time.dateTime = soon[1];
      element.dataset.urgent = left < 60_000;
    } else {
      put(label, "Ended");
      put(time, Date.parse(deal.endsAt) <= now() ? whenText(deal.endsAt) : "");
      element.dataset.urgent = false;
    }
    element.dataset.phase = current;
    if (current !== phase) {
      const before = phase;
      phase = current;
      phaseChanged(current, before);
    }
  }
  return [element, everySecond(refresh), refresh];
}

/** A clock that runs out at a moment; [element, stop]. `over` is called once when it has. */
export function deadline(label, iso, { over = () => {}, closing = () => {}, closingMs = 60_000 } = {}) {
  const time = el("time", { class: "number", datetime: iso });
  const element = el("p", { class: "deadline", role: "timer", "aria-live": "off" }, label, " ", time);
  let state = "running";
  const stop = everySecond(() => {
    const left = until(iso);
    put(time, clockText(left));
    element.dataset.urgent = left < closingMs;
    if (left === 0 && state !== "over") {
      state = "over";
      over();
    } else if (left > 0 && left < closingMs && state === "running") {
      state = "closing";
      closing();
    }
  });
  return [element, stop];
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
