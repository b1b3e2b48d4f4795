// How each series looks: a colour and a pattern, so that nobody needs to tell colours apart.

import { svg } from "../lib/dom.js";

/** The patterns, once for the page: each chart refers to them by id. */
export function patterns() {
  const held = svg(
    "pattern",
    {
      id: "fill-held",
      width: 6,
      height: 6,
      patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    },
    svg("rect", { width: 6, height: 6, class: "held-ground" }),
    svg("rect", { width: 2.5, height: 6, class: "held-line" }),
  );
  const refused = svg(
    "pattern",
    { id: "fill-refused", width: 4, height: 4, patternUnits: "userSpaceOnUse" },
    svg("rect", { width: 4, height: 4, class: "refused-ground" }),
    svg("rect", { width: 4, height: 1.5, class: "refused-line" }),
  );
  const unknown = svg(
    "pattern",
    {
      id: "fill-unknown",
      width: 8,
      height: 8,
      patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(-45)",
    },
    svg("rect", { width: 1.5, height: 8, class: "unknown-line" }),
  );
  return svg(
    "svg",
    { class: "patterns", width: 0, height: 0, "aria-hidden": "true", focusable: "false" },
    svg("defs", {}, held, refused, unknown),
  );
}

/** How a series is filled, in charts and in their legend alike. */
export function filled(series) {
  if (series === "available" || series === "sold") return { class: series };
  return { class: series, fill: `url(#fill-${series})` };
}

/** The little square of a legend. */
export function swatch(series) {
  return svg(
    "svg",
    { class: "swatch", width: 14, height: 14, "aria-hidden": "true", focusable: "false" },
    svg("rect", { x: 0.5, y: 0.5, width: 13, height: 13, rx: 3, ...filled(series) }),
  );
}
