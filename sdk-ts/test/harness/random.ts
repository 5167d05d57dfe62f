/** Chance from a seed, so that a failure can be had again. */

export type Random = () => number;

/** In [0, 1): mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Seeds of a run: those of `FANFARE_SEEDS` (`7` or `100-199`), else a few fixed ones. */
export function seeds(count: number): readonly number[] {
  const [first = 1, last] = (process.env["FANFARE_SEEDS"] ?? `1-${count}`).split("-").map(Number);
  return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
}
