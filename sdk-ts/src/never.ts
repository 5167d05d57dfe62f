/** A moment that does not come. */
export const NEVER = Number.POSITIVE_INFINITY;
