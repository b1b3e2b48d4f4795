// Elements, money, times and words to people. Text goes in as text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `on...` props listen, `class`, `style` (an object) and `data` (an object) are what they say. */
export function el(tag, props = {}, ...children) {
  return built(document.createElement(tag), props, children);
}

/** The same for SVG: charts and icons. */
export function svg(tag, props = {}, ...children) {
  return built(document.createElementNS(SVG, tag), props, children);
}

function built(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const digits = new Map();

/** An amount in whole minor units, as people write it: $19.95. */
export function money(amountMinor, currency) {
  if (!digits.has(currency)) {
    digits.set(currency, new Intl.NumberFormat("en", { style: "currency", currency }));
  }
  const format = digits.get(currency);
  return format.format(amountMinor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const two = (number) => String(number).padStart(2, "0");

/** A duration for eyes: 4:05, 1:04:05, 2 d 01:04:05. Rounded up: 0:00 is over. */
export function clockText(ms) {
  const seconds = Math.ceil(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  if (days > 0) return `${days} d ${two(hours)}:${two(minutes)}:${rest}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** A duration for ears: "4 minutes", "30 seconds". */
export function spokenTime(ms) {
  const seconds = Math.ceil(ms / 1000);
  const [amount, unit] =
    seconds >= 2 * 86400 ? [Math.floor(seconds / 86400), "day"]
    : seconds >= 2 * 3600 ? [Math.floor(seconds / 3600), "hour"]
    : seconds >= 120 ? [Math.floor(seconds / 60), "minute"]
    : [seconds, "second"];
  return `${amount} ${unit}${amount === 1 ? "" : "s"}`;
}

const moment = new Intl.DateTimeFormat("en", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** A moment in the reader's time zone: Fri, Nov 27, 09:00. */
export function whenText(iso) {
  return moment.format(new Date(iso));
}

let polite;

/** Say something to screen readers, when they have finished what they are saying. */
export function announce(text) {
  if (!polite) {
    polite = el("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    document.body.append(polite);
  }
  // The same words twice are news twice: a region is read when its content changes.
  polite.textContent = polite.textContent === text ? `${text}\u00a0` : text;
}

let dialogs = 0;

/** Ask before something that cannot be taken back. `yes` and `no` are the buttons' names. */
export function confirmFirst(text, { title = "Are you sure?", yes = "Yes", no = "No" } = {}) {
  const id = `confirm-${++dialogs}`;
  return new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { class: "confirm", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
      el("h2", { id: `${id}-title` }, title),
      el("p", { id: `${id}-text` }, text),
      el(
        "form",
        { method: "dialog", class: "actions" },
        el("button", { value: "no", class: "quiet", autofocus: true }, no),
        el("button", { value: "yes" }, yes),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
