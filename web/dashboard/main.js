// The control room: sign-in first, then the room, until the operator leaves.

import { el } from "../lib/dom.js";
import { patterns } from "./fills.js";
import { failureInWords } from "./refusals.js";
import { Room } from "./room.js";
import { operatorSignedIn, signOut } from "./sign_in.js";

const place = document.querySelector("#place");
const account = document.querySelector("#account");
const clock = document.querySelector("#clock");
const link = document.querySelector("#link");
const standing = document.querySelector("#standing");

document.body.append(patterns());
for (;;) {
  const user = await operatorSignedIn(place);
  await worked(user);
}

/** Show the room to an operator; resolves when they have signed out, or their session is over. */
async function worked(user) {
  let leave;
  const left = new Promise((resolve) => {
    leave = resolve;
  });
  const room = new Room({
    clock,
    link,
    refused: (error) => error.code === "UNAUTHENTICATED" && leave(),
  });
  const button = el(
    "button",
    { type: "button", class: "quiet", onclick: () => signOut().finally(leave) },
    "Sign out",
  );
  account.replaceChildren(el("span", { class: "name" }, user.name), button);
  standing.hidden = false;
  place.replaceChildren(room.element);
  try {
    await room.open();
    await left;
  } catch (error) {
    place.replaceChildren(el("p", { class: "note bad", role: "alert" }, failureInWords(error)));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  } finally {
    room.close();
    account.replaceChildren();
    standing.hidden = true;
  }
}
