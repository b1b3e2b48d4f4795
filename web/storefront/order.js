// One order: where it is, live; paying it; giving it back.

import { ask, follow } from "/static/lib/api.js";
import { announce, confirmFirst, el, whenText } from "/static/lib/dom.js";
import { CANCEL_ORDER, ORDER_CHANGED } from "./documents.js";
import { payPanel } from "./pay.js";
import { deadline, picture, priceText } from "./pieces.js";
import { answerPlace, press, statusTag, statusText } from "./refusals.js";

const EXPLAINED = {
  PENDING_PAYMENT: "The units are yours. Pay before the time is over.",
  CANCELLING: "You gave the order back. It is cancelled as soon as the payment provider has confirmed that no money can move.",
  CANCELLED: "You gave the order back. Its units are on sale again.",
  EXPIRING: "It was not paid in time. It ends as soon as the payment provider has confirmed that no money can move.",
  EXPIRED: "It was not paid in time. Its units are on sale again.",
  PAID: "Thank you. The units are sold to you.",
  REFUND_PENDING: "Your money is on its way back.",
  REFUNDED: "Your money was sent back.",
  UNDER_REVIEW: "What was paid differs from what was agreed. Somebody is looking at it.",
};

export async function showOrder(place, { id, isShown }) {
  const back = returnedFromBank();
  const view = new OrderView(place, id);
  const stop = await new Promise((resolve, reject) => {
    const unfollow = follow(ORDER_CHANGED, { orderId: id }, {
      next: (data) => {
        view.update(data.orderChanged);
        resolve(unfollow);
      },
      error: (error) => {
        if (isShown()) view.answer.refuse(error);
        if (!view.known) unfollow();
        reject(error);
      },
    });
  });
  // A failure that the order knows already is told beside the way to try again.
  if (back && !(back.tone === "warn" && view.known.payment.status === "FAILED")) view.answer[back.tone](back.words);
  return () => {
    stop();
    view.stop();
  };
}

/** What the bank's page told in the address, which is then taken out of it: it names a secret. */
function returnedFromBank() {
  const status = new URLSearchParams(location.search).get("redirect_status");
  if (location.search) history.replaceState(null, "", `${location.pathname}${location.hash}`);
  if (status === "succeeded") return { tone: "tell", words: "Your bank has confirmed that it is you." };
  if (status === "failed") return { tone: "warn", words: "Your bank did not confirm the payment. Nothing was taken. You can try again." };
  return null;
}

class OrderView {
  constructor(place, id) {
    this.id = id;
    this.answer = answerPlace();
    this.status = el("p", { class: "status" });
    this.explained = el("p", { class: "explained" });
    this.clock = el("div");
    this.heading = el("h1", {}, "Your order");
    this.lines = el("ul", { class: "lines", role: "list" });
    this.total = el("strong", { class: "number" });
    this.placed = el("p", { class: "muted" });
    this.cancel = el("button", { class: "quiet", onclick: () => this.giveBack() }, "Cancel order");
    this.cancelAnswer = answerPlace();
    this.pay = payPanel(id);
    this.stopClock = () => {};
    this.known = null;
    place.append(
      el("p", {}, el("a", { href: "#/orders" }, "← My orders")),
      this.heading,
      el("section", { class: "card panel", "aria-label": "Status" }, this.status, this.explained, this.clock, this.answer.element),
      this.pay.element,
      el(
        "section",
        { class: "card panel", "aria-label": "What you ordered" },
        this.lines,
        el("p", { class: "total" }, "Total ", this.total),
        this.placed,
      ),
      el("div", { class: "actions" }, this.cancel),
      this.cancelAnswer.element,
    );
  }

  update(order) {
    const before = this.known;
    this.known = order;
    this.heading.replaceChildren("Order ", el("span", { class: "unbroken" }, order.number));
    this.pay.update(order);
    if (before?.status === order.status) return;
    this.status.replaceChildren(statusTag(order.status));
    this.explained.textContent = EXPLAINED[order.status] ?? "";
    if (before) {
      announce(`Order ${order.number}: ${statusText(order.status)}. ${this.explained.textContent}`);
      this.answer.clear();
    } else {
      this.fill(order);
    }
    this.cancel.hidden = order.status !== "PENDING_PAYMENT";
    this.stopClock();
    this.clock.replaceChildren();
    if (order.status === "PENDING_PAYMENT") this.startClock(order);
    // What was pressed may be gone now: whoever uses a keyboard goes on from the top.
    if (document.activeElement?.closest("[hidden]")) {
      this.heading.tabIndex = -1;
      this.heading.focus();
    }
  }

  fill(order) {
    this.lines.replaceChildren(
      ...order.lines.map((line) =>
        el(
          "li",
          {},
          picture(line.deal?.product, { alt: "", size: 64 }),
          el("span", { class: "line-title" }, `${line.quantity} × ${line.title}`),
          el("strong", { class: "number" }, priceText(line.lineTotal)),
        ),
      ),
    );
    this.total.textContent = priceText(order.total);
    this.placed.textContent = `Placed ${whenText(order.placedAt)}`;
  }

  startClock(order) {
    const [timer, stop] = deadline("Pay within", order.paymentDueAt, {
      closing: () => announce("One minute left to pay."),
    });
    this.stopClock = stop;
    this.clock.replaceChildren(timer);
  }

  async giveBack() {
    const sure = await confirmFirst("Its units go back on sale, and somebody else may take them.", {
      title: "Cancel this order?",
      yes: "Cancel the order",
      no: "Keep it",
    });
    if (!sure) return;
    await press(this.cancel, this.cancelAnswer, async () => {
      const { answer } = await ask(CANCEL_ORDER, { orderId: this.id });
      if (answer.__typename === "Order") {
        this.update(answer);
        this.heading.tabIndex = -1;
        this.heading.focus();
      } else {
        this.cancelAnswer.refuse(answer);
      }
    });
  }

  stop() {
    this.stopClock();
  }
}

