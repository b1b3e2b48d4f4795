// What stands around every view: header, footer, and a word when live answers stop.

import { announce, el } from "/static/lib/dom.js";
import { icon } from "./pieces.js";
import { shop, signOut, unitsIn, watch } from "./shop.js";

const header = document.getElementById("header");
let count = null;
let stops = [];

/** The header, with the present view marked. */
export function fillHeader(path) {
  for (const stop of stops) stop();
  count = el("span", { class: "count", "aria-hidden": "true" });
  const spoken = el("span", { class: "visually-hidden" });
  const account = el("div", { class: "account" });
  const cart = link("/cart", path, icon("cart"), el("span", { class: "word" }, "Cart", spoken), count);
  header.replaceChildren(
    el(
      "div",
      { class: "bar" },
      el("a", { class: "brand", href: "#/" }, icon("bolt"), el("span", {}, "Flash sale")),
      el(
        "nav",
        { "aria-label": "Shop" },
        link("/", path, "Deals"),
        link("/orders", path, "Orders"),
        cart,
      ),
      account,
    ),
  );
  stops = [
    watch("cart", (now) => {
      const units = unitsIn(now);
      count.textContent = units || "";
      spoken.textContent = units ? ` (${units} ${units === 1 ? "unit" : "units"})` : "";
    }),
    watch("me", (me) => account.replaceChildren(...(me ? signedIn(me) : signedOut(path)))),
  ];
}

function link(to, path, ...content) {
  return el("a", { href: `#${to}`, "aria-current": to === path ? "page" : null }, ...content);
}

function signedOut(path) {
  return [link("/signin", path, "Sign in"), el("a", { class: "button quiet wide-only", href: "#/signup" }, "Sign up")];
}

function signedIn(me) {
  const leaving = el("button", { class: "plain", onclick: () => leave(leaving) }, "Sign out");
  return [el("span", { class: "who wide-only" }, me.name), leaving];
}

async function leave(button) {
  button.setAttribute("aria-disabled", "true");
  try {
    await signOut();
    announce("You are signed out.");
    if (location.hash === "#/" || location.hash === "") dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = "#/";
  } catch {
    announce("Signing out did not work. Try again.");
    button.removeAttribute("aria-disabled");
  }
}

const lost = el("div", { class: "link-state", role: "status" });

/** Show whether live answers flow; whether that is news. */
export function showLink(state) {
  if (!lost.isConnected) document.body.append(lost);
  const interrupted = state !== "live";
  const changed = interrupted === (lost.textContent === "");
  lost.textContent = interrupted ? "Live updates are interrupted. Reconnecting …" : "";
  return changed;
}

export function fillFooter() {
  document.getElementById("footer").replaceChildren(
    el(
      "div",
      { class: "bar" },
      el("p", {}, "Times are the server’s. A hold is yours until its clock runs out."),
      el(
        "nav",
        { "aria-label": "For developers and operators" },
        el("a", { href: "/graphql" }, "API explorer"),
        el("a", { href: "/dashboard" }, "Control room"),
      ),
    ),
  );
}
