// The storefront: opens the shop, shows the view that the address names, and moves the focus there.

import { onLink } from "/static/lib/api.js";
import { announce, el } from "/static/lib/dom.js";
import { showAccount } from "./account.js";
import { showCart } from "./cart.js";
import { showCheckout } from "./checkout.js";
import { showDeal } from "./deal.js";
import { showDeals } from "./deals.js";
import { fillFooter, fillHeader, showLink } from "./frame.js";
import { showOrder } from "./order.js";
import { showOrders } from "./orders.js";
import { inWords } from "./refusals.js";
import { askTime, open, shop, watch } from "./shop.js";

const VIEWS = [
  [/^\/$/, showDeals],
  [/^\/deal\/([\w-]+)$/, showDeal],
  [/^\/cart$/, showCart, "signed in"],
  [/^\/checkout$/, showCheckout, "signed in"],
  [/^\/orders$/, showOrders, "signed in"],
  [/^\/order\/([\w-]+)$/, showOrder, "signed in"],
  [/^\/(signin|signup)$/, showAccount],
];

const COLUMNS = new Set([showCart, showCheckout, showOrder, showOrders]); // views to read, not to browse

const main = document.getElementById("main");
let leave = () => {};
let shown = 0;
let personal = false; // whether the view that is shown is for somebody who is signed in

/** Show what the address names. `first`: the page was just loaded, and the focus is where it is. */
async function show({ first = false } = {}) {
  const turn = ++shown;
  leave();
  leave = () => {};
  const [path, query] = (location.hash.slice(1) || "/").split("?");
  const params = new URLSearchParams(query);
  const [found, view, needs] = match(path);
  personal = Boolean(needs);
  if (needs && !shop.me) {
    location.replace(`#/signin?next=${encodeURIComponent(location.hash)}`);
    return;
  }
  const column = COLUMNS.has(view) ? "column" : null;
  const place = el("div", { class: column });
  let ended = () => {};
  try {
    ended = (await view(place, { params, id: found[1], isShown: () => turn === shown })) ?? ended;
  } catch (error) {
    place.replaceChildren(
      el("h1", {}, "This did not work"),
      el("p", { class: "note bad", role: "alert" }, inWords(error)),
      el("p", {}, el("button", { onclick: () => show() }, "Try again")),
    );
    if (!("code" in error)) console.error(error);
  }
  if (turn !== shown) {
    ended();
    return;
  }
  leave = ended;
  main.replaceChildren(el("div", { class: "view" }, place));
  const heading = place.querySelector("h1");
  document.title = `${heading?.textContent ?? "Deals"} · Flash sale`;
  fillHeader(path);
  if (first) return;
  scrollTo(0, 0);
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

function match(path) {
  for (const [pattern, view, needs] of VIEWS) {
    const found = pattern.exec(path);
    if (found) return [found, view, needs];
  }
  return [[], (place) => void place.append(el("h1", {}, "There is no such page"), el("p", {}, el("a", { href: "#/" }, "See the deals")))];
}

async function start() {
  try {
    await open();
  } catch {
    main.replaceChildren(
      el("h1", {}, "The shop does not answer"),
      el("p", { class: "note bad", role: "alert" }, "It may be starting. This page tries again by itself in a few seconds."),
    );
    setTimeout(start, 3000 + 3000 * Math.random());
    return;
  }
  fillFooter();
  onLink((state) => {
    const changed = showLink(state);
    if (!changed || state !== "live") return;
    announce("Live updates are back.");
    askTime();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  addEventListener("hashchange", () => show());
  watch("me", (me) => !me && personal && show());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && askTime());
  await show({ first: true });
}

start();
