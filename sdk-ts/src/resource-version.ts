/** Comparing places in a topic's history: `EPOCH.OFFSET`, hex and decimal. */

import type { ResourceVersion } from "./generated/messages.js";

export interface Place {
  readonly epoch: string;
  /** Grows by one per publication; far below 2^53. */
  readonly offset: number;
}

export function parseVersion(version: ResourceVersion): Place {
  const dot = version.indexOf(".");
  return { epoch: version.slice(0, dot), offset: Number(version.slice(dot + 1)) };
}

/** Where a topic that does not exist stands: every history starts from it. */
export const NONE: ResourceVersion = "0.0";
