// The GraphQL API as the pages use it: questions over HTTP, live answers over one WebSocket.

const ANSWER_WITHIN_MS = 20_000;
const UNNOTICED_MS = 1_000; // a link that is back so soon is no news to people
const SILENT_MS = 60_000; // the server pings every 25 s: two pings missed, and the link is gone
const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 15_000;
const STABLE_MS = 5_000; // a link that was cut sooner is tried again more and more slowly

/** An answer that is no answer: `code` for programs, `message` for people. */
export class Refused extends Error {
  constructor(message, code, extensions = {}) {
    super(message);
    this.name = "Refused";
    this.code = code;
    this.extensions = extensions;
  }
}

/** Execute one query or mutation; its data. Throws Refused, with UNREACHABLE when nobody answered. */
export async function ask(document, variables = {}) {
  let body;
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json, application/json",
      },
      body: JSON.stringify({ query: document, variables }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    body = await response.json();
  } catch {
    throw new Refused("The shop does not answer just now.", "UNREACHABLE");
  }
  const error = body.errors?.[0];
  if (error) throw refusedBy(error);
  return body.data;
}

function refusedBy(error) {
  const extensions = error.extensions ?? {};
  return new Refused(error.message, extensions.code ?? "INTERNAL", extensions);
}

const operations = new Map(); // id -> {document, variables, sink}
const listeners = new Set();
let link = null; // the open or opening WebSocket
let acknowledged = false;
let state = "live";
let acknowledgedAt = Infinity;
let failures = 0;
let nextId = 1;
let retryTimer = 0;
let silenceTimer = 0;
let noticeTimer = 0;

/**
 * Subscribe until stop() is called, over reconnects too. `sink` has next(data) and, if it likes,
 * error(refused), complete(), and again(): what was sent before a reconnect may have been missed.
 */
export function follow(document, variables, sink) {
  const id = String(nextId++);
  operations.set(id, { document, variables, sink, begun: false });
  if (acknowledged) subscribe(id);
  else connect();
  return () => {
    if (operations.delete(id) && acknowledged) say({ type: "complete", id });
  };
}

/** Hear whether live answers flow: "live" or "reconnecting", at once and at each change. */
export function onLink(listener) {
  listeners.add(listener);
  listener(state);
  return () => listeners.delete(listener);
}

/** Connect anew, as whoever the session cookie says now: after signing in and out. */
export function relink() {
  drop();
  failures = 0;
  if (operations.size > 0) connect();
}

function connect() {
  if (link) return;
  clearTimeout(retryTimer);
  const socket = new WebSocket(new URL("/graphql", location.href.replace(/^http/, "ws")), "graphql-transport-ws");
  link = socket;
  heardSomething();
  socket.onopen = () => say({ type: "connection_init" });
  socket.onmessage = (event) => {
    if (socket === link) hear(JSON.parse(event.data));
  };
  socket.onclose = (event) => {
    if (socket === link) lost(event.code, event.reason);
  };
}

function hear(message) {
  heardSomething();
  const operation = operations.get(message.id);
  switch (message.type) {
    case "connection_ack":
      acknowledged = true;
      acknowledgedAt = performance.now();
      clearTimeout(noticeTimer);
      for (const id of operations.keys()) subscribe(id);
      become("live");
      break;
    case "ping":
      say({ type: "pong" });
      break;
    case "next":
      if (message.payload.errors) operation?.sink.error?.(refusedBy(message.payload.errors[0]));
      else operation?.sink.next(message.payload.data);
      break;
    case "error":
      if (operation) refused(message.id, operation, refusedBy(message.payload[0] ?? { message: "" }));
      break;
    case "complete":
      operations.delete(message.id);
      operation?.sink.complete?.();
      break;
  }
}

function refused(id, operation, error) {
  const wait = error.extensions.retryAfterMs;
  if (wait) {
    setTimeout(() => operations.has(id) && acknowledged && subscribe(id), spread(wait));
  } else {
    operations.delete(id);
  }
  operation.sink.error?.(error);
}

function subscribe(id) {
  const operation = operations.get(id);
  say({ type: "subscribe", id, payload: { query: operation.document, variables: operation.variables } });
  if (operation.begun) operation.sink.again?.();
  operation.begun = true;
}

function say(message) {
  if (link?.readyState === WebSocket.OPEN) link.send(JSON.stringify(message));
}

function lost(code, reason) {
  if (performance.now() - acknowledgedAt > STABLE_MS) failures = 0;
  acknowledgedAt = Infinity;
  drop();
  if (operations.size === 0) return;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => become("reconnecting"), UNNOTICED_MS);
  // A server that restarts tells each of its clients a time of its own to come back.
  const told = code === 1012 ? /come back in (\d+) ms/.exec(reason) : null;
  const wait = told ? Number(told[1]) : spread(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures));
  failures += 1;
  retryTimer = setTimeout(connect, wait);
}

function drop() {
  clearTimeout(retryTimer);
  clearTimeout(silenceTimer);
  const socket = link;
  link = null;
  acknowledged = false;
  socket?.close(1000, "");
}

function heardSomething() {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(() => lost(1006, ""), SILENT_MS);
}

function become(next) {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener(state);
}

/** Somewhere around a wait, so that a crowd that lost its links together does not return together. */
function spread(wait) {
  return wait * (0.5 + Math.random());
}

// Somebody who looks at the page again, or has a network again, does not wait out a long pause.
function hurry() {
  if (!link && operations.size > 0 && document.visibilityState === "visible") {
    failures = 0;
    connect();
  }
}
addEventListener("online", hurry);
document.addEventListener("visibilitychange", hurry);
