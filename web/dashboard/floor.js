// What the control room knows: deals, their live stock and history, and the counts of the whole.

import { ask, follow, onLink } from "../lib/api.js";
import { heard, now } from "../lib/clock.js";
import { DEALS, DEAL_CHANGED, ROOM_CHANGED, STOCK_CHANGED } from "./documents.js";
import { History } from "./history.js";

const MOST_FOLLOWED = 100; // what one subscription to stock takes
const MOST_ENDED = 20;
const SILENT_MS = 8_000; // the counts come at least every 2 s
const READ_AGAIN_MS = 60_000; // what was missed without a link, and the server's clock
const PHASES = ["PAUSED", "LIVE", "SCHEDULED", "ENDED"];

export class Floor {
  /** `changed()` is called after each change, `refused(error)` when the server will not tell. */
  constructor({ changed, refused }) {
    this.deals = new Map();
    this.known = false;
    this.room = null;
    this.roomHeardAt = null;
    this.link = "live";
    this.lostAt = null;
    this._changed = changed;
    this._refused = refused;
    this._stops = [];
    this._followed = "";
    this._stopStock = () => {};
    this._stopRoom = () => {};
  }

  /** Read everything once, then follow it. */
  async open() {
    await this.read();
    this.openedAt = now();
    this.roomHeardAt = performance.now();
    this._followRoom();
    const error = (reason) => this._refused(reason);
    this._stops = [
      follow(DEAL_CHANGED, {}, { next: (data) => this.absorb(data.dealChanged), error }),
      onLink((state) => this._hearLink(state)),
    ];
    const timer = setInterval(() => this._readAgain(), READ_AGAIN_MS);
    this._stops.push(() => clearInterval(timer));
  }

  close() {
    for (const stop of this._stops) stop();
    this._stopStock();
    this._stopRoom();
  }

  async read() {
    const sentAt = performance.now();
    const data = await ask(DEALS);
    heard(data.serverTime, sentAt);
    this.known = true;
    const lists = [data.live, data.paused, data.scheduled, data.ended];
    const deals = lists.flatMap((list) => list.nodes);
    const listed = new Set(deals.map((deal) => deal.id));
    // A deal that has just ended stays, though it may not be among the newest.
    this.tick();
    for (const entry of this.deals.values()) {
      if (!listed.has(entry.id) && entry.phase !== "ENDED") this.deals.delete(entry.id);
    }
    for (const deal of deals) this.absorb(deal);
    for (const old of this.inPhases("ENDED").slice(MOST_ENDED)) this.deals.delete(old.id);
  }

  /** Take in a deal as it is now, new or known. */
  absorb(deal) {
    const entry = this.deals.get(deal.id) ?? fresh();
    Object.assign(entry, deal);
    entry.startsMs = Date.parse(deal.startsAt);
    entry.endsMs = Date.parse(deal.endsAt);
    this.deals.set(deal.id, entry);
    this._joinRoom();
    this._followStock();
    this._changed();
  }

  /** Phases change by the clock alone, too. */
  tick() {
    for (const deal of this.deals.values()) {
      if (deal.phase === "SCHEDULED" && now() >= deal.startsMs) deal.phase = "LIVE";
      if (deal.phase !== "ENDED" && now() >= deal.endsMs) deal.phase = "ENDED";
    }
  }

  /** The deals of some phases: what ends, or opens, or has ended, next or last comes first. */
  inPhases(...phases) {
    return [...this.deals.values()]
      .filter((deal) => phases.includes(deal.phase))
      .sort((one, other) => nearness(one) - nearness(other) || (one.id < other.id ? -1 : 1));
  }

  /** Whether the server has not told the counts of the whole for longer than it should take. */
  get silent() {
    return this.roomHeardAt !== null && performance.now() - this.roomHeardAt > SILENT_MS;
  }

  /** Since when the server has told nothing newer: a store of its may be away; null: it tells. */
  get oldSince() {
    const asOf = this.room ? Date.parse(this.room.asOf) : this.openedAt;
    return this.silent || (this.room && now() - asOf > SILENT_MS) ? asOf : null;
  }

  _readAgain() {
    if (this.silent && this.link === "live") this._followRoom();
    this.read().catch(() => {
      // The link tells of an unreachable server, and the next read makes up for this one.
    });
  }

  _followRoom() {
    this._stopRoom();
    const next = (data) => this._hearRoom(data.controlRoomChanged);
    this._stopRoom = follow(ROOM_CHANGED, {}, { next, error: this._refused });
  }

  _followStock() {
    const deals = PHASES.flatMap((phase) => this.inPhases(phase));
    // Sorted, so that all who look at the same deals are one group to the server.
    const dealIds = deals
      .slice(0, MOST_FOLLOWED)
      .map((deal) => deal.id)
      .sort();
    if (dealIds.join() === this._followed) return;
    this._followed = dealIds.join();
    queueMicrotask(() => {
      if (dealIds.join() !== this._followed) return;
      const next = (data) => this._hearStock(data.stockChanged);
      // The next look at the deals follows them anew.
      const error = () => (this._followed = "");
      const stopBefore = this._stopStock;
      this._stopStock = follow(STOCK_CHANGED, { dealIds }, { next, error });
      stopBefore();
    });
  }

  _hearStock(stock) {
    const deal = this.deals.get(stock.dealId);
    if (!deal || isOlder(stock, deal.stock)) return;
    deal.stock = stock;
    deal.history.addLevels(now(), stock);
    this._changed();
  }

  _hearRoom(room) {
    this.room = room;
    this.roomHeardAt = performance.now();
    this._joinRoom();
    for (const floor of room.deals)
      this.deals.get(floor.dealId)?.history.addRefused(now(), floor.refused);
    this._changed();
  }

  _joinRoom() {
    for (const floor of this.room?.deals ?? []) {
      const deal = this.deals.get(floor.dealId);
      if (deal) deal.floor = floor;
    }
  }

  _hearLink(state) {
    if (state === "reconnecting") {
      this.lostAt ??= now();
      for (const deal of this.deals.values()) deal.history.broke(now());
    } else if (this.link === "reconnecting") {
      this.lostAt = null;
      for (const deal of this.deals.values()) deal.history.mended(now());
      this._readAgain();
    }
    this.link = state;
    this._changed();
  }
}

function fresh() {
  return { stock: null, floor: null, history: new History() };
}

function isOlder(stock, known) {
  if (!known) return false;
  return (
    stock.epoch < known.epoch || (stock.epoch === known.epoch && stock.version < known.version)
  );
}

function nearness(deal) {
  if (deal.phase === "SCHEDULED") return deal.startsMs;
  return deal.phase === "ENDED" ? -deal.endsMs : deal.endsMs;
}
