// One deal: how it stands, how it got there, and what an operator can do about it.

import { clockText, el } from "../lib/dom.js";
import { ChartPanel } from "./chart_panel.js";
import { swatch } from "./fills.js";
import { PHASES, REFUSALS, count, dayAndTime, shortCount, units, word } from "./words.js";

const MINUTE_MS = 60_000;
const FIGURES = { sold: "Sold", held: "Held", available: "Available", refused: "Refused" };

export class DealCard {
  /** `act(name, deal, opener)` is called for what an operator presses. */
  constructor(deal, act) {
    this.deal = deal;
    this.large = false;
    this._act = act;
    this.chart = new ChartPanel(deal.title);
    this.title = el("h3", { id: `title-${deal.id}`, tabindex: "-1" }, deal.title);
    this.phase = el("span", { class: "pill" });
    this.clock = el("span", { class: "clock" });
    this.numbers = {};
    this.growths = {};
    this.terms = el("p", { class: "terms" });
    this.withheld = el("span");
    this.why = el("p", { class: "why" });
    this.result = el("p", { class: "result", role: "status" });
    this.buttons = this._buttons();
    const { hold, adjust, report, end, release } = this.buttons;
    this.reserve = el("p", { class: "reserve", hidden: true }, this.withheld, release);
    this.element = el(
      "article",
      { class: "deal", id: deal.id, "aria-labelledby": `title-${deal.id}` },
      el(
        "header",
        {},
        this.title,
        this.buttons.enlarge,
        el("p", { class: "standing" }, this.phase, this.clock),
      ),
      el(
        "dl",
        { class: "figures" },
        Object.entries(FIGURES).map(([name, text]) => this._figure(name, text)),
      ),
      this.chart.element,
      this.terms,
      this.why,
      this.reserve,
      el(
        "div",
        { class: "actions", role: "group", "aria-label": `Actions for ${deal.title}` },
        hold,
        adjust,
        report,
        end,
      ),
      this.result,
    );
  }

  update({ now, windowMs }) {
    const { deal } = this;
    setText(this.title, deal.title);
    this.element.dataset.phase = deal.phase;
    this.element.dataset.level = deal.phase === "LIVE" ? (deal.stock?.level ?? "") : "";
    setText(this.phase, phaseWord(deal));
    setText(this.clock, clockWords(deal, now));
    this._updateFigures(now);
    setText(this.terms, termsInWords(deal));
    setText(this.why, refusalsInWords(deal));
    this._updateButtons();
    this.chart.update(deal.history, { now, windowMs, refused: deal.floor?.refused ?? 0 });
  }

  /** Tell what came of an action, here and to screen readers. */
  tell(text) {
    this.result.textContent = text;
  }

  remove() {
    this.chart.remove();
    this.element.remove();
  }

  _figure(name, text) {
    this.numbers[name] = el("span", { class: "number" }, "–");
    this.growths[name] = el("span", { class: "growth" });
    return el(
      "div",
      { class: `figure ${name}` },
      el("dt", {}, swatch(name), text),
      el("dd", {}, this.numbers[name], this.growths[name]),
    );
  }

  _updateFigures(now) {
    const { stock, floor, history } = this.deal;
    for (const name of Object.keys(FIGURES)) {
      const value = name === "refused" ? floor?.refused : stock?.[name];
      if (value === undefined) continue;
      setText(this.numbers[name], shortCount(value));
      const growth = history.growth(name, now - MINUTE_MS, now);
      setText(
        this.growths[name],
        growth === 0 ? "" : `${growth > 0 ? "+" : "−"}${shortCount(Math.abs(growth))} / min`,
      );
    }
  }

  _buttons() {
    const button = (text, kind, name) => {
      const onclick = (event) => this._act(name(), this.deal, event.currentTarget);
      return el("button", { type: "button", class: kind, onclick }, text);
    };
    return {
      hold: button("Pause", "quiet hold", () =>
        this.deal.phase === "PAUSED" ? "resume" : "pause",
      ),
      adjust: button("Change stock", "quiet", () => "adjust"),
      report: button("Sale report", "quiet", () => "report"),
      end: button("End", "quiet end", () => "end"),
      release: button("Release safety stock", "quiet", () => "release"),
      enlarge: el(
        "button",
        {
          type: "button",
          class: "plain enlarge",
          "aria-pressed": "false",
          onclick: () => this._enlarge(),
        },
        "Enlarge",
      ),
    };
  }

  _updateButtons() {
    const { hold, adjust, end, release } = this.buttons;
    const { phase, stock, floor } = this.deal;
    const over = phase === "ENDED";
    const withheld = floor?.safetyStock ?? 0;
    setText(hold, phase === "PAUSED" ? "Resume" : "Pause");
    for (const button of [hold, adjust, end]) button.hidden = over;
    this.reserve.hidden = over || withheld === 0;
    setText(this.withheld, `Safety stock: ${count(withheld)} withheld`);
    // The one thing to press: what is paused waits for it, what is sold out has nothing else left.
    hold.classList.toggle("quiet", phase !== "PAUSED");
    release.classList.toggle("quiet", !(phase === "LIVE" && stock?.level === "SOLD_OUT"));
  }

  _enlarge() {
    this.large = !this.large;
    this.element.classList.toggle("large", this.large);
    this.buttons.enlarge.setAttribute("aria-pressed", String(this.large));
    this._act("arrange", this.deal);
    this.element.scrollIntoView({ block: "nearest" });
  }
}

function phaseWord(deal) {
  if (deal.phase !== "LIVE") return word(PHASES, deal.phase);
  if (deal.stock?.level === "SOLD_OUT") return "Sold out";
  return deal.stock?.level === "LOW" ? "On sale, few left" : "On sale";
}

function clockWords(deal, now) {
  switch (deal.phase) {
    case "SCHEDULED":
      return `opens in ${clockText(deal.startsMs - now)}`;
    case "ENDED":
      return `ended ${dayAndTime(deal.endsMs)}`;
    default:
      return `ends in ${clockText(Math.max(0, deal.endsMs - now))}`;
  }
}

function termsInWords({ stock, floor, purchaseLimit }) {
  const parts = [];
  if (stock) parts.push(`Allotment ${count(stock.allotment)}`);
  if (floor?.safetyStock === 0) parts.push("no safety stock");
  parts.push(`at most ${units(purchaseLimit)} a buyer`);
  return parts.join(" · ");
}

function refusalsInWords({ floor }) {
  const causes = (floor?.refusals ?? [])
    .filter((cause) => cause.count > 0)
    .sort((one, other) => other.count - one.count);
  if (causes.length === 0) return "";
  return `Refused: ${causes.map((cause) => `${word(REFUSALS, cause.code)} ${shortCount(cause.count)}`).join(", ")}`;
}

/** Writing the same text again would make the browser lay the page out anew. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
