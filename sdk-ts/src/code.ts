/**
 * The codes that this side needs to know: those that it acts upon, and those that may come as a bare
 * number. All others come with their name; `@fanfare/client/codes` has the whole catalogue.
 */

import type { Code as Catalogue } from "./generated/codes.js";

export const Code = {
  INTERNAL: 3000,
  GOING_AWAY: 3004,
  LAGGED: 3300,
  GONE: 3301,
  EPOCH_CHANGED: 3302,
  FRAME_TOO_LARGE: 3505,
  OUT_OF_SEQUENCE: 3515,
  IDLE: 3524,
} as const satisfies Partial<typeof Catalogue>;
