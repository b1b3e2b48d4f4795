// Who may come in: operators. Everybody else is told so plainly.

import { ask, relink } from "../lib/api.js";
import { heard } from "../lib/clock.js";
import { el } from "../lib/dom.js";
import { LOGIN, LOGOUT, ME, ROOM_NOW } from "./documents.js";
import { failureInWords } from "./refusals.js";

const NOT_THEIRS = ["FORBIDDEN", "UNAUTHENTICATED"];

/** Keep asking in `place` until an operator is signed in; resolves to them. */
export async function operatorSignedIn(place) {
  for (;;) {
    try {
      const { me } = await ask(ME);
      const user = me ?? (await signedIn(place));
      if (await isOperator()) {
        place.replaceChildren();
        return user;
      }
      await turnedAway(place, user);
    } catch (error) {
      await triedAgain(place, failureInWords(error));
    }
  }
}

export async function signOut() {
  await ask(LOGOUT);
  relink();
}

/** The account's role is not told: asking for what only operators may read shows it. */
async function isOperator() {
  const sentAt = performance.now();
  try {
    const { serverTime } = await ask(ROOM_NOW);
    heard(serverTime, sentAt);
    return true;
  } catch (error) {
    if (NOT_THEIRS.includes(error.code)) return false;
    throw error;
  }
}

/** The sign-in form; resolves to the user when it has succeeded. */
function signedIn(place) {
  const email = el("input", {
    id: "email",
    name: "email",
    type: "email",
    autocomplete: "username",
    required: true,
  });
  const password = el("input", {
    id: "password",
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const refusal = el("p", { class: "refusal", role: "alert" });
  const button = el("button", { type: "submit" }, "Sign in");
  const form = el(
    "form",
    { class: "sign-in card" },
    el("h2", {}, "Sign in"),
    el("p", { class: "muted" }, "This page is for operators."),
    el("div", { class: "field" }, el("label", { for: "email" }, "E-mail address"), email),
    el("div", { class: "field" }, el("label", { for: "password" }, "Password"), password),
    refusal,
    button,
  );
  place.replaceChildren(form);
  email.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      refusal.textContent = "";
      button.disabled = true;
      try {
        const { login } = await ask(LOGIN, {
          input: { email: email.value, password: password.value },
        });
        if (login.user) {
          relink();
          resolve(login.user);
          return;
        }
        refusal.textContent = login.message;
        password.select();
      } catch (error) {
        refusal.textContent = error.code === "RATE_LIMITED" ? error.message : failureInWords(error);
      }
      button.disabled = false;
      password.focus();
    });
  });
}

/** Tell a buyer that this is not for them; resolves when they have signed out. */
function turnedAway(place, user) {
  const heading = el("h2", { tabindex: "-1" }, "This page is for operators");
  return new Promise((resolve, reject) => {
    const leave = () => signOut().then(resolve, reject);
    place.replaceChildren(
      el(
        "section",
        { class: "sign-in card" },
        heading,
        el(
          "p",
          {},
          `You are signed in as ${user.name} (${user.email}), and that account is not an operator's.`,
        ),
        el(
          "div",
          { class: "buttons" },
          el("a", { class: "button", href: "/" }, "Go to the shop"),
          el(
            "button",
            { type: "button", class: "quiet", onclick: leave },
            "Sign in as somebody else",
          ),
        ),
      ),
    );
    heading.focus();
  });
}

function triedAgain(place, message) {
  return new Promise((resolve) => {
    const button = el("button", { type: "button", onclick: resolve }, "Try again");
    place.replaceChildren(
      el(
        "section",
        { class: "sign-in card" },
        el("p", { class: "note bad", role: "alert" }, message),
        button,
      ),
    );
    button.focus();
  });
}
