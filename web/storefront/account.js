// Signing in and signing up.

import { ask } from "/static/lib/api.js";
import { el } from "/static/lib/dom.js";
import { LOGIN, REGISTER } from "./documents.js";
import { answerPlace, press } from "./refusals.js";
import { changeViewer, shop } from "./shop.js";

const DEMO = [
  ["Demo Buyer", "buyer@demo.example", "demo-buyer-1"],
  ["Demo Operator", "operator@demo.example", "demo-operator-1"],
];

export function showAccount(place, { id: which, params }) {
  const next = params.get("next")?.startsWith("#/") ? params.get("next") : "#/";
  const joining = which === "signup";
  const answer = answerPlace();
  const fields = {
    ...(joining && { name: field("name", "Name", { autocomplete: "name", maxlength: 100 }) }),
    email: field("email", "E-mail", { type: "email", autocomplete: joining ? "email" : "username", maxlength: 254 }),
    password: field(
      "password",
      "Password",
      { type: "password", autocomplete: joining ? "new-password" : "current-password", maxlength: 128, minlength: joining ? 8 : null },
      joining && "At least 8 characters.",
    ),
  };
  const button = el("button", { type: "submit" }, joining ? "Sign up" : "Sign in");
  const form = el(
    "form",
    { class: "card panel form", "aria-label": joining ? "Sign up" : "Sign in" },
    ...Object.values(fields).map((each) => each.element),
    button,
    answer.element,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    press(button, answer, () => send(joining, fields, answer, next));
  });
  const other = joining ? ["#/signin", "Have an account? Sign in"] : ["#/signup", "New here? Sign up"];
  place.append(
    el(
      "div",
      { class: "narrow" },
      el("h1", {}, joining ? "Sign up" : "Sign in"),
      params.has("next") && el("p", { class: "muted" }, "Units are held for people, so sign in first. You come straight back."),
      form,
      el("p", {}, el("a", { href: `${other[0]}?next=${encodeURIComponent(next)}` }, other[1])),
      shop.config.socialSignIn && el("p", {}, el("a", { class: "button quiet", href: "/auth/oidc/start" }, "Sign in with your organisation")),
      !joining && shop.config.paymentBase && demoHint(fields),
    ),
  );
}

function field(id, name, props, hint) {
  const input = el("input", { id, name: id, required: true, "aria-describedby": hint ? `${id}-hint` : null, ...props });
  return {
    input,
    element: el("div", { class: "field" }, el("label", { for: id }, name), input, hint && el("small", { class: "muted", id: `${id}-hint` }, hint)),
  };
}

async function send(joining, fields, answer, next) {
  const input = Object.fromEntries(Object.entries(fields).map(([name, { input: box }]) => [name, box.value]));
  const { answer: result } = await ask(joining ? REGISTER : LOGIN, { input });
  for (const { input: box } of Object.values(fields)) box.removeAttribute("aria-invalid");
  if (result.__typename !== "Session") {
    answer.refuse(result);
    const wrong = fields[{ EMAIL_TAKEN: "email", INVALID_CREDENTIALS: "password" }[result.code] ?? result.field];
    wrong?.input.setAttribute("aria-invalid", "true");
    wrong?.input.focus();
    return;
  }
  changeViewer(result.user);
  location.replace(next);
}

function demoHint(fields) {
  return el(
    "section",
    { class: "note demo", "aria-labelledby": "demo-title" },
    el("h2", { id: "demo-title" }, "Only looking around?"),
    el("p", {}, "With the demo sale loaded, these accounts are here for you:"),
    el(
      "ul",
      {},
      ...DEMO.map(([name, email, password]) => {
        const fill = () => {
          fields.email.input.value = email;
          fields.password.input.value = password;
          fields.email.input.form.querySelector("button").focus();
        };
        return el(
          "li",
          {},
          el("span", {}, el("strong", {}, name), el("br"), el("code", {}, email), el("br"), el("code", {}, password)),
          el("button", { type: "button", class: "quiet", onclick: fill }, `Use ${name}`),
        );
      }),
    ),
  );
}
