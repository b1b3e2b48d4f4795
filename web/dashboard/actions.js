// What an operator can do: each asks first, names what will happen, and tells what came of it.

import { ask } from "../lib/api.js";
import { money } from "../lib/dom.js";
import { choiceField, confirmed, numberField, reasonField } from "./dialog.js";
import { ADJUST, END, PAUSE, REFUND, RELEASE, RESUME } from "./documents.js";
import { failureInWords, refusalInWords } from "./refusals.js";
import { count, timeOfDay, units } from "./words.js";

/** Ask and do one action on a deal. Resolves to what to tell, null when nothing was asked for. */
export async function actOnDeal(name, deal, absorb) {
  const asking = DEAL_ACTIONS[name](deal);
  return confirmed({
    ...asking,
    act: async (values) => {
      const saved = await done(asking.document, asking.variables(values));
      absorb(saved.deal);
      return `${asking.told(values)} at ${timeOfDay(Date.now())}.`;
    },
  });
}

/** Ask and send the money of an order back. Resolves to the order as it is then, or null. */
export function refund(order) {
  const bought = order.lines.reduce((sum, line) => sum + line.quantity, 0);
  const amount = money(order.total.amountMinor, order.total.currency);
  return confirmed({
    title: `Refund order ${order.number}?`,
    fields: [
      choiceField("restock", `${bought === 1 ? "Its unit" : "Its units"} afterwards`, [
        ["no", "Stay off sale: the allotment shrinks"],
        ["yes", "Go back on sale"],
      ]),
      reasonField(),
    ],
    says: ({ restock }) =>
      `${amount} goes back to the buyer, and the order ends. ` +
      (restock === "yes"
        ? `${units(bought)} can be bought again.`
        : `${units(bought)} will not be sold again.`) +
      " This cannot be taken back.",
    verb: `Refund ${amount}`,
    danger: true,
    act: ({ restock, reason }) =>
      done(REFUND, {
        input: { orderId: order.id, restock: restock === "yes", reason: reason.trim() },
      }),
  });
}

/** Send a mutation; what it answers, unless that is a refusal. */
async function done(document, variables) {
  let answer;
  try {
    answer = (await ask(document, variables)).done;
  } catch (error) {
    throw new Error(failureInWords(error));
  }
  if (answer.code) throw new Error(refusalInWords(answer));
  return answer;
}

const DEAL_ACTIONS = {
  pause: (deal) => ({
    title: `Pause “${deal.title}”?`,
    says: () =>
      "Nobody can add it to a cart, check out or place an order until you resume it. " +
      "What is held stays held, and orders can still be paid. It still ends at its time.",
    verb: "Pause",
    document: PAUSE,
    variables: () => ({ dealId: deal.id }),
    told: () => "Paused",
  }),

  resume: (deal) => ({
    title: `Resume “${deal.title}”?`,
    says: () =>
      `It goes on at once${deal.stock ? `, with ${units(deal.stock.available)} available` : ""}.`,
    verb: "Resume",
    document: RESUME,
    variables: () => ({ dealId: deal.id }),
    told: () => "Resumed",
  }),

  end: (deal) => ({
    title: `End “${deal.title}” now?`,
    says: () =>
      "It is over for everybody, before its time. Checkouts that have begun may still be placed, and orders " +
      `paid.${deal.stock ? ` ${units(deal.stock.available)} stay unsold.` : ""} To stop it for a while, pause it instead.`,
    verb: "End it now",
    danger: true,
    document: END,
    variables: () => ({ dealId: deal.id }),
    told: () => "Ended",
  }),

  adjust: (deal) => ({
    title: `Change the stock of “${deal.title}”`,
    fields: [
      choiceField("direction", "What to do", [
        ["add", "Add units"],
        ["take", "Take units back"],
      ]),
      numberField("units", "Units", {}),
      reasonField(),
    ],
    says: (values) => adjustmentInWords(deal, values),
    verb: "Change stock",
    document: ADJUST,
    variables: (values) => ({
      input: { dealId: deal.id, delta: delta(values), reason: values.reason.trim() },
    }),
    told: (values) =>
      delta(values) < 0 ? `${units(-delta(values))} taken back` : `${units(delta(values))} added`,
  }),

  release: (deal) => {
    const withheld = deal.floor.safetyStock;
    return {
      title: `Release safety stock of “${deal.title}”`,
      fields: [
        numberField("units", `Units, of ${count(withheld)} withheld`, {
          most: withheld,
          value: withheld,
        }),
      ],
      says: (values) =>
        `${units(Number(values.units))} of the safety stock can be bought at once. ` +
        `${units(Math.max(0, withheld - Number(values.units)))} stay withheld.`,
      verb: "Release",
      document: RELEASE,
      variables: (values) => ({ dealId: deal.id, units: Number(values.units) }),
      told: (values) => `${units(Number(values.units))} released`,
    };
  },
};

function delta({ direction, units: number }) {
  return direction === "take" ? -Number(number) : Number(number);
}

function adjustmentInWords({ stock }, values) {
  const change = delta(values);
  const before = stock?.allotment;
  const after = before + change;
  const target = after >= 0 ? ` from ${count(before)} to ${count(after)}` : "";
  if (values.direction === "take") {
    const free = stock
      ? ` Only what nobody holds or has bought can be taken: ${units(stock.available)} now.`
      : "";
    return `The allotment shrinks${target}.${free}`;
  }
  return `The allotment grows${target}, and what is added can be bought at once.`;
}
