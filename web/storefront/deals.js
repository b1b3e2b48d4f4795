// The list of deals: live stock over one subscription, clocks by the server's time.

import { ask, follow } from "/static/lib/api.js";
import { announce, el } from "/static/lib/dom.js";
import { buyControls } from "./buy.js";
import { CATEGORIES, DEALS, DEAL_CHANGED } from "./documents.js";
import { dealClock, picture, priceLine, stockBar } from "./pieces.js";
import { answerPlace, press } from "./refusals.js";
import { followStock, phaseOf, takeStock } from "./shop.js";

const PHASES = [["LIVE", "Live now"], ["SCHEDULED", "Coming up"], ["ENDED", "Ended"]];
const SORTS = [["ENDING_SOON", "Ending soon"], ["BIGGEST_DISCOUNT", "Biggest discount"], ["PRICE_ASC", "Lowest price"], ["NEWEST", "Newest"]];
const TITLES = { LIVE: "Deals, live now", SCHEDULED: "Deals that open soon", ENDED: "Deals that have ended" };
const EMPTY = { LIVE: "No deal is live at this moment.", SCHEDULED: "No deal is coming up.", ENDED: "No deal has ended yet." };
let justChosen = null; // the filter whose choice shows the list anew
const PAGE = 40; // as DEALS asks for
const MOST_FOLLOWED = 100; // what one stockChanged takes

export async function showDeals(place, { params, isShown }) {
  const wanted = {
    phase: PHASES.some(([phase]) => phase === params.get("phase")) ? params.get("phase") : "LIVE",
    sort: SORTS.some(([sort]) => sort === params.get("sort")) ? params.get("sort") : "ENDING_SOON",
    category: params.get("category") || null,
  };
  const list = new DealList(wanted);
  const news = el("div", { class: "news" });
  const more = el("button", { class: "quiet more", onclick: () => press(more, moreAnswer, showMore) }, "Show more deals");
  const moreAnswer = answerPlace();
  const filters = el("div", { class: "filters" });
  place.append(
    el("div", { class: "list-head" }, el("h1", {}, TITLES[wanted.phase]), phaseTabs(wanted), filters),
    news,
    list.element,
    el("div", { class: "more-row" }, more, moreAnswer.element),
  );

  async function showMore() {
    const before = list.size;
    more.hidden = !(await list.load());
    if (before > 0) list.focusOn(before);
  }

  await showMore();
  fillFilters(filters, wanted, isShown);
  const unfollow = follow(DEAL_CHANGED, {}, {
    next: ({ dealChanged }) => {
      if (!list.change(dealChanged) && phaseOf(dealChanged) === wanted.phase) tellNew(news, list, dealChanged);
    },
    again: () => list.reread(),
  });
  return () => {
    unfollow();
    list.stop();
  };
}

class DealList {
  constructor(wanted) {
    this.wanted = wanted;
    this.cards = new Map();
    this.after = null;
    this.element = el("ul", { class: "deals", role: "list" });
    this.unfollow = () => {};
  }

  get size() {
    return this.cards.size;
  }

  /** Show the next page; whether there is another after it. */
  async load() {
    const { deals } = await ask(DEALS, { ...this.wanted, after: this.after });
    this.after = deals.pageInfo.endCursor;
    for (const deal of deals.nodes) {
      takeStock(deal.stock);
      if (this.cards.has(deal.id)) continue;
      const card = dealCard(deal, { first: this.size === 0 });
      this.cards.set(deal.id, card);
      this.element.append(el("li", {}, card.element));
    }
    if (this.size === 0) this.element.replaceChildren(el("li", { class: "empty" }, EMPTY[this.wanted.phase]));
    const unfollow = this.unfollow;
    this.unfollow = followStock([...this.cards.keys()].slice(0, MOST_FOLLOWED));
    unfollow();
    return deals.pageInfo.hasNextPage && this.size + PAGE <= MOST_FOLLOWED;
  }

