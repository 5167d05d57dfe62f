/** `"100ms"`, `"2s"`, `"1m"`, `"1h"`, seconds: milliseconds on a binary wire. */

import type { Duration } from "../generated/messages.js";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Throws on what is no duration, or no whole number of milliseconds. */
export function parseDuration(duration: Duration): number {
  const [, count, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(String(duration)) ?? [];
  // A product of decimals is a little off: 1.1 s would be 1100.0000000000002 ms.
  const ms = Number((Number(count) * (UNITS_MS[unit] ?? 0)).toFixed(6));
  if (Number.isSafeInteger(ms)) return ms;
  throw new RangeError(`\`${duration}\` is no duration: 100ms, 2s, 1m, 1h or a number of seconds`);
}

export function formatDuration(ms: number): string {
  return ms % 1_000 ? `${ms}ms` : `${ms / 1_000}s`;
}
