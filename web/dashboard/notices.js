// What is wrong, in words that stay the same while it is: one sentence a matter, the worst first.

import { el } from "../lib/dom.js";
import { count, timeOfDay } from "./words.js";

const SILENT_MS = 8_000; // the counts come at least every 2 s

export class Notices {
  constructor() {
    this.list = el("ul", { class: "notices" });
    this.element = el("div", { class: "verdict", role: "status", "aria-label": "State of the whole" }, this.list);
    this._said = "";
  }

  update(floor) {
    const notices = found(floor);
    const said = JSON.stringify(notices);
    if (said === this._said) return;
    this._said = said;
    this.list.replaceChildren(
      ...notices.map(({ tone, text, href }) =>
        el("li", { class: `note ${tone}` }, el("strong", {}, MARKS[tone]), href ? el("a", { href }, text) : text),
      ),
    );
  }
}

const MARKS = { bad: "Problem", warn: "Attention", good: "All is well" };

function found(floor) {
  const notices = [...linkNotices(floor), ...countNotices(floor.room), ...dealNotices(floor)];
  const order = ["bad", "warn"];
  notices.sort((one, other) => order.indexOf(one.tone) - order.indexOf(other.tone));
  if (notices.length > 0) return notices;
  return [{ tone: "good", text: floor.room ? "Nothing needs you." : "Waiting for the first figures." }];
}

function linkNotices(floor) {
  if (floor.link === "reconnecting") {
    return [{ tone: "bad", text: `No link to the server since ${timeOfDay(floor.lostAt)}: what you see is from then. Reconnecting by itself.` }];
  }
  if (floor.silenceMs > SILENT_MS) {
    return [{ tone: "bad", text: "The server has stopped telling its counts: refusals, orders and drift are old." }];
  }
  return [];
}

function countNotices(room) {
  const notices = [];
  const open = (room?.drift ?? []).reduce((sum, drift) => sum + drift.open, 0);
  if (open > 0) {
    const text = open === 1 ? "1 difference between the stores is open." : `${count(open)} differences between the stores are open.`;
    notices.push({ tone: "bad", text, href: "#drift" });
  }
  const review = (room?.orders ?? []).find((order) => order.status === "UNDER_REVIEW")?.count ?? 0;
  if (review > 0) {
    const text = review === 1 ? "1 order is under review: decide about its money." : `${count(review)} orders are under review: decide about their money.`;
    notices.push({ tone: "warn", text, href: "#orders" });
  }
  return notices;
}

function dealNotices(floor) {
  const paused = floor.inPhases("PAUSED").map((deal) => ({ tone: "warn", text: `“${deal.title}” is paused.`, href: `#${deal.id}` }));
  const waiting = floor
    .inPhases("LIVE")
    .filter((deal) => deal.stock?.level === "SOLD_OUT" && (deal.floor?.safetyStock ?? 0) > 0)
    .map((deal) => ({
      tone: "warn",
      text: `“${deal.title}” is sold out, and ${count(deal.floor.safetyStock)} units of its safety stock are withheld.`,
      href: `#${deal.id}`,
    }));
  return [...waiting, ...paused];
}
