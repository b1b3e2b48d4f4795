// What a deal's figures were over the last minutes, in bounded memory.

const STEP_MS = 1_000;
const KEEP_MS = 15 * 60_000;

export class History {
  constructor() {
    /** Levels, oldest first: {at, allotment, available, held, sold}, at most one a second. */
    this.levels = [];
    /** Refusals counted so far, oldest first: {at, refused}. */
    this.refusals = [];
    /** Times without a link, when nothing is known: {from, to}. */
    this.breaks = [];
  }

  addLevels(at, { allotment, available, held, sold }) {
    append(this.levels, { at, allotment, available, held, sold });
  }

  addRefused(at, refused) {
    append(this.refusals, { at, refused });
  }

  broke(at) {
    this.breaks.push({ from: at, to: null });
    if (this.breaks.length > 20) this.breaks.shift();
  }

  mended(at) {
    const last = this.breaks.at(-1);
    if (last && last.to === null) last.to = at;
  }

  /** When something was first known; null: nothing is yet. */
  get since() {
    return this.levels[0]?.at ?? null;
  }

  /** The levels from `from` on, and the one that was in force then. */
  levelsFrom(from) {
    return this.levels.slice(Math.max(0, indexAt(this.levels, from)));
  }

  /** What was so at a moment that is not before `since`; refusals may not be known yet. */
  at(moment) {
    return {
      level: pointAt(this.levels, moment),
      refused: pointAt(this.refusals, moment)?.refused ?? null,
    };
  }

  /** How much a figure grew from `from` to `to`; below 0 when it fell. */
  growth(figure, from, to) {
    const points = figure === "refused" ? this.refusals : this.levels;
    const last = pointAt(points, to);
    const first = pointAt(points, from) ?? points[0];
    return last ? last[figure] - first[figure] : 0;
  }

  /** What happened in each stretch of `widthMs`, aligned to the clock so that bars stand still. */
  moves(from, to, widthMs) {
    const moves = [];
    for (let start = Math.floor(from / widthMs) * widthMs; start < to; start += widthMs) {
      const end = start + widthMs;
      moves.push({
        from: start,
        to: end,
        sold: Math.max(0, this.growth("sold", start, end)),
        refused: Math.max(0, this.growth("refused", start, end)),
      });
    }
    return moves;
  }
}

/** The newest of a second stands for it. */
function append(points, point) {
  // The server's clock, as we know it, is corrected by a few milliseconds now and then.
  point.at = Math.max(point.at, points.at(-1)?.at ?? 0);
  // The first point stays: what moved since is counted from it.
  if (points.length > 1 && point.at - points.at(-2).at < STEP_MS) points[points.length - 1] = point;
  else points.push(point);
  let old = 0;
  while (old + 1 < points.length && points[old + 1].at < point.at - KEEP_MS) old += 1;
  if (old > 0) points.splice(0, old);
}

function pointAt(points, at) {
  return points[indexAt(points, at)];
}

/** The last point that is not after `at`; -1 when all are. */
function indexAt(points, at) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
