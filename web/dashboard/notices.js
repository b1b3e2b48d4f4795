// What is wrong, in words that stay the same while it is: one sentence a matter, the worst first.

import { el } from "../lib/dom.js";
import { count, timeOfDay } from "./words.js";

const NAMED = 3;

export class Notices {
  /** `choose(status)` is called to show the orders of a status. */
  constructor(choose) {
    this._choose = choose;
    this.list = el("ul", { class: "notices" });
    this.element = el(
      "div",
      { class: "verdict", role: "status", "aria-label": "State of the whole" },
      this.list,
    );
    this._said = "";
  }

  update(floor) {
    const notices = found(floor);
    const said = JSON.stringify(notices);
    if (said === this._said) return;
    this._said = said;
    this.list.replaceChildren(
      ...notices.map((notice) =>
        el(
          "li",
          { class: `note ${notice.tone}` },
          el("strong", {}, MARKS[notice.tone]),
          this._words(notice),
        ),
      ),
    );
  }

  /** A notice leads to where something can be done about it. */
  _words({ text, href, status }) {
    if (href) return el("a", { href }, text);
    return status
      ? el("button", { type: "button", class: "plain", onclick: () => this._choose(status) }, text)
      : text;
  }
}

const MARKS = { bad: "Problem", warn: "Attention", good: "All is well" };

function found(floor) {
  const notices = [...linkNotices(floor), ...countNotices(floor.room), ...dealNotices(floor)];
  const order = ["bad", "warn"];
  notices.sort((one, other) => order.indexOf(one.tone) - order.indexOf(other.tone));
  if (notices.length > 0) return notices;
  return [
    { tone: "good", text: floor.room ? "Nothing needs you." : "Waiting for the first figures." },
  ];
}

function linkNotices(floor) {
  if (floor.link === "reconnecting") {
    return [
      {
        tone: "bad",
        text: `No link to the server since ${timeOfDay(floor.lostAt)}: what you see is from then. Reconnecting by itself.`,
      },
    ];
  }
  if (floor.oldSince !== null) {
    const text = `No newer figures since ${timeOfDay(floor.oldSince)}: ask which store does not answer.`;
    return [{ tone: "bad", text, href: "/readyz" }];
  }
  return [];
}

function countNotices(room) {
  const notices = [];
  const open = (room?.drift ?? []).reduce((sum, drift) => sum + drift.open, 0);
  if (open > 0) {
    const text =
      open === 1
        ? "1 difference between the stores is open."
        : `${count(open)} differences between the stores are open.`;
    notices.push({ tone: "bad", text, href: "#drift" });
  }
  const review = (room?.orders ?? []).find((order) => order.status === "UNDER_REVIEW")?.count ?? 0;
  if (review > 0) {
    const text =
      review === 1
        ? "1 order is under review: decide about its money."
        : `${count(review)} orders are under review: decide about their money.`;
    notices.push({ tone: "warn", text, status: "UNDER_REVIEW" });
  }
  return notices;
}

function dealNotices(floor) {
  const paused = floor.inPhases("PAUSED");
  const withheld = floor
    .inPhases("LIVE")
    .filter((deal) => deal.stock?.level === "SOLD_OUT" && (deal.floor?.safetyStock ?? 0) > 0);
  const notices = [];
  if (withheld.length > 0)
    notices.push(dealNotice(withheld, "Sold out, with safety stock withheld"));
  if (paused.length > 0) notices.push(dealNotice(paused, "Paused"));
  return notices;
}

/** One notice for all deals of a kind, so that many leave room for the deals themselves. */
function dealNotice(deals, what) {
  const named = deals.slice(0, NAMED).map((deal) => `“${deal.title}”`);
  if (deals.length > NAMED) named.push(`${count(deals.length - NAMED)} more`);
  return { tone: "warn", text: `${what}: ${named.join(", ")}.`, href: `#${deals[0].id}` };
}
