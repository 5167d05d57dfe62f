/**
 * What goes wrong, typed. A node sends a row of its catalogue; what only this side can know (the
 * queue is full, the client was closed) has no number on the wire and the code 0.
 */

import { Code } from "./code.js";
import type { CodeName } from "./generated/codes.js";
import type * as wire from "./generated/messages.js";

/** What to do about an error; the number of its code alone tells. */
export type ErrorClass = "retry" | "redirect" | "refresh" | "resync" | "wait" | "terminal";

/** Errors that no node sends. */
export type LocalErrorName =
  /** The client was closed by the application. */
  | "CLOSED"
  /** The connection was lost, or could not be opened. */
  | "DISCONNECTED"
  /** As many publications or requests wait as may: slow down, or wait for the connection. */
  | "QUEUE_FULL"
  /** Not a fault: the application changed the view of the watch, and what it shows now begins with a snapshot. */
  | "VIEW_CHANGED"
  /** Sent, never answered, and too long ago to repeat it safely: it may be stored or not. */
  | "UNCERTAIN";

export type ErrorName = CodeName | LocalErrorName;

export class FanfareError extends Error {
  /** Of the catalogue of codes; 0 for errors that no node sends. */
  declare readonly code: number;
  /** `GONE`, `FORBIDDEN`, …; newer nodes may send names that this version does not list. */
  declare readonly name: ErrorName | (string & {});
  /** What to do about it. */
  declare readonly class: ErrorClass;
  /** Of class `wait`: milliseconds to wait before repeating. */
  declare readonly retryAfterMs?: number;
  declare readonly topic?: string;
  /** Of `GONE`: the oldest version from which the topic can be resumed. */
  declare readonly oldest?: wire.ResourceVersion;
  /** Of `EPOCH_CHANGED`, `VERSION_AHEAD` and `VERSION_CONFLICT`: the version that is current. */
  declare readonly current?: wire.ResourceVersion;
  /** Of `OUT_OF_SEQUENCE`: the producer sequence that would be accepted. */
  declare readonly expected?: number;
  /** Of `UNKNOWN_PARAMETER` and `BAD_PARAMETER`: which one. */
  declare readonly parameter?: string;
  /** Of `UNKNOWN_PARAMETER`: the known name that is spelt most alike. */
  declare readonly nearest?: string;

  constructor(error: wire.Error & { readonly class: ErrorClass }) {
    super(error.message);
    Object.assign(this, error);
  }
}

/** 30xx retry, 31xx redirect, 32xx refresh, 33xx resync, 34xx wait, else terminal. */
export function classOf(code: number): ErrorClass {
  const classes: readonly ErrorClass[] = ["retry", "redirect", "refresh", "resync", "wait"];
  return classes[Math.floor(code / 100) - 30] ?? "terminal";
}

/** What a node said. The number decides, also when the node is newer than this code. */
export function fromWire(error: wire.Error): FanfareError {
  return new FanfareError({ ...error, class: classOf(error.code) });
}

/** A code that came without an error around it, or that this side found out before the node did. */
export function fromCode(code: number, message?: string, given?: string): FanfareError {
  const name =
    (given || Object.entries(Code).find((row) => row[1] === code)?.[0]) ?? `CODE_${code}`;
  return fromWire({ code, name, message: message || name, class: "" });
}

/** An error that no node sent. */
export function localError(name: LocalErrorName, message: string, group: ErrorClass): FanfareError {
  return new FanfareError({ code: 0, name, message, class: group });
}

/** No connection for the moment, or no part of this code that comes over one; with garbage it is over, too. */
export function disconnected(error: unknown): FanfareError {
  if (error instanceof FanfareError) return error;
  return localError("DISCONNECTED", `no connection: ${error}`, "retry");
}

export function closedError(): FanfareError {
  return localError("CLOSED", "closed", "terminal");
}
