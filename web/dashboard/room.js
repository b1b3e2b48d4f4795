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
  { name: "on-sale", heading: "On sale", phases: ["LIVE", "PAUSED"], none: "Nothing is on sale." },
  { name: "later", heading: "Opening later", phases: ["SCHEDULED"], none: "Nothing is planned." },
  { name: "over", heading: "Over", phases: ["ENDED"], none: "Nothing has ended yet." },
];
const WINDOWS = [
  [60_000, "1 minute"],
  [300_000, "5 minutes"],
  [900_000, "15 minutes"],
];

export class Room {
  constructor({ clock, link, refused }) {
    this.floor = new Floor({ changed: () => this._soon(), refused });
    this.overview = new Overview((status) => this.orders.choose(status));
    this.notices = new Notices();
    this.orders = new Orders();
    this.cards = new Map();
    this.shelves = SHELVES.map((shelf) => builtShelf(shelf));
    this.windowMs = 300_000;
    this._clock = clock;
    this._link = link;
    this._phases = new Map();
    this._scheduled = false;
    this.shelves[0].head.append(this._windowChoice());
    this.element = el(
      "div",
      { class: "room" },
      this.notices.element,
      this.overview.element,
      this.shelves.map((shelf) => shelf.element),
      this.orders.element,
    );
  }

  async open() {
    await this.floor.open();
    this._timer = setInterval(() => this._soon(), 1_000);
    await this.orders.read();
  }

  close() {
    clearInterval(this._timer);
    this.floor.close();
    for (const card of this.cards.values()) card.remove();
  }

  /** Many changes come between two frames; one drawing shows them all. */
  _soon() {
    if (this._scheduled) return;
    this._scheduled = true;
    requestAnimationFrame(() => {
      this._scheduled = false;
      this._update();
    });
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
    for (const shelf of this.shelves) this._fillShelf(shelf);
    this._dropGone();
  }

  _fillShelf({ phases, list, none }) {
    const deals = this.floor.inPhases(...phases);
    none.hidden = deals.length > 0;
    const cards = deals.map((deal) => this._card(deal));
    placed(list, cards.map((card) => card.element));
    for (const card of cards) card.update({ now: now(), windowMs: this.windowMs });
  }

  _card(deal) {
    if (!this.cards.has(deal.id)) {
      this.cards.set(deal.id, new DealCard(deal, (name, which, opener) => this._act(name, which, opener)));
    }
    const before = this._phases.get(deal.id);
    if (before && before !== deal.phase) announce(`${deal.title}: ${word(PHASES, deal.phase).toLowerCase()}.`);
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
    const card = this.cards.get(deal.id);
    if (name === "report") {
      await showReport(deal);
      return;
    }
    const told = await actOnDeal(name, deal, (saved) => this.floor.absorb(saved));
    if (told !== null) card.tell(told);
    this._update();
    // What was pressed may be gone by what it did.
    (opener.isConnected && !opener.hidden ? opener : card.title).focus();
  }

  _windowChoice() {
    const choice = el(
      "select",
      {
        id: "window",
        onchange: (event) => {
          this.windowMs = Number(event.target.value);
          this._soon();
        },
      },
      WINDOWS.map(([ms, text]) => el("option", { value: ms }, text)),
    );
    choice.value = String(this.windowMs);
    return el("div", { class: "filter" }, el("label", { for: "window" }, "Charts show"), choice);
  }
}

function builtShelf({ name, heading, phases, none: text }) {
  const list = el("div", { class: `deals ${name}` });
  const none = el("p", { class: "muted none" }, text);
  const head = el("div", { class: "section-head" }, el("h2", { id: `${name}-heading` }, heading));
  const element = el("section", { class: "shelf", "aria-labelledby": `${name}-heading` }, head, none, list);
  return { phases, list, none, head, element };
}

/** Put elements in order, moving only those that are elsewhere: a moved one loses the focus. */
function placed(list, elements) {
  elements.forEach((element, index) => {
    if (list.children[index] === element) return;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    list.insertBefore(element, list.children[index] ?? null);
    focused?.focus();
  });
}
