// The page of a signed-in operator: the whole, then each deal, then orders.

import { now } from "../lib/clock.js";
import { announce, el } from "../lib/dom.js";
import { actOnDeal } from "./actions.js";
import { DealCard } from "./deal_card.js";
import { Floor } from "./floor.js";
import { Notices } from "./notices.js";
import { Orders } from "./orders.js";
import { Overview } from "./overview.js";
import { showReport } from "./report.js";
import { PHASES, word } from "./words.js";

const SHELVES = [
  { name: "on-sale", heading: "On sale", phases: ["LIVE", "PAUSED"], empty: "Nothing is on sale." },
  { name: "later", heading: "Opening later", phases: ["SCHEDULED"], empty: "Nothing is planned." },
  { name: "over", heading: "Over", phases: ["ENDED"], empty: "Nothing has ended yet." },
];
const DRAWN_EVERY_MS = 200;
const NARROW = "(max-width: 44rem)";
const WINDOWS = { 60000: "1 minute", 300000: "5 minutes", 900000: "15 minutes" };

export class Room {
  constructor({ clock, link, refused }) {
    this.floor = new Floor({ changed: () => this._soon(), refused });
    this.orders = new Orders();
    this.overview = new Overview((status) => this.orders.choose(status));
    this.notices = new Notices((status) => this.orders.choose(status));
    this.cards = new Map();
    this.shelves = SHELVES.map((shelf) => builtShelf(shelf));
    this.windowMs = 300_000;
    this.sought = "";
    this._clock = clock;
    this._link = link;
    this._phases = new Map();
    this._scheduled = false;
    this.element = el(
      "div",
      { class: "room" },
      this.notices.element,
      this.overview.element,
      this.shelves.map((shelf) => shelf.element),
      this.orders.element,
    );
    this.shelves[0].head.append(this._search(), ...this._choices());
  }

  async open() {
    this._update();
    await this.floor.open();
    this._timer = setInterval(() => this._soon(), 1_000);
    await this.orders.read();
  }

  close() {
    clearInterval(this._timer);
    this.floor.close();
    for (const card of this.cards.values()) card.remove();
  }

  /** Hundreds of changes may come in a second; a few drawings show them all. */
  _soon() {
    if (this._scheduled) return;
    this._scheduled = true;
    setTimeout(
      () =>
        requestAnimationFrame(() => {
          this._scheduled = false;
          this._update();
        }),
      DRAWN_EVERY_MS,
    );
  }

  _update() {
    this.floor.tick();
    this._clock.textContent = new Date(now()).toLocaleTimeString("en-GB");
    const live = this.floor.link === "live";
    this._link.dataset.state = this.floor.link;
    const words = live ? "Live" : "Reconnecting";
    if (this._link.textContent !== words) this._link.textContent = words;
    this.notices.update(this.floor);
    this.overview.update(this.floor, now());
    if (this.floor.room) this.orders.update(this.floor.room);
    for (const shelf of this.shelves) this._fillShelf(shelf);
    this._dropGone();
  }

  _fillShelf({ phases, list, none, empty }) {
    const deals = this.floor
      .inPhases(...phases)
      .filter((deal) => deal.title.toLowerCase().includes(this.sought));
    none.textContent = this.sought ? "No deal of this name." : empty;
    none.hidden = deals.length > 0 || !this.floor.known;
    const cards = deals
      .map((deal) => this._card(deal))
      .sort((one, other) => other.large - one.large);
    placed(
      list,
      cards.map((card) => card.element),
    );
    for (const card of cards) card.update({ now: now(), windowMs: this.windowMs });
  }

  _card(deal) {
    if (!this.cards.has(deal.id)) {
      this.cards.set(
        deal.id,
        new DealCard(deal, (name, which, opener) => this._act(name, which, opener)),
      );
    }
    const before = this._phases.get(deal.id);
    if (before && before !== deal.phase) {
      announce(`${deal.title}: ${word(PHASES, deal.phase).toLowerCase()}.`);
    }
    this._phases.set(deal.id, deal.phase);
    return this.cards.get(deal.id);
  }

  _dropGone() {
    for (const [id, card] of this.cards) {
      if (this.floor.deals.has(id)) continue;
      card.remove();
      this.cards.delete(id);
      this._phases.delete(id);
    }
  }

  async _act(name, deal, opener) {
    if (name === "arrange") {
      this._update();
      return;
    }
    if (name === "report") {
      await showReport(deal);
      return;
    }
    const card = this.cards.get(deal.id);
    const told = await actOnDeal(name, deal, (saved) => this.floor.absorb(saved));
    if (told !== null) card.tell(told);
    this._update();
    // What was pressed may be gone by what it did.
    (opener.checkVisibility() ? opener : card.title).focus();
  }

  _search() {
    const oninput = (event) => {
      this.sought = event.target.value.trim().toLowerCase();
      this._soon();
    };
    return el(
      "div",
      { class: "filter" },
      el("label", { for: "sought" }, "Find a deal"),
      el("input", { id: "sought", type: "search", autocomplete: "off", oninput }),
    );
  }

  _choices() {
    const cards = choice("cards", "Cards", { full: "with charts", short: "short" }, (value) => {
      this.element.dataset.cards = value;
    });
    // On a phone a chart for each of many deals is a long way to the next deal.
    if (matchMedia(NARROW).matches) cards.lastChild.value = this.element.dataset.cards = "short";
    const windows = choice("window", "Charts show", WINDOWS, (value) => {
      this.windowMs = Number(value);
      this._soon();
    });
    windows.lastChild.value = String(this.windowMs);
    return [cards, windows];
  }
}

function choice(id, label, texts, chosen) {
  const options = Object.entries(texts).map(([value, text]) => el("option", { value }, text));
  const select = el("select", { id, onchange: (event) => chosen(event.target.value) }, options);
  return el("div", { class: "filter" }, el("label", { for: id }, label), select);
}

function builtShelf({ name, heading, phases, empty }) {
  const list = el("div", { class: `deals ${name}` });
  const none = el("p", { class: "muted none", hidden: true });
  const head = el("div", { class: "section-head" }, el("h2", { id: `${name}-heading` }, heading));
  const element = el(
    "section",
    { class: "shelf", "aria-labelledby": `${name}-heading` },
    head,
    none,
    list,
  );
  return { phases, empty, list, none, head, element };
}

/** Let a list hold these, in this order, moving only those that are elsewhere: a moved one loses the focus. */
function placed(list, elements) {
  const wanted = new Set(elements);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (list.children[index] === element) return;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    list.insertBefore(element, list.children[index] ?? null);
    focused?.focus();
  });
}