  focusOn(index) {
    [...this.cards.values()][index]?.element.querySelector("a")?.focus();
  }

  /** Take what changed of a deal that is shown; false when it is not shown. */
  change(changed) {
    const card = this.cards.get(changed.id);
    if (!card) return false;
    Object.assign(card.deal, changed);
    card.refresh();
    return true;
  }

  /** After the link was lost: changes of deals that nobody told. */
  async reread() {
    const { deals } = await ask(DEALS, { ...this.wanted, after: null }).catch(() => ({ deals: { nodes: [] } }));
    for (const { stock, ...deal } of deals.nodes) this.change(deal);
  }

  stop() {
    this.unfollow();
    for (const card of this.cards.values()) card.stop();
  }
}

function dealCard(deal, { first }) {
  const id = `title-${deal.id}`;
  const [bar, stopBar] = stockBar(deal);
  const buying = buyControls(deal);
  const [clock, stopClock, refreshClock] = dealClock(deal, () => buying.refresh());
  const price = el("div", {}, priceLine(deal));
  const title = el("a", { href: `#/deal/${deal.id}` }, deal.title);
  const element = el(
    "article",
    { class: "card deal", "aria-labelledby": id },
    el("div", { class: "picture", "aria-hidden": "true" }, picture(deal.product, { alt: "", lazy: !first })),
    el(
      "div",
      { class: "words" },
      el("p", { class: "shelf muted" }, deal.product?.category ?? ""),
      el("h2", { id }, title),
      price,
      bar,
      clock,
      buying.element,
    ),
  );
  return {
    deal,
    element,
    refresh() {
      title.textContent = deal.title;
      price.replaceChildren(priceLine(deal));
      refreshClock();
      buying.refresh();
    },
    stop() {
      stopBar();
      stopClock();
      buying.stop();
    },
  };
}

function tellNew(news, list, deal) {
  const words = `New here: ${deal.title}.`;
  const show = el("button", { class: "plain", onclick: () => dispatchEvent(new HashChangeEvent("hashchange")) }, "Show it");
  news.replaceChildren(el("p", { class: "note" }, words, " ", show));
  if (list.size > 0) announce(words);
}

function addressOf({ phase, sort, category }) {
  const params = new URLSearchParams();
  if (phase !== "LIVE") params.set("phase", phase);
  if (sort !== "ENDING_SOON") params.set("sort", sort);
  if (category) params.set("category", category);
  return `#/${params.size ? `?${params}` : ""}`;
}

function phaseTabs(wanted) {
  return el(
    "nav",
    { class: "tabs", "aria-label": "Which deals" },
    ...PHASES.map(([phase, name]) =>
      el("a", { href: addressOf({ ...wanted, phase }), "aria-current": phase === wanted.phase ? "true" : null }, name),
    ),
  );
}

async function fillFilters(filters, wanted, isShown) {
  const choose = (changed) => (location.hash = addressOf({ ...wanted, ...changed }));
  filters.append(field("sort", "Sort by", SORTS, wanted.sort, (sort) => choose({ sort })));
  const data = await ask(CATEGORIES).catch(() => null);
  const names = [...new Set((data?.deals.nodes ?? []).map((deal) => deal.product?.category).filter(Boolean))].sort();
  if (!isShown() || names.length < 2) return;
  const options = [["", "Everything"], ...names.map((name) => [name, name])];
  filters.append(field("category", "Category", options, wanted.category ?? "", (category) => choose({ category })));
}

function field(id, name, options, value, chosen) {
  const select = el("select", { id }, ...options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
  // A keyboard moves through the options of a closed list: the focus is still there afterwards.
  select.addEventListener("change", () => {
    justChosen = id;
    chosen(select.value);
  });
  if (justChosen === id) {
    justChosen = null;
    setTimeout(() => select.focus(), 0);
  }
  return el("div", { class: "field" }, el("label", { for: id }, name), select);
}
