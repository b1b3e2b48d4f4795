// The sale report of a deal: what can be proved from the database of orders alone.

import { ask } from "../lib/api.js";
import { el } from "../lib/dom.js";
import { shown } from "./dialog.js";
import { REPORT } from "./documents.js";
import { failureInWords } from "./refusals.js";
import { count, dayAndTime, units } from "./words.js";

/** Read the report and show it; a failure is shown in its place. */
export async function showReport(deal) {
  const title = `Sale report: ${deal.title}`;
  let report;
  try {
    report = (await ask(REPORT, { dealId: deal.id })).saleReport;
  } catch (error) {
    shown(title, el("p", { class: "note bad" }, failureInWords(error)));
    return;
  }
  if (report === null) {
    shown(title, el("p", { class: "note bad" }, "There is no such deal any more."));
    return;
  }
  shown(title, verdict(report), figures(report), ledger(report));
}

function verdict({ oversold, drift }) {
  const found = [];
  if (oversold > 0) found.push(`${units(oversold)} oversold`);
  if (drift > 0) found.push(`${count(drift)} differences between the stores not repaired`);
  return found.length === 0
    ? el("p", { class: "note good" }, "Not one unit oversold, and all stores agree.")
    : el("p", { class: "note bad" }, `${found.join(", ")}.`);
}

function figures(report) {
  const rows = [
    ["Allotment", report.allotment],
    ["Claimed by orders", report.claimed],
    ["of these paid", report.paid],
    ["Unsold", report.unsold],
    ["Oversold", report.oversold],
    ["Refunded", report.refunded],
    ["Safety stock withheld", report.safetyStock],
    ["Open differences", report.drift],
  ];
  return el(
    "dl",
    { class: "report" },
    rows.map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", { class: "number" }, count(value))),
    ),
    el(
      "div",
      { class: "wide" },
      el("dt", {}, "Safety stock goes on sale"),
      el("dd", {}, releaseInWords(report)),
    ),
  );
}

function ledger({ ledgerEntries, ledgerHead, asOf }) {
  return el(
    "div",
    { class: "ledger" },
    el(
      "p",
      {},
      `Head of the ledger, after ${count(ledgerEntries)} ${ledgerEntries === 1 ? "entry" : "entries"}:`,
    ),
    el("p", {}, el("code", { class: "hash" }, ledgerHead)),
    el(
      "p",
      { class: "muted" },
      `All of this was so on ${dayAndTime(Date.parse(asOf))}. Keep the head elsewhere: with it an exported ledger shows that it is this one.`,
    ),
  );
}

function releaseInWords({ safetyStockRelease: rule }) {
  const moments = [];
  if (rule?.whenSoldOut) moments.push("when the deal is sold out");
  if (rule?.at) moments.push(`at ${dayAndTime(Date.parse(rule.at))}`);
  return moments.length === 0 ? "only when you release it" : moments.join(", or ");
}
