// Asking before anything is done: a dialog that names what will happen, and stays until it has.

import { el } from "../lib/dom.js";

let opened = 0;

/**
 * Ask, then do. `says(values)` names what will happen, anew at each input; `act(values)` does it and
 * answers what to tell, or throws an error whose message is shown for another try.
 *
 * Resolves to what `act` answered, or null when it was cancelled.
 */
export function confirmed({ title, says, fields = [], verb, danger = false, act }) {
  const id = `ask-${++opened}`;
  const form = el("form", { method: "dialog", novalidate: true });
  const inputs = fields.map((field) => field.build(form));
  const effect = el("p", { id: `${id}-effect`, class: "effect" });
  const refusal = el("p", { class: "refusal", role: "alert" });
  const cancel = el("button", { type: "button", class: "quiet", autofocus: danger }, "Cancel");
  const submit = el("button", { type: "submit", class: danger && "danger" }, verb);
  form.append(...inputs, effect, refusal, el("div", { class: "buttons" }, cancel, submit));
  const dialog = el(
    "dialog",
    { class: "ask", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-effect` },
    el("h2", { id: `${id}-title` }, title),
    form,
  );
  const tell = () => {
    effect.textContent = says(values(form));
  };

  return new Promise((resolve) => {
    let told = null;
    let busy = false;
    form.addEventListener("input", tell);
    cancel.addEventListener("click", () => dialog.close());
    // Escape must not hide what is being done.
    dialog.addEventListener("cancel", (event) => busy && event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(told);
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      refusal.textContent = "";
      if (busy || !filledIn(form, refusal)) return;
      busy = true;
      submit.textContent = "Doing it…";
      try {
        told = await act(values(form));
        dialog.close();
      } catch (error) {
        refusal.textContent = error.message;
        submit.textContent = verb;
      }
      busy = false;
    });
    tell();
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A dialog that only tells; closed by its button or Escape. */
export function shown(title, ...content) {
  const id = `show-${++opened}`;
  const close = el("button", { type: "submit", autofocus: true }, "Close");
  const dialog = el(
    "dialog",
    { class: "ask", "aria-labelledby": id },
    el("h2", { id }, title),
    ...content,
    el("form", { method: "dialog" }, el("div", { class: "buttons" }, close)),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** A whole number from 1 to `most`. */
export function numberField(name, label, { most = 1_000_000, value = "" }) {
  return {
    build: () =>
      labelled(label, (id) =>
        el("input", {
          id,
          name,
          type: "number",
          min: 1,
          max: most,
          step: 1,
          required: true,
          inputmode: "numeric",
          value,
        }),
      ),
  };
}

/** A reason for the ledger. */
export function reasonField() {
  return {
    build: () =>
      labelled("Reason, for the ledger", (id) =>
        el("input", {
          id,
          name: "reason",
          type: "text",
          required: true,
          maxlength: 500,
          autocomplete: "off",
        }),
      ),
  };
}

/** One of several; `choices` are [value, text], the first is taken unless another is chosen. */
export function choiceField(name, label, choices) {
  return {
    build: () =>
      el(
        "fieldset",
        {},
        el("legend", {}, label),
        choices.map(([value, text], index) =>
          el(
            "label",
            { class: "choice" },
            el("input", { type: "radio", name, value, checked: index === 0 }),
            text,
          ),
        ),
      ),
  };
}

function labelled(text, build) {
  const id = `field-${++opened}`;
  return el("div", { class: "field" }, el("label", { for: id }, text), build(id));
}

function values(form) {
  return Object.fromEntries(new FormData(form));
}

/** Says what is missing, and leads there. */
function filledIn(form, refusal) {
  const wrong = [...form.elements].find((input) => !input.checkValidity());
  if (!wrong) return true;
  refusal.textContent = `${wrong.labels[0].textContent}: ${wrong.validationMessage}`;
  wrong.focus();
  return false;
}
