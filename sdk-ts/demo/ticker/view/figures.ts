/** Figures of quotes as people read them. */

const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat("en", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: "exceptZero",
});

export function price(value: number | undefined): string {
  return value === undefined ? "" : money.format(value);
}

export function percent(value: number | undefined): string {
  return value === undefined ? "" : `${signed.format(value)} %`;
}

export function volume(value: number | undefined): string {
  return value === undefined ? "" : whole.format(value);
}

const quiet = matchMedia("(prefers-reduced-motion: reduce)");

/** One that changes all the time glows as long, and not the brighter. */
const GLOW_MS = 700;

/** Lets a figure glow for a moment in the colour of where it went. */
export function changed(node: Element, direction: "up" | "down" | undefined): void {
  const isGlowing = node.getAnimations().length > 0;
  if (!direction || quiet.matches || document.hidden || isGlowing) return;
  const colour = `var(${direction === "up" ? "--good" : "--bad"})`;
  const from = `color-mix(in srgb, ${colour} 22%, transparent)`;
  node.animate([{ backgroundColor: from }, { backgroundColor: "transparent" }], GLOW_MS);
}
