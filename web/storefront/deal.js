// One deal: its picture, its clock by subscription, its stock, and the way into the cart.

import { ask, follow } from "/static/lib/api.js";
import { heard } from "/static/lib/clock.js";
import { announce, el, whenText } from "/static/lib/dom.js";
import { buyControls, tellCrossing } from "./buy.js";
import { COUNTDOWN, DEAL_CHANGED, DEAL_PAGE } from "./documents.js";
import { dealClock, picture, priceLine, stockBar } from "./pieces.js";
import { followStock, takeStock, watchStock } from "./shop.js";

export async function showDeal(place, { id, params }) {
  const { deal } = await ask(DEAL_PAGE, { id });
  if (!deal) {
    place.append(el("h1", {}, "This deal is not there"), el("p", {}, el("a", { href: "#/" }, "See the deals")));
    return undefined;
  }
  takeStock(deal.stock);
  const [bar, stopBar] = stockBar(deal);
  const buying = buyControls(deal, { quantities: true });
  const [clock, stopClock, refreshClock] = dealClock(deal, (phase, before) => {
    buying.refresh();
    tellCrossing(deal, phase, before);
  });
  const title = el("h1", {}, deal.title);
  const price = el("div", {}, priceLine(deal));
  const times = el("p", { class: "muted" });
  function refresh() {
    title.textContent = deal.title;
    price.replaceChildren(priceLine(deal));
    times.textContent = `Open ${whenText(deal.startsAt)} to ${whenText(deal.endsAt)}. At most ${deal.purchaseLimit} for each buyer.`;
    refreshClock();
    buying.refresh();
  }
  refresh();
  place.append(
    el("p", {}, el("a", { href: "#/" }, "← All deals")),
    el(
      "article",
      { class: "one-deal", "aria-label": deal.title },
      el("div", { class: "card picture" }, picture(deal.product, { size: 640, lazy: false })),
      el(
        "div",
        { class: "words" },
        el("p", { class: "shelf muted" }, deal.product?.category ?? ""),
        title,
        price,
        el("div", { class: "card panel" }, clock, bar, buying.element),
        times,
        about(deal),
      ),
    ),
  );
  if (params.has("add")) {
    addAfterSigningIn(deal, buying, params.get("add"));
  }
  const stops = [
    stopBar,
    stopClock,
    buying.stop,
    followStock([deal.id]),
    watchStock(deal.id, tellStock(deal)),
    follow(COUNTDOWN, { dealId: deal.id }, {
      next({ countdown }) {
        heard(countdown.serverTime);
        Object.assign(deal, { phase: countdown.phase, startsAt: countdown.startsAt, endsAt: countdown.endsAt });
        refresh();
      },
    }),
    follow(DEAL_CHANGED, {}, {
      next({ dealChanged }) {
        if (dealChanged.id !== deal.id) return;
        Object.assign(deal, dealChanged);
        refresh();
      },
      async again() {
        const read = await ask(DEAL_PAGE, { id }).catch(() => ({ deal: null }));
        Object.assign(deal, read.deal);
        refresh();
      },
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

function about(deal) {
  const { details } = deal;
  if (!details) return el("p", { class: "muted" }, "The catalogue cannot be reached just now.");
  return el(
    "section",
    { class: "about", "aria-label": "About the product" },
    el("h2", {}, deal.product.name),
    el("p", {}, details.description),
    details.attributes.length > 0 &&
      el("dl", {}, ...details.attributes.map(({ name, value }) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
  );
}

/** Sold out and back on sale are told; each unit more or less is not. */
function tellStock(deal) {
  return (stock, before) => {
    if (!before || (before.available === 0) === (stock.available === 0)) return;
    announce(stock.available === 0 ? `${deal.title} is sold out.` : `${deal.title} is back on sale.`);
  };
}

/** The buyer pressed "Add to cart", had to sign in first, and is back: press it for them, once. */
function addAfterSigningIn(deal, buying, quantity) {
  history.replaceState(null, "", `#/deal/${deal.id}`);
  buying.choose(quantity);
  setTimeout(() => buying.add(), 0);
}
