// Every refusal in plain words: what happened, and what to do now.

import { Refused } from "../lib/api.js";

const UNKNOWN =
  "Nobody answered, so it is not known whether this was done. Look at the figures before you do it again.";

/** What to tell of an action that failed on its way. */
export function failureInWords(error) {
  if (!(error instanceof Refused)) throw error;
  switch (error.code) {
    case "UNREACHABLE":
      return UNKNOWN;
    case "UNAUTHENTICATED":
      return "You are no longer signed in. Load the page again and sign in; nothing was changed.";
    case "FORBIDDEN":
      return "Your account is not an operator's. Nothing was changed.";
    case "RATE_LIMITED":
    case "OVERLOADED":
      return `The server is too busy. Try again in ${seconds(error.extensions.retryAfterMs)}; look at the figures first.`;
    case "INTERNAL":
      return `The server made a mistake. Tell its keepers this number: ${error.extensions.requestId ?? "none"}.`;
    default:
      return error.message;
  }
}

/** What to tell of an answer that is a refusal: a member of the union with a code. */
export function refusalInWords({ code, message, retryAfterMs }) {
  switch (code) {
    case "NOT_FOUND":
      return "It is no longer there: somebody may have deleted it. Nothing was changed.";
    case "TRY_LATER":
      return `${message} It may be done already: look at the figures, then try again in ${seconds(retryAfterMs)}.`;
    default:
      return `${message} Nothing was changed.`;
  }
}

function seconds(ms) {
  const whole = Math.max(1, Math.ceil((ms ?? 1_000) / 1_000));
  return `${whole} ${whole === 1 ? "second" : "seconds"}`;
}
