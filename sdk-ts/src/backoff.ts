/** How long to wait before the next try: full jitter, so that a crowd that fell together does not return together. */

export interface Backoff {
  /** Milliseconds within which the first retry happens. */
  readonly baseMs: number;
  /** Milliseconds that no wait exceeds. */
  readonly maxMs: number;
}

/** 30 s at most: a page that is looked at should not seem dead for longer. */
export const BACKOFF: Backoff = { baseMs: 500, maxMs: 30_000 };

/** Milliseconds between 0 and `baseMs` doubled `attempt` times; `random` is in [0, 1). */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  return random * Math.min(backoff.maxMs, backoff.baseMs * 2 ** attempt);
}
