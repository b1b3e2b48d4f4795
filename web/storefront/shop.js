// What all views share: who is signed in, the cart, the newest stock, and the passing of seconds.

import { ask, follow, relink } from "/static/lib/api.js";
import { heard, now } from "/static/lib/clock.js";
import { CART_CHANGED, LOGOUT, SERVER_TIME, START, STOCK_CHANGED } from "./documents.js";

export const shop = { config: null, me: null, cart: null };

const watchers = { cart: new Set(), me: new Set() };
let stopCart = null;

/** Learn how this shop is set up, what time it is, and who is here. */
export async function open() {
  const response = await fetch("/config.json");
  shop.config = await response.json();
  const data = await timed(START);
  setViewer(data.me);
}

async function timed(document) {
  const sentAt = performance.now();
  const data = await ask(document);
  heard(data.serverTime, sentAt);
  return data;
}

/** Ask for the time again: a machine that slept has lost count. */
export const askTime = () => timed(SERVER_TIME).catch(() => {});

/** Hear of changes of "cart" or "me", and of how they are now. */
export function watch(what, listener) {
  watchers[what].add(listener);
  listener(shop[what]);
  return () => watchers[what].delete(listener);
}

function set(what, value) {
  shop[what] = value;
  for (const listener of watchers[what]) listener(value);
}

/** Somebody signed in (a user), or nobody is (null). */
export function setViewer(user) {
  stopCart?.();
  stopCart = null;
  set("me", user);
  setCart(null);
  if (user) {
    stopCart = follow(CART_CHANGED, {}, {
      next: (data) => setCart(data.cartChanged),
      error: (error) => error.code === "UNAUTHENTICATED" && setViewer(null),
    });
  }
}

/** A session begins or has ended: sockets speak for whom the cookie names. */
export function changeViewer(user) {
  setViewer(user);
  relink();
}

export async function signOut() {
  await ask(LOGOUT);
  sessionStorage.clear();
  changeViewer(null);
}

/** The cart as some answer or push showed it. */
export const setCart = (cart) => set("cart", cart);

/** Units in the cart, all deals together. */
export const unitsIn = (cart) => (cart?.items ?? []).reduce((sum, item) => sum + item.quantity, 0);

// ------------------------------------------------------------------------------------- stock

const stocks = new Map();
const stockListeners = new Map();

/** Take stock that was read or pushed; false when what is known is newer. */
export function takeStock(stock) {
  const known = stocks.get(stock.dealId);
  if (known && (stock.epoch < known.epoch || (stock.epoch === known.epoch && stock.version < known.version))) {
    return false;
  }
  stocks.set(stock.dealId, stock);
  for (const listener of stockListeners.get(stock.dealId) ?? []) listener(stock, known);
  return true;
}

/** Hear of one deal's stock, now and whenever newer is known. */
export function watchStock(dealId, listener) {
  const listeners = stockListeners.get(dealId) ?? new Set();
  stockListeners.set(dealId, listeners.add(listener));
  if (stocks.has(dealId)) listener(stocks.get(dealId));
  return () => listeners.delete(listener);
}

/** One subscription for the stock of all deals shown. Sorted: buyers who see the same share it. */
export function followStock(dealIds) {
  if (dealIds.length === 0) return () => {};
  return follow(STOCK_CHANGED, { dealIds: [...dealIds].sort() }, { next: (data) => takeStock(data.stockChanged) });
}

// ----------------------------------------------------------------------------------- seconds

const tickers = new Set();
let ticking = 0;

/** Call back now and at each full second of the server's clock. */
export function everySecond(callback) {
  tickers.add(callback);
  callback();
  if (!ticking) tick();
  return () => tickers.delete(callback);
}

function tick() {
  if (ticking) for (const callback of tickers) callback();
  ticking = tickers.size > 0 ? setTimeout(tick, 1000 - (now() % 1000) + 5) : 0;
}

/** Where a deal is in its life. Nothing but the clock opens and ends one, unless an operator does. */
export function phaseOf(deal) {
  if (deal.phase === "ENDED" || now() >= Date.parse(deal.endsAt)) return "ENDED";
  if (deal.phase === "PAUSED") return "PAUSED";
  return deal.phase === "LIVE" || now() >= Date.parse(deal.startsAt) ? "LIVE" : "SCHEDULED";
}

/** A key that makes a repeated request count once. */
export function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
