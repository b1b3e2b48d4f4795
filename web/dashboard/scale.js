// Axes: from values to places, with marks at round values.

const ROUND_SECONDS = [5, 10, 15, 30, 60, 120, 300, 600];

export function scale(fromValue, toValue, fromPlace, toPlace) {
  const factor = (toPlace - fromPlace) / (toValue - fromValue || 1);
  return (value) => fromPlace + (value - fromValue) * factor;
}

/** Whole, round values from 0 to at most `most`, with about `wanted` steps. */
export function countTicks(most, wanted) {
  const rough = Math.max(1, most / wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.ceil(
    [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough),
  );
  const ticks = [];
  for (let tick = 0; tick <= most; tick += step) ticks.push(tick);
  return ticks;
}

/** Round moments between two, with at most `wanted` steps. */
export function timeTicks(from, to, wanted) {
  const seconds = (to - from) / 1_000;
  const step = (ROUND_SECONDS.find((size) => seconds / size <= wanted) ?? 1_200) * 1_000;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}
