// The server's clock: deadlines are counted by it, whatever the clock of this machine says.

const SAMPLE_LASTS_MS = 10 * 60_000; // two crystals drift apart by some milliseconds in that time
const TOLERATED_MS = 5_000; // a pushed time may be this old when it arrives, and be no news

let offset = null; // server's time - performance.now()
let uncertainty = Infinity;
let heardAt = 0;

/**
 * Take note of a time that the server told. `sentAt` and `gotAt`, as performance.now() said them
 * around the question, tell how old it can be; a pushed time has none.
 */
export function heard(serverTimeIso, sentAt, gotAt = performance.now()) {
  const server = Date.parse(serverTimeIso);
  if (Number.isNaN(server)) return;
  if (sentAt === undefined) {
    heardPushed(server, gotAt);
    return;
  }
  const halfway = (gotAt - sentAt) / 2;
  if (halfway <= uncertainty || gotAt - heardAt > SAMPLE_LASTS_MS) {
    offset = server - (sentAt + halfway);
    uncertainty = halfway;
    heardAt = gotAt;
  }
}

/** A pushed time has passed already: the clock is never behind it, and never far ahead of it. */
function heardPushed(server, gotAt) {
  const told = server - gotAt;
  if (offset === null || told > offset || told < offset - TOLERATED_MS) {
    offset = told;
    uncertainty = Infinity;
    heardAt = gotAt;
  }
}

/** Milliseconds since 1970 by the server's clock; by this machine's until the server was heard. */
export function now() {
  return offset === null ? Date.now() : offset + performance.now();
}

/** Milliseconds until a moment, 0 when it has passed. */
export function until(iso) {
  return Math.max(0, Date.parse(iso) - now());
}
